"""TRANSPOSE_CONV: every input pixel spreads over the output as far as the kernel reaches.

Its inputs are the output shape, the weights (OHWI), the data and perhaps a bias. Geometrically it
is the convolution that leads from the output image back to the input image.

The sum of ``(x - zero_point) * w`` over the input pixels that reach an output, plus the bias, is
exact in int32, and becomes int8 as that of CONV_2D. Outputs that no input reaches are the bias.

Outputs whose positions leave the same rest by the stride, their phase, meet the same taps. So for
each phase it is a convolution with a part of the kernel; the weights are in flash phase by phase.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from firmware_export.ir import Array, Node, Shape
from firmware_export.ops import weights
from firmware_export.ops.conv_2d import four_dimensional_weights
from firmware_export.ops.definition import Constraint, KernelCall, OpDef, Struct
from firmware_export.ops.limits import INT8_TENSORS, image, known_activation
from firmware_export.ops.movement import constant_integers, on_each
from firmware_export.ops.windows import Window, known_padding, sensible_strides

OUTPUT_SHAPE, WEIGHTS, DATA = 0, 1, 2
LANES = 4
"""Channels that the kernel reads at once."""
LANE_BYTES = 2
PIXELS = 2
"""Output pixels that the kernel computes at once."""


def as_convolution(node: Node) -> Node:
    """The same with the operands in the order of CONV_2D: data, weights, bias."""
    data_and_weights = (node.inputs[DATA], node.inputs[WEIGHTS])
    return replace(node, inputs=(*data_and_weights, *node.inputs[DATA + 1 :]))


def _on_convolution(limit: Constraint) -> Constraint:
    return on_each(lambda node: (as_convolution(node),), limit)


OPERAND_LIMITS = tuple(
    map(_on_convolution, (*INT8_TENSORS, image, weights.int8_weights, four_dimensional_weights))
)
SCALE_LIMITS = tuple(map(_on_convolution, (weights.symmetric_weights, weights.channel_scales)))
VALUE_LIMITS = tuple(map(_on_convolution, weights.VALUE_LIMITS))


def matching_channels(node: Node) -> str | None:
    """Weights must have the shape [output channels, height, width, input channels].

    Convert the model again.
    """
    channels, shape = node.input(DATA).shape[3], node.input(WEIGHTS).shape
    return None if shape[3] == channels else f"{list(shape)} for {channels} input channels"


def known_output_shape(node: Node) -> str | None:
    """The output shape must be constant int32: batches of the data, height, width, channels.

    Convert the model with fixed shapes and batch size 1.
    """
    tensor = node.input(OUTPUT_SHAPE)
    shape = constant_integers(tensor)
    if shape is None or tensor.dtype != "int32":
        return f"{tensor.dtype} in '{tensor.name}'"
    ends = node.input(DATA).shape[0], node.input(WEIGHTS).shape[0]
    sound = len(shape) == 4 and (shape[0], shape[3]) == ends and min(shape) >= 1
    return None if sound else str(list(shape))


def matching_image(node: Node) -> str | None:
    """A convolution with the same options must lead from the output image to the input image.

    Use an output shape that TensorFlow accepts for these strides and this padding.
    """
    given, back = node.input(DATA).shape[1:3], _window(node).output
    return None if given == back else f"{list(given)} where {list(back)} were expected"


def _output_shape(node: Node) -> Shape:
    return constant_integers(node.input(OUTPUT_SHAPE)) or ()


def _window(node: Node) -> Window:
    """The window over the output image that leads to the input image.

    Source: ``ComputePaddingHeightWidth`` as tensorflow/lite/micro/kernels/transpose_conv.cc calls
    it, with the size of the output.
    """
    _, out_height, out_width, _ = _output_shape(node)
    _, height, width, _ = node.input(WEIGHTS).shape
    return Window(
        input=(out_height, out_width),
        kernel=(height, width),
        stride=(node.option("stride_h"), node.option("stride_w")),
        padding=node.option("padding"),
    )


def _macs(node: Node) -> int:
    return node.input(DATA).elements * node.input(WEIGHTS).elements // node.input(DATA).shape[3]


def _unfolded(node: Node) -> Node:
    """As convolution, with zero point 0: so nothing of it is folded into the bias."""
    made = as_convolution(node)
    data = made.input(0)
    centred = data.quantization and replace(data.quantization, zero_points=(0,))
    return replace(made, inputs=(replace(data, quantization=centred), *made.inputs[1:]))


def emit(node: Node) -> KernelCall:
    """The C call of a node."""
    made = _unfolded(node)
    stage, constants = weights.output_stage(made)
    window = _window(node)
    depth = -(-node.input(DATA).shape[3] // LANES) * LANES
    return KernelCall(
        kernel="tkd_transpose_conv_s8",
        structs=(_shape(node, window, depth), stage),
        arguments=("weights", f"input_{DATA}", "scratch", "output"),
        constants={"weights": lay_out_weights(made.input(1).values, window.stride), **constants},
        row_types=weights.ROW_TYPES,
        scratch_bytes=PIXELS * most_taps(window) * depth * LANE_BYTES,
        scratch_type="tkd_lane",
        overlaps={DATA: overlap(node)},
    )


def _shape(node: Node, window: Window, depth: int) -> Struct:
    """The C parameter block ``tkd_transpose_conv_shape``.

    Args:
        node: TRANSPOSE_CONV.
        window: Over its output image.
        depth: Input channels, with those that fill the last lanes up.
    """
    batches, height, width, channels = node.input(DATA).shape
    return Struct(
        "tkd_transpose_conv_shape",
        "shape",
        {
            "batches": batches,
            "input_height": height,
            "input_width": width,
            "input_channels": channels,
            "depth": depth,
            "output_height": window.input[0],
            "output_width": window.input[1],
            "output_channels": node.output.shape[3],
            "kernel_height": window.kernel[0],
            "kernel_width": window.kernel[1],
            "stride_height": window.stride[0],
            "stride_width": window.stride[1],
            "pad_top": window.pad[0],
            "pad_left": window.pad[1],
            "input_zero_point": node.input(DATA).zero_point,
        },
    )


def lay_out_weights(values: Array, stride: tuple[int, int]) -> npt.NDArray[np.int8]:
    """The order in which ``tkd_spread_dot`` reads weights.

    Args:
        values: int8 [output channels, height, width, input channels].
        stride: Of rows and columns.

    Returns:
        int8 [all]: for each phase, by rows, the taps of two output channels side by side, four
        input channels of each at a time; the taps from the last to the first, because they meet
        the input's rows and columns in ascending order. Zeros where channels are too few.

    Example:
        >>> kernel = np.arange(1, 7, dtype=np.int8).reshape(1, 1, 6, 1)
        >>> lay_out_weights(kernel, (1, 2)).reshape(2, 3, 2, 4)[:, :, 0, 0].tolist()
        [[5, 3, 1], [6, 4, 2]]
    """
    channels, _, _, depth = values.shape
    ends = (0, channels % 2), (0, 0), (0, 0), (0, -depth % LANES)
    padded = np.pad(values.astype(np.int8), ends)
    phases = [
        padded[:, row :: stride[0], column :: stride[1]][:, ::-1, ::-1]
        for row in range(min(stride[0], values.shape[1]))
        for column in range(min(stride[1], values.shape[2]))
    ]
    in_pairs = (phase.reshape(len(padded) // 2, 2, -1, LANES) for phase in phases)
    return np.concatenate([pairs.transpose(0, 2, 1, 3).reshape(-1) for pairs in in_pairs])


def most_taps(window: Window) -> int:
    """Taps of the first phase, which has the most."""
    height, width = (
        -(-kernel // stride) for kernel, stride in zip(window.kernel, window.stride, strict=True)
    )
    return height * width


def overlap(node: Node) -> int:
    """How far below its input the output must begin to lie over it: ``KernelCall.overlaps``.

    The kernel writes row after row, and reads nothing below the lowest row that the current one
    needs. The distance is the largest, over all output rows y, of

        (y + 1) * bytes of an output row - lowest input row that y needs * bytes of an input row

    Among the rows of a phase both grow evenly, but for the ends of the input, so that the largest
    is at one of the turns.
    """
    batches, height, width, channels = node.input(DATA).shape
    _, out_height, out_width, out_channels = node.output.shape
    in_row, out_row = width * channels, out_width * out_channels
    window = _window(node)
    pad, stride, kernel = window.pad[0], window.stride[0], window.kernel[0]
    largest = 0
    for phase in range(min(stride, pad + out_height)):
        taps = -(-(kernel - phase) // stride)
        first, last = -(-(pad - phase) // stride), (pad + out_height - 1 - phase) // stride
        for turn in (first, last, taps - 1, taps, height + taps - 1):
            step = min(max(turn, first), last)
            lowest = min(max(step - taps + 1, 0), height)
            row = step * stride + phase - pad
            largest = max(largest, (row + 1) * out_row - lowest * in_row)
    return largest + max(0, (batches - 1) * (out_height * out_row - height * in_row))


TRANSPOSE_CONV = OpDef(
    name="TRANSPOSE_CONV",
    max_version=4,
    operands=range(3, 5),
    constraints=(
        *OPERAND_LIMITS,
        matching_channels,
        known_activation,
        known_padding,
        sensible_strides,
        *SCALE_LIMITS,
        known_output_shape,
        matching_image,
    ),
    output_shape=_output_shape,
    macs=_macs,
    emit=emit,
    numeric_constraints=VALUE_LIMITS,
)
