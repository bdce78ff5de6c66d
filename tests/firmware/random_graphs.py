"""Random int8 networks over the table of operators: valid, small, and reproducible by their seed.

A network grows node by node. `GROWERS` has a function for each operator that, given a tensor, makes
a node that reads it, or None where the operator does not fit the tensor. What the compiler's limits
refuse is thrown away, so that a grown network always compiles; what is left has to equal TFLM.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from firmware_export import UnsupportedOpError
from firmware_export.ir import Graph, Node, OptionValue, Quantization, Tensor
from firmware_export.ops import OPS
from tests.firmware.fixtures.single_ops import (
    ACTIVATION_CODES,
    PADDING_CODES,
    activation,
    constant,
    float32,
    slid,
)

MAX_ELEMENTS = 2048
MAX_NODES = 10
ATTEMPTS = 60

NOT_GROWN = {
    "ARG_MAX": "gives int32, not int8",
    "DEQUANTIZE": "gives float32",
    "PACK": "only in chains that are folded",
    "RELU6": "TFLM itself is wrong where the scales differ",
    "SHAPE": "only in chains that are folded",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "has two dozen operands; it has its own table of cases",
}
"""Operators that no random network has, and why."""


@dataclass
class Growth:
    """A network while it grows.

    Attributes:
        name: Prefix of its tensors.
        rng: Where every choice comes from.
        inputs: Of the network.
        nodes: So far.
    """

    name: str
    rng: np.random.Generator
    inputs: list[Tensor] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)

    @property
    def tensors(self) -> list[Tensor]:
        """Everything that a next node can read."""
        return [*self.inputs, *(tensor for node in self.nodes for tensor in node.outputs)]

    def pick(self) -> Tensor:
        """A tensor, rather a recent one."""
        known = self.tensors
        return known[-1 - min(int(self.rng.geometric(0.6)) - 1, len(known) - 1)]

    def integer(self, low: int, high: int) -> int:
        """From ``low`` to ``high``, both included."""
        return int(self.rng.integers(low, high + 1))

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def zero_point(self) -> int:
        return int(self.rng.choice([-128, 127, 0, *self.rng.integers(-128, 128, 5)]))

    def spread(self) -> float:
        """A factor around 1: some layers saturate, some use a part of the range only."""
        return float(np.exp(self.rng.normal(0, 0.8)))

    def activation_code(self) -> int:
        return ACTIVATION_CODES[str(self.rng.choice(["NONE", "NONE", "RELU", "RELU6"]))]

    def int8(self, *shape: int) -> NDArray[np.int8]:
        return self.rng.integers(-127, 128, shape).astype(np.int8)

    def integers(self, name: str, values: Iterable[int]) -> Tensor:
        """A constant of indices, axes or sizes."""
        return constant(self.fresh(name), np.array(list(values), np.int32))

    def fresh(self, what: str) -> str:
        return f"{self.name}_{len(self.nodes)}_{what}"

    def node(
        self,
        op: str,
        inputs: Sequence[Tensor | None],
        shape: Sequence[int],
        *,
        like: Tensor | None = None,
        scale: float = 0.0,
        zero_point: int | None = None,
        table: str = "NONE",
        **options: OptionValue,
    ) -> Node:
        """A node with one output: quantized like a tensor, or with a scale of its own."""
        if like is not None:
            scale, zero_point = like.scale, like.zero_point
        if zero_point is None:
            zero_point = self.zero_point()
        output = activation(self.fresh(op.lower()), shape, scale, zero_point)
        return Node(op, 1, tuple(inputs), (output,), options, table)


Grower = Callable[[Growth, Tensor], Node | None]


def random_graph(
    seed: int, *, name: str = "net", ops: Iterable[str] = OPS, max_nodes: int = MAX_NODES
) -> Graph:
    """A network of up to ``max_nodes`` operators, at least one.

    Args:
        seed: The same seed and operators give the same network.
        name: Prefix of its tensors.
        ops: Operators to choose from.
        max_nodes: Upper limit.
    """
    growth = Growth(name, np.random.default_rng(seed))
    choices = sorted(set(ops) & set(GROWERS))
    for index in range(1 + growth.chance(0.2)):
        growth.inputs.append(graph_input(growth, index))
    wanted = growth.integer(1, max_nodes)
    for _ in range(ATTEMPTS):
        if len(growth.nodes) == wanted:
            break
        op = str(growth.rng.choice(choices))
        node = GROWERS[op](growth, growth.pick())
        if node is not None and acceptable(node):
            growth.nodes.append(node)
    if not growth.nodes:
        return random_graph(seed + 2**32, name=name, ops=ops, max_nodes=max_nodes)
    return Graph(tuple(growth.nodes), tuple(growth.inputs), _outputs(growth))


def side_by_side(graphs: Sequence[Graph]) -> Graph:
    """Independent networks as one, so that one build runs them all."""
    return Graph(
        tuple(node for graph in graphs for node in graph.nodes),
        tuple(tensor for graph in graphs for tensor in graph.inputs),
        tuple(tensor for graph in graphs for tensor in graph.outputs),
    )


def differing_outputs(graph: Graph, got: NDArray, expected: NDArray) -> list[str]:
    """Names of the outputs that have a wrong byte."""
    ends = np.cumsum([tensor.elements for tensor in graph.outputs])
    wrong = np.flatnonzero((got != expected).reshape(-1, int(ends[-1])).any(axis=0))
    return sorted({graph.outputs[int(np.searchsorted(ends, i, "right"))].name for i in wrong})


def graph_input(growth: Growth, index: int) -> Tensor:
    """An image, or now and then a row of features."""
    channels = growth.integer(1, 9)
    shape = (1, growth.integer(1, 9), growth.integer(1, 9), channels)
    if growth.chance(0.15):
        shape = (1, growth.integer(1, 40))
    scale = float(np.exp(growth.rng.uniform(np.log(0.004), np.log(0.5))))
    return activation(f"{growth.name}_x{index}", shape, scale, growth.zero_point())


def acceptable(node: Node) -> bool:
    """Whether the node is small, and not refused by the compiler."""
    if any(tensor.elements > MAX_ELEMENTS for tensor in node.outputs):
        return False
    if node.op in OPS:
        try:
            OPS[node.op].check(node)
        except UnsupportedOpError:
            return False
    return True


def _outputs(growth: Growth) -> tuple[Tensor, ...]:
    """What nobody reads, and now and then something that is read as well."""
    read = {tensor for node in growth.nodes for tensor in node.activations}
    written = [tensor for node in growth.nodes for tensor in node.outputs]
    leaves = [tensor for tensor in written if tensor not in read]
    inner = [tensor for tensor in written if tensor in read]
    if inner and growth.chance(0.2):
        leaves.append(inner[growth.integer(0, len(inner) - 1)])
    return tuple(leaves)


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


def _window(growth: Growth, x: Tensor) -> tuple[tuple[int, int], tuple[int, int], str]:
    """Kernel, strides and padding that fit the image."""
    padding = str(growth.rng.choice(["SAME", "VALID"]))
    largest = [min(5, extent + (padding == "SAME")) for extent in x.shape[1:3]]
    kernel = growth.integer(1, largest[0]), growth.integer(1, largest[1])
    return kernel, (growth.integer(1, 3), growth.integer(1, 3)), padding


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
    kernel, strides, padding = _window(growth, x)
    channels = growth.integer(1, 12)
    values = growth.int8(channels, *kernel, x.shape[3])
    weights = _weights(growth, values, channels, 0)
    return growth.node(
        "CONV_2D",
        [x, weights, *_bias(growth, x, weights, channels)],
        (x.shape[0], *slid(x.shape[1:3], kernel, strides, padding), channels),
        scale=_sum_scale(growth, x, weights, values[0].size),
        table="Conv2DOptions",
        dilation_h_factor=1,
        dilation_w_factor=1,
        **_sliding(strides, padding, growth),
    )


def _depthwise_conv_2d(growth: Growth, x: Tensor) -> Node | None:
    if len(x.shape) != 4:
        return None
    kernel, strides, padding = _window(growth, x)
    multiplier = 1 if growth.chance(0.7) else growth.integer(2, 3)
    channels = x.shape[3] * multiplier
    weights = _weights(growth, growth.int8(1, *kernel, channels), channels, 3)
    return growth.node(
        "DEPTHWISE_CONV_2D",
        [x, weights, *_bias(growth, x, weights, channels)],
        (x.shape[0], *slid(x.shape[1:3], kernel, strides, padding), channels),
        scale=_sum_scale(growth, x, weights, kernel[0] * kernel[1]),
        table="DepthwiseConv2DOptions",
        depth_multiplier=multiplier,
        dilation_h_factor=1,
        dilation_w_factor=1,
        **_sliding(strides, padding, growth),
    )


def _transpose_conv(growth: Growth, x: Tensor) -> Node | None:
    if len(x.shape) != 4:
        return None
    kernel = growth.integer(1, 3), growth.integer(1, 3)
    strides = growth.integer(1, 2), growth.integer(1, 2)
    channels = growth.integer(1, 6)
    height, width = (
        (extent - 1) * stride + max(taps, stride)
        for extent, stride, taps in zip(x.shape[1:3], strides, kernel, strict=True)
    )
    weights = _weights(growth, growth.int8(channels, *kernel, x.shape[3]), channels, 0)
    shape = (x.shape[0], height, width, channels)
    return growth.node(
        "TRANSPOSE_CONV",
        [
            growth.integers("shape", shape),
            weights,
            x,
            *_bias(growth, x, weights, channels),
        ],
        shape,
        scale=_sum_scale(growth, x, weights, x.shape[3]),
        table="TransposeConvOptions",
        padding=PADDING_CODES["VALID"],
        stride_h=strides[0],
        stride_w=strides[1],
        fused_activation_function=0,
    )


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


# Element by element -------------------------------------------------------------------------


def _partner(growth: Growth, x: Tensor) -> Tensor:
    """A second operand: of the same shape, of a shape that is repeated, or a constant."""
    same = [tensor for tensor in growth.tensors if tensor.shape == x.shape]
    if growth.chance(0.5):
        return same[growth.integer(0, len(same) - 1)]
    shape = tuple(extent if growth.chance(0.6) else 1 for extent in x.shape)
    other = activation(growth.fresh("constant"), shape, x.scale * growth.spread(), 0)
    quantization = Quantization(_scales(other), (growth.zero_point(),), 0)
    return Tensor(other.name, shape, "int8", quantization, growth.int8(*shape))


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


def _largest_or_smallest(op: str) -> Grower:
    """All three tensors have one quantization, as in the files of the converter."""

    def grow(growth: Growth, x: Tensor) -> Node:
        shape = tuple(extent if growth.chance(0.6) else 1 for extent in x.shape)
        name = growth.fresh("constant")
        other = Tensor(name, shape, "int8", x.quantization, growth.int8(*shape))
        return growth.node(op, [x, other], x.shape, like=x, table="MaximumMinimumOptions")

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


def _leaky_relu(growth: Growth, x: Tensor) -> Node:
    scale = float32(x.scale * growth.spread())
    alpha = float32(float(growth.rng.uniform(0.01, 0.9)))
    return growth.node(
        "LEAKY_RELU", [x], x.shape, scale=scale, table="LeakyReluOptions", alpha=alpha
    )


def _prelu(growth: Growth, x: Tensor) -> Node | None:
    if len(x.shape) != 4:
        return None
    alpha = constant(growth.fresh("alpha"), growth.int8(1, 1, x.shape[3]), [0.004])
    return growth.node("PRELU", [x, alpha], x.shape, scale=float32(x.scale * growth.spread()))


def _softmax(growth: Growth, x: Tensor) -> Node:
    return growth.node(
        "SOFTMAX",
        [x],
        x.shape,
        scale=1 / 256,
        zero_point=-128,
        table="SoftmaxOptions",
        beta=1.0,
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
    """Over height and width."""

    def grow(growth: Growth, x: Tensor) -> Node | None:
        if len(x.shape) != 4:
            return None
        keep = growth.chance(0.5)
        batches, height, width, channels = x.shape
        size = math.sqrt(height * width) if grows else 1.0
        return growth.node(
            op,
            [x, growth.integers("axes", (1, 2))],
            (batches, 1, 1, channels) if keep else (batches, channels),
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
    """With another tensor of the same quantization, as the converter makes them."""
    axis = growth.integer(1, len(x.shape) - 1)
    extent = growth.integer(1, 4)
    shape = (*x.shape[:axis], extent, *x.shape[axis + 1 :])
    other = Tensor(growth.fresh("constant"), shape, "int8", x.quantization, growth.int8(*shape))
    parts = [x, x] if growth.chance(0.5) else [x, other]
    total = sum(part.shape[axis] for part in parts)
    return growth.node(
        "CONCATENATION",
        parts,
        (*x.shape[:axis], total, *x.shape[axis + 1 :]),
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
    begin = [0] + [growth.integer(0, extent - 1) for extent in x.shape[1:]]
    end = [growth.integer(b + 1, e) for b, e in zip(begin, x.shape, strict=True)]
    steps = [1] + [growth.integer(1, 3) for _ in x.shape[1:]]
    shape = [len(range(b, e, s)) for b, e, s in zip(begin, end, steps, strict=True)]
    return growth.node(
        "STRIDED_SLICE",
        [x, *(growth.integers(n, v) for n, v in (("b", begin), ("e", end), ("s", steps)))],
        shape,
        like=x,
        table="StridedSliceOptions",
        begin_mask=0,
        end_mask=0,
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
    "AVERAGE_POOL_2D": _pool_2d("AVERAGE_POOL_2D"),
    "BATCH_TO_SPACE_ND": _batch_to_space_nd,
    "CONCATENATION": _concatenation,
    "CONV_2D": _conv_2d,
    "DEPTHWISE_CONV_2D": _depthwise_conv_2d,
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
    "QUANTIZE": _function("QUANTIZE", table="QuantizeOptions"),
    "REDUCE_MAX": _reduction("REDUCE_MAX", same_scale=True),
    "RELU": _function("RELU"),
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
}
"""Operator to what makes a node of it."""
