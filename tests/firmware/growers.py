"""For each operator, how a node of it is drawn at random.

A grower may draw what the compiler refuses: the network is grown without it then. What it draws
must be valid in TFLM.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from firmware_export.ir import Node, OptionValue, Quantization, Tensor
from tests.firmware.fixtures.lstm import lstm
from tests.firmware.fixtures.single_ops import (
    PADDING_CODES,
    activation,
    constant,
    float32,
    slid,
    spanned,
)
from tests.firmware.growth import Grower, Growth

INT32_CODE = 2


# Sums of products ---------------------------------------------------------------------------


def _weights(growth: Growth, values: NDArray[np.int8], channels: int, axis: int) -> Tensor:
    per_channel = growth.chance(0.7)
    scales = growth.rng.uniform(0.002, 0.02, channels if per_channel else 1)
    return constant(growth.fresh("weights"), values, scales, axis)


def _bias(growth: Growth, x: Tensor, weights: Tensor, channels: int) -> list[Tensor]:
    if growth.chance(0.15):
        return []
    values = growth.rng.integers(-20_000, 20_000, channels).astype(np.int32)
    scales = [x.scale * scale for scale in _scales(weights)]
    return [constant(growth.fresh("bias"), values, scales)]


def _scales(tensor: Tensor) -> tuple[float, ...]:
    return tensor.quantization.scales if tensor.quantization else ()


def _sum_scale(growth: Growth, x: Tensor, weights: Tensor, depth: int) -> float:
    """Sums of ``depth`` products of values of about 74 fill int8, give or take the spread."""
    typical = x.scale * float(np.mean(_scales(weights)))
    return float32(typical * 74 * 74 * depth**0.5 / 60 * growth.spread())


def _window(
    growth: Growth, x: Tensor, dilation: tuple[int, int] = (1, 1)
) -> tuple[tuple[int, int], tuple[int, int], str]:
    """Kernel, strides and padding that fit the image."""
    padding = str(growth.rng.choice(["SAME", "VALID"]))
    largest = [
        min(5, 1 + (extent - (padding == "VALID")) // apart)
        for extent, apart in zip(x.shape[1:3], dilation, strict=True)
    ]
    kernel = growth.integer(1, largest[0]), growth.integer(1, largest[1])
    return kernel, (growth.integer(1, 3), growth.integer(1, 3)), padding


def _dilation(growth: Growth) -> tuple[int, int]:
    return (growth.integer(1, 3), growth.integer(1, 3)) if growth.chance(0.3) else (1, 1)


def _sliding(strides: tuple[int, int], padding: str, growth: Growth) -> dict[str, OptionValue]:
    return {
        "padding": PADDING_CODES[padding],
        "stride_h": strides[0],
        "stride_w": strides[1],
        "fused_activation_function": growth.activation_code(),
    }


def _conv_2d(growth: Growth, x: Tensor) -> Node | None:
    if len(x.shape) != 4:
        return None
    dilation = _dilation(growth)
    kernel, strides, padding = _window(growth, x, dilation)
    groups = _groups(growth, x)
    channels = groups * growth.integer(1, max(1, 12 // groups))
    values = growth.int8(channels, *kernel, x.shape[3] // groups)
    weights = _weights(growth, values, channels, 0)
    return growth.node(
        "CONV_2D",
        [x, weights, *_bias(growth, x, weights, channels)],
        (x.shape[0], *slid(x.shape[1:3], spanned(kernel, dilation), strides, padding), channels),
        scale=_sum_scale(growth, x, weights, values[0].size),
        table="Conv2DOptions",
        dilation_h_factor=dilation[0],
        dilation_w_factor=dilation[1],
        **_sliding(strides, padding, growth),
    )


def _groups(growth: Growth, x: Tensor) -> int:
    whole = [n for n in range(2, x.shape[3] + 1) if x.shape[3] % n == 0]
    return int(growth.rng.choice(whole)) if whole and growth.chance(0.3) else 1


def _depthwise_conv_2d(growth: Growth, x: Tensor) -> Node | None:
    if len(x.shape) != 4:
        return None
    dilation = _dilation(growth)
    kernel, strides, padding = _window(growth, x, dilation)
    multiplier = 1 if growth.chance(0.7) else growth.integer(2, 3)
    channels = x.shape[3] * multiplier
    weights = _weights(growth, growth.int8(1, *kernel, channels), channels, 3)
    return growth.node(
        "DEPTHWISE_CONV_2D",
        [x, weights, *_bias(growth, x, weights, channels)],
        (x.shape[0], *slid(x.shape[1:3], spanned(kernel, dilation), strides, padding), channels),
        scale=_sum_scale(growth, x, weights, kernel[0] * kernel[1]),
        table="DepthwiseConv2DOptions",
        depth_multiplier=multiplier,
        dilation_h_factor=dilation[0],
        dilation_w_factor=dilation[1],
        **_sliding(strides, padding, growth),
    )


def _transpose_conv(growth: Growth, x: Tensor) -> Node | None:
    if len(x.shape) != 4:
        return None
    kernel = growth.integer(1, 4), growth.integer(1, 4)
    strides = growth.integer(1, 3), growth.integer(1, 3)
    padding = str(growth.rng.choice(["SAME", "VALID"]))
    channels = growth.integer(1, 6)
    sizes = zip(x.shape[1:3], strides, kernel, strict=True)
    height, width = (_spread_extent(growth, *size, padding) for size in sizes)
    weights = _weights(growth, growth.int8(channels, *kernel, x.shape[3]), channels, 0)
    shape = (x.shape[0], height, width, channels)
    node = growth.node(
        "TRANSPOSE_CONV",
        [growth.integers("shape", shape), weights, x, *_bias(growth, x, weights, channels)],
        shape,
        scale=_sum_scale(growth, x, weights, x.shape[3]),
        table="TransposeConvOptions",
        **_sliding(strides, padding, growth),
    )
    return replace(node, version=4)


def _spread_extent(growth: Growth, extent: int, stride: int, taps: int, padding: str) -> int:
    """One of the sizes that a convolution takes back to ``extent``."""
    if padding == "SAME":
        return extent * stride - growth.integer(0, stride - 1)
    return (extent - 1) * stride + taps + growth.integer(0, stride - 1)


def _fully_connected(growth: Growth, x: Tensor) -> Node | None:
    keep = growth.chance(0.3)
    depth = x.shape[-1] if keep or growth.chance(0.3) else x.elements
    features = growth.integer(1, 12)
    weights = _weights(growth, growth.int8(features, depth), features, 0)
    rows = x.elements // depth
    return growth.node(
        "FULLY_CONNECTED",
        [x, weights, *_bias(growth, x, weights, features)],
        (*x.shape[:-1], features) if keep else (rows, features),
        scale=_sum_scale(growth, x, weights, depth),
        table="FullyConnectedOptions",
        weights_format=0,
        keep_num_dims=keep,
        fused_activation_function=growth.activation_code(),
    )


def _lstm(growth: Growth, x: Tensor) -> Node | None:
    """Over a sequence of any length, also of one step; now and then it saturates, or is cut off."""
    if len(x.shape) != 3:
        return None
    time_major = growth.chance(0.3)
    steps, batch = x.shape[:2] if time_major else x.shape[1::-1]
    made = lstm(
        growth.fresh("lstm"),
        growth.integer(0, 2**32),
        batch=batch,
        steps=steps,
        features=x.shape[2],
        units=growth.integer(1, 12),
        time_major=time_major,
        cell_clip=float32(growth.spread()) if growth.chance(0.3) else 0.0,
        cell_bits=-growth.integer(8, 15),
        zero_points=(x.zero_point, growth.zero_point()),
        scales=(x.scale, float32(growth.spread() / 128)),
        spread=growth.spread() * 0.05 / x.scale,
    )
    return replace(made, inputs=(x, *made.inputs[1:]))


# Element by element -------------------------------------------------------------------------


def _partner(growth: Growth, x: Tensor) -> Tensor:
    """A second operand, computed or constant, of a shape that goes with the first."""
    if growth.chance(0.6):
        same = [tensor for tensor in growth.tensors if tensor.shape == x.shape]
        fitting = [tensor for tensor in growth.tensors if _go_together(x.shape, tensor.shape)]
        chosen = same if growth.chance(0.5) else fitting
        return chosen[growth.integer(0, len(chosen) - 1)]
    shape = _repeated_shape(growth, x)
    quantization = Quantization((float32(x.scale * growth.spread()),), (growth.zero_point(),), 0)
    return Tensor(growth.fresh("constant"), shape, "int8", quantization, growth.int8(*shape))


def _go_together(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    pairs = zip(reversed(one), reversed(other), strict=False)
    return all(a == b or 1 in {a, b} for a, b in pairs)


def _repeated_shape(growth: Growth, x: Tensor) -> tuple[int, ...]:
    """Repeated along some dimensions, of fewer dimensions, or one along which ``x`` is repeated."""
    shape = [extent if growth.chance(0.6) else 1 for extent in x.shape]
    if growth.chance(0.2):
        shape = [extent if extent > 1 else growth.integer(1, 3) for extent in x.shape[1:]]
    if growth.chance(0.3):
        shape = shape[growth.integer(0, len(shape) - 1) :]
    return tuple(shape)


def _arithmetic(op: str, table: str, scale: Callable[[Tensor, Tensor], float]) -> Grower:
    def grow(growth: Growth, x: Tensor) -> Node:
        other = _partner(growth, x)
        return growth.node(
            op,
            [x, other] if growth.chance(0.7) else [other, x],
            np.broadcast_shapes(x.shape, other.shape),
            scale=float32(scale(x, other) * growth.spread()),
            table=table,
            fused_activation_function=growth.activation_code(),
        )

    return grow


def _alike(growth: Growth, x: Tensor) -> list[Tensor]:
    """All of the same quantization, ``x`` among them."""
    return [tensor for tensor in growth.tensors if tensor.quantization == x.quantization]


def _largest_or_smallest(op: str) -> Grower:
    """All three tensors have one quantization, as in the files of the converter."""

    def grow(growth: Growth, x: Tensor) -> Node:
        shape = _repeated_shape(growth, x)
        name = growth.fresh("constant")
        other = Tensor(name, shape, "int8", x.quantization, growth.int8(*shape))
        alike = [t for t in _alike(growth, x) if _go_together(x.shape, t.shape)]
        if growth.chance(0.4):
            other = alike[growth.integer(0, len(alike) - 1)]
        shape = np.broadcast_shapes(x.shape, other.shape)
        return growth.node(op, [x, other], shape, like=x, table="MaximumMinimumOptions")

    return grow


def _function(op: str, output: tuple[float, int] | None = None, table: str = "NONE") -> Grower:
    """An operator of one tensor; ``output`` is the quantization that the format prescribes."""

    def grow(growth: Growth, x: Tensor) -> Node:
        if output is None:
            scale = float32(x.scale * growth.spread())
            return growth.node(op, [x], x.shape, scale=scale, table=table)
        scale, zero_point = output
        return growth.node(op, [x], x.shape, scale=scale, zero_point=zero_point, table=table)

    return grow


def _relu6(growth: Growth, x: Tensor) -> Node:
    """On one scale: TFLM itself is wrong where they differ."""
    return growth.node("RELU6", [x], x.shape, like=x)


def _quantize(growth: Growth, x: Tensor) -> Node:
    """To another scale, or as an output of the network to uint8."""
    scale = float32(x.scale * growth.spread())
    node = growth.node("QUANTIZE", [x], x.shape, scale=scale, table="QuantizeOptions")
    if growth.chance(0.7):
        return node
    shifted = Quantization((scale,), (node.output.zero_point + 128,), 0)
    return replace(node, outputs=(replace(node.output, dtype="uint8", quantization=shifted),))


def _dequantize(growth: Growth, x: Tensor) -> Node:
    node = growth.node("DEQUANTIZE", [x], x.shape, like=x, table="DequantizeOptions")
    return replace(node, outputs=(replace(node.output, dtype="float32", quantization=None),))


def _arg_max(growth: Growth, x: Tensor) -> Node:
    axis = growth.integer(-1, len(x.shape) - 1)
    shape = [extent for index, extent in enumerate(x.shape) if index != axis % len(x.shape)]
    axes = constant(growth.fresh("axis"), np.array(axis, np.int32))
    node = growth.node(
        "ARG_MAX", [x, axes], shape, like=x, table="ArgMaxOptions", output_type=INT32_CODE
    )
    return replace(node, outputs=(replace(node.output, dtype="int32", quantization=None),))


def _leaky_relu(growth: Growth, x: Tensor) -> Node:
    scale = float32(x.scale * growth.spread())
    alpha = float32(float(growth.rng.uniform(0.01, 0.9)))
    return growth.node(
        "LEAKY_RELU", [x], x.shape, scale=scale, table="LeakyReluOptions", alpha=alpha
    )


def _prelu(growth: Growth, x: Tensor) -> Node | None:
    if len(x.shape) != 4:
        return None
    shape = _repeated_shape(growth, x) if growth.chance(0.4) else (1, 1, x.shape[3])
    alpha = constant(growth.fresh("alpha"), growth.int8(*shape), [0.004])
    return growth.node("PRELU", [x, alpha], x.shape, scale=float32(x.scale * growth.spread()))


def _softmax(growth: Growth, x: Tensor) -> Node:
    return growth.node(
        "SOFTMAX",
        [x],
        x.shape,
        scale=1 / 256,
        zero_point=-128,
        table="SoftmaxOptions",
        beta=float32(growth.spread()) if growth.chance(0.3) else 1.0,
    )


# Many values to one -------------------------------------------------------------------------


def _pool_2d(op: str) -> Grower:
    def grow(growth: Growth, x: Tensor) -> Node | None:
        if len(x.shape) != 4:
            return None
        kernel, strides, padding = _window(growth, x)
        return growth.node(
            op,
            [x],
            (x.shape[0], *slid(x.shape[1:3], kernel, strides, padding), x.shape[3]),
            like=x,
            table="Pool2DOptions",
            filter_height=kernel[0],
            filter_width=kernel[1],
            **_sliding(strides, padding, growth),
        )

    return grow


def _reduction(op: str, *, same_scale: bool = False, grows: bool = False) -> Grower:
    """Over height and width, or over any other choice of dimensions but the first."""

    def grow(growth: Growth, x: Tensor) -> Node | None:
        rank = len(x.shape)
        axes = [1, 2]
        if rank != 4 or growth.chance(0.5):
            axes = [axis for axis in range(1, rank) if growth.chance(0.5)]
        if not axes:
            return None
        keep = growth.chance(0.5)
        kept = [extent for axis, extent in enumerate(x.shape) if axis not in axes]
        whole = [1 if axis in axes else extent for axis, extent in enumerate(x.shape)]
        named = [axis - rank if growth.chance(0.2) else axis for axis in axes]
        size = math.sqrt(math.prod(x.shape[axis] for axis in axes)) if grows else 1.0
        return growth.node(
            op,
            [x, growth.integers("axes", named)],
            whole if keep else kept,
            like=x if same_scale else None,
            scale=float32(x.scale * size * growth.spread()),
            table="ReducerOptions",
            keep_dims=keep,
        )

    return grow


# Values that move, unchanged ----------------------------------------------------------------


def _reshape(growth: Growth, x: Tensor) -> Node:
    divisors = [n for n in range(1, x.elements + 1) if x.elements % n == 0]
    last = int(growth.rng.choice(divisors))
    shape: tuple[int, ...] = (1, x.elements // last, last)
    if growth.chance(0.4):
        shape = (1, x.elements)
    elif growth.chance(0.5):
        rows = [n for n in divisors if (x.elements // last) % n == 0]
        height = int(growth.rng.choice(rows))
        shape = (1, height, x.elements // last // height, last)
    return growth.node(
        "RESHAPE", [x, growth.integers("shape", shape)], shape, like=x, table="ReshapeOptions"
    )


def _expand_dims(growth: Growth, x: Tensor) -> Node | None:
    if len(x.shape) > 3:
        return None
    axis = growth.integer(1, len(x.shape))
    shape = (*x.shape[:axis], 1, *x.shape[axis:])
    return growth.node(
        "EXPAND_DIMS",
        [x, growth.integers("axis", [axis])],
        shape,
        like=x,
        table="ExpandDimsOptions",
    )


def _squeeze(growth: Growth, x: Tensor) -> Node | None:
    shape = (x.shape[0], *(extent for extent in x.shape[1:] if extent != 1))
    if len(shape) == len(x.shape) or len(shape) < 2 or x.shape[0] != 1:
        return None
    dims = tuple(axis for axis, extent in enumerate(x.shape) if axis and extent == 1)
    return growth.node("SQUEEZE", [x], shape, like=x, table="SqueezeOptions", squeeze_dims=dims)


def _transpose(growth: Growth, x: Tensor) -> Node:
    order = [0, *(1 + growth.rng.permutation(len(x.shape) - 1)).tolist()]
    shape = [x.shape[axis] for axis in order]
    return growth.node(
        "TRANSPOSE", [x, growth.integers("order", order)], shape, like=x, table="TransposeOptions"
    )


def _padded(growth: Growth, x: Tensor, limit: Callable[[int], int]) -> tuple[Tensor, list[int]]:
    pads = [(0, 0)] * len(x.shape)
    for axis in range(1, len(x.shape)):
        most = limit(x.shape[axis])
        pads[axis] = growth.integer(0, most), growth.integer(0, most)
    values = constant(growth.fresh("pads"), np.array(pads, np.int32))
    return values, [e + a + b for e, (a, b) in zip(x.shape, pads, strict=True)]


def _pad(growth: Growth, x: Tensor) -> Node | None:
    if len(x.shape) != 4:
        return None
    pads, shape = _padded(growth, x, lambda _: 2)
    return growth.node("PAD", [x, pads], shape, like=x, table="PadOptions")


def _padv2(growth: Growth, x: Tensor) -> Node | None:
    if len(x.shape) != 4:
        return None
    pads, shape = _padded(growth, x, lambda _: 2)
    value = Tensor(growth.fresh("value"), (1,), "int8", x.quantization, growth.int8(1))
    return growth.node("PADV2", [x, pads, value], shape, like=x, table="PadV2Options")


def _mirror_pad(growth: Growth, x: Tensor) -> Node | None:
    if len(x.shape) != 4:
        return None
    mode = growth.integer(0, 1)  # REFLECT leaves the border out, SYMMETRIC repeats it
    pads, shape = _padded(growth, x, lambda extent: min(2, extent - 1 + mode))
    return growth.node("MIRROR_PAD", [x, pads], shape, like=x, table="MirrorPadOptions", mode=mode)


def _concatenation(growth: Growth, x: Tensor) -> Node | None:
    """With others of the same quantization, as the converter makes them."""
    axis = growth.integer(1, len(x.shape) - 1)
    ends = x.shape[:axis], x.shape[axis + 1 :]
    alike = [t for t in _alike(growth, x) if len(t.shape) == len(x.shape)]
    fitting = [t for t in alike if (t.shape[:axis], t.shape[axis + 1 :]) == ends]
    parts = [x]
    for index in range(growth.integer(1, 3)):
        shape = (*ends[0], growth.integer(1, 4), *ends[1])
        name = growth.fresh(f"constant_{index}")
        made = Tensor(name, shape, "int8", x.quantization, growth.int8(*shape))
        parts.append(fitting[growth.integer(0, len(fitting) - 1)] if growth.chance(0.6) else made)
    total = sum(part.shape[axis] for part in parts)
    return growth.node(
        "CONCATENATION",
        [parts[i] for i in growth.rng.permutation(len(parts))],
        (*ends[0], total, *ends[1]),
        like=x,
        table="ConcatenationOptions",
        axis=axis - (len(x.shape) if growth.chance(0.3) else 0),
        fused_activation_function=0,
    )


def _split(growth: Growth, x: Tensor) -> Node | None:
    axis = growth.integer(1, len(x.shape) - 1)
    parts = [n for n in (2, 3, 4) if x.shape[axis] % n == 0]
    if not parts:
        return None
    count = int(growth.rng.choice(parts))
    shape = (*x.shape[:axis], x.shape[axis] // count, *x.shape[axis + 1 :])
    outputs = [
        activation(growth.fresh(f"split_{i}"), shape, x.scale, x.zero_point) for i in range(count)
    ]
    axes = growth.integers("axis", [axis])
    axes = Tensor(axes.name, (), "int32", None, np.array(axis, np.int32))
    options = {"num_splits": count}
    return Node("SPLIT", 1, (axes, x), tuple(outputs), options, "SplitOptions")


def _slice(growth: Growth, x: Tensor) -> Node:
    begin = [0] + [growth.integer(0, extent - 1) for extent in x.shape[1:]]
    size = [x.shape[0]]
    size += [growth.integer(1, e - b) for e, b in zip(x.shape[1:], begin[1:], strict=True)]
    return growth.node(
        "SLICE",
        [x, growth.integers("begin", begin), growth.integers("size", size)],
        size,
        like=x,
        table="SliceOptions",
    )


def _strided_slice(growth: Growth, x: Tensor) -> Node:
    """Forwards or backwards, from and to the border or not."""
    begin, end, steps, shape = [0], [x.shape[0]], [1], [x.shape[0]]
    begin_mask = end_mask = 0
    for axis, extent in enumerate(x.shape[1:], 1):
        step = growth.integer(1, 3) * (-1 if growth.chance(0.2) else 1)
        first, last = sorted((growth.integer(0, extent - 1), growth.integer(0, extent - 1)))
        ends = (first, last + 1) if step > 0 else (last, first - 1)
        to_border = growth.chance(0.3) or ends[1] < 0  # -1 would count from the end
        begin_mask |= growth.chance(0.2) << axis
        end_mask |= to_border << axis
        from_border = begin_mask >> axis & 1
        taken = slice(None if from_border else ends[0], None if to_border else ends[1], step)
        begin.append(ends[0] - (extent if growth.chance(0.2) else 0))
        end.append(ends[1])
        steps.append(step)
        shape.append(len(range(*taken.indices(extent))))
    return growth.node(
        "STRIDED_SLICE",
        [x, *(growth.integers(n, v) for n, v in (("b", begin), ("e", end), ("s", steps)))],
        shape,
        like=x,
        table="StridedSliceOptions",
        begin_mask=begin_mask,
        end_mask=end_mask,
        ellipsis_mask=0,
        new_axis_mask=0,
        shrink_axis_mask=0,
        offset=False,
    )


def _gather(growth: Growth, x: Tensor) -> Node:
    axis = growth.integer(1, len(x.shape) - 1)
    chosen = [growth.integer(0, x.shape[axis] - 1) for _ in range(growth.integer(1, 5))]
    shape = (*x.shape[:axis], len(chosen), *x.shape[axis + 1 :])
    return growth.node(
        "GATHER",
        [x, growth.integers("indices", chosen)],
        shape,
        like=x,
        table="GatherOptions",
        axis=axis,
        batch_dims=0,
    )


def _resize(op: str, table: str) -> Grower:
    def grow(growth: Growth, x: Tensor) -> Node | None:
        if len(x.shape) != 4:
            return None
        size = growth.integer(1, 12), growth.integer(1, 12)
        aligned = growth.chance(0.3)
        return growth.node(
            op,
            [x, growth.integers("size", size)],
            (x.shape[0], *size, x.shape[3]),
            like=x,
            table=table,
            align_corners=aligned,
            half_pixel_centers=not aligned and growth.chance(0.5),
        )

    return grow


def _space_to_batch_nd(growth: Growth, x: Tensor) -> Node | None:
    """Not padded, since TFLM pads with what its memory holds (``output_offset`` is never set)."""
    if len(x.shape) != 4:
        return None
    block = growth.integer(1, 3), growth.integer(1, 3)
    if any(extent % step for extent, step in zip(x.shape[1:3], block, strict=True)):
        return None
    height, width = (extent // step for extent, step in zip(x.shape[1:3], block, strict=True))
    return growth.node(
        "SPACE_TO_BATCH_ND",
        [
            x,
            growth.integers("block", block),
            constant(growth.fresh("pads"), np.zeros((2, 2), np.int32)),
        ],
        (x.shape[0] * block[0] * block[1], height, width, x.shape[3]),
        like=x,
        table="SpaceToBatchNDOptions",
    )


def _batch_to_space_nd(growth: Growth, x: Tensor) -> Node | None:
    if len(x.shape) != 4:
        return None
    blocks = [(a, b) for a in (1, 2, 3) for b in (1, 2, 3) if x.shape[0] % (a * b) == 0]
    block = blocks[growth.integer(0, len(blocks) - 1)]
    crops = [(0, 0), (0, growth.integer(0, x.shape[2] * block[1] - 1))]
    batches, height, width, channels = x.shape
    return growth.node(
        "BATCH_TO_SPACE_ND",
        [
            x,
            growth.integers("block", block),
            constant(growth.fresh("crops"), np.array(crops, np.int32)),
        ],
        (
            batches // (block[0] * block[1]),
            height * block[0],
            width * block[1] - crops[1][1],
            channels,
        ),
        like=x,
        table="BatchToSpaceNDOptions",
    )


GROWERS: Mapping[str, Grower] = {
    "ADD": _arithmetic("ADD", "AddOptions", lambda a, b: a.scale + b.scale),
    "ARG_MAX": _arg_max,
    "AVERAGE_POOL_2D": _pool_2d("AVERAGE_POOL_2D"),
    "BATCH_TO_SPACE_ND": _batch_to_space_nd,
    "CONCATENATION": _concatenation,
    "CONV_2D": _conv_2d,
    "DEPTHWISE_CONV_2D": _depthwise_conv_2d,
    "DEQUANTIZE": _dequantize,
    "ELU": _function("ELU"),
    "EXPAND_DIMS": _expand_dims,
    "FULLY_CONNECTED": _fully_connected,
    "GATHER": _gather,
    "HARD_SWISH": _function("HARD_SWISH", table="HardSwishOptions"),
    "LEAKY_RELU": _leaky_relu,
    "LOGISTIC": _function("LOGISTIC", (1 / 256, -128)),
    "LOG_SOFTMAX": _function("LOG_SOFTMAX", (16 / 256, 127), "LogSoftmaxOptions"),
    "MAXIMUM": _largest_or_smallest("MAXIMUM"),
    "MAX_POOL_2D": _pool_2d("MAX_POOL_2D"),
    "MEAN": _reduction("MEAN"),
    "MINIMUM": _largest_or_smallest("MINIMUM"),
    "MIRROR_PAD": _mirror_pad,
    "MUL": _arithmetic("MUL", "MulOptions", lambda a, b: 60 * a.scale * b.scale),
    "PAD": _pad,
    "PADV2": _padv2,
    "PRELU": _prelu,
    "QUANTIZE": _quantize,
    "REDUCE_MAX": _reduction("REDUCE_MAX", same_scale=True),
    "RELU": _function("RELU"),
    "RELU6": _relu6,
    "RESHAPE": _reshape,
    "RESIZE_BILINEAR": _resize("RESIZE_BILINEAR", "ResizeBilinearOptions"),
    "RESIZE_NEAREST_NEIGHBOR": _resize("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions"),
    "SLICE": _slice,
    "SOFTMAX": _softmax,
    "SPACE_TO_BATCH_ND": _space_to_batch_nd,
    "SPLIT": _split,
    "SQUEEZE": _squeeze,
    "STRIDED_SLICE": _strided_slice,
    "SUB": _arithmetic("SUB", "SubOptions", lambda a, b: a.scale + b.scale),
    "SUM": _reduction("SUM", grows=True),
    "TANH": _function("TANH", (1 / 128, 0)),
    "TRANSPOSE": _transpose,
    "TRANSPOSE_CONV": _transpose_conv,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
}
"""Operator to what makes a node of it."""
