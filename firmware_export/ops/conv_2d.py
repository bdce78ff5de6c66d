"""CONV_2D: NHWC input, OHWI weights, one scale for each output channel.

The sum of ``(x - zero_point) * w`` over the window, plus the bias, is exact in int32; places
outside the image count as the zero point. It is requantized by the ``input scale * weight scale /
output scale`` of its channel, computed in double precision; then the zero point is added and the
activation clamps. What the zero point adds is a constant of the channel and lies in the bias.

The channels may fall into groups, each convolved on its own, and the taps of a window may be
``dilation`` rows and columns apart. Where it is dilated TFLM is right, too: what it gets wrong is
the SPACE_TO_BATCH_ND that a converter may write for the dilation.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from firmware_export.ir import Node, Shape
from firmware_export.ops import weights
from firmware_export.ops.definition import KernelCall, OpDef, Struct
from firmware_export.ops.limits import INT8_TENSORS, image, known_activation
from firmware_export.ops.windows import (
    kernel_window,
    kernel_within_image,
    known_padding,
    sensible_dilation,
    sensible_strides,
)

LANES = 4
"""Weights of a channel that the kernel reads at once; see ``tkd_dot_2x2``."""
LANE_BYTES = 2
PIXELS = 2
"""Output pixels that the kernel computes at once."""


def four_dimensional_weights(node: Node) -> str | None:
    """Weights must have the shape [output channels, height, width, input channels].

    Convert the model again.
    """
    shape = node.input(1).shape
    return None if len(shape) == 4 and min(shape) >= 1 else str(list(shape))


def whole_groups(node: Node) -> str | None:
    """Input and output channels must be whole multiples of the groups that the weights make.

    Convert the model again. (Groups are input channels over the input channels of the weights.)
    """
    inputs, (outputs, *_, covered) = node.input(0).shape[3], node.input(1).shape
    whole = inputs % covered == 0 and outputs % _groups(node) == 0
    return None if whole else f"{covered} of {inputs} input and {outputs} output channels"


def _groups(node: Node) -> int:
    """How many parts the channels fall into, each convolved on its own.

    Source: tensorflow/lite/kernels/internal/reference/integer_ops/conv.h.
    """
    return node.input(0).shape[3] // node.input(1).shape[3]


def _output_shape(node: Node) -> Shape:
    return (node.input(0).shape[0], *kernel_window(node).output, node.input(1).shape[0])


def _macs(node: Node) -> int:
    return node.output.elements * node.input(1).elements // node.input(1).shape[0]


def emit(node: Node) -> KernelCall:
    """The C call of a node."""
    stage, constants = weights.output_stage(node)
    filters = weights.filters(node)
    groups = _groups(node)
    depth = -(-filters.shape[1] // LANES) * LANES
    window = kernel_window(node)
    shape = Struct(
        "tkd_conv_2d_shape",
        "shape",
        {
            "output_channels": filters.shape[0],
            "depth": depth,
            "input_zero_point": node.input(0).zero_point,
            "groups": groups,
            "lane_products": lane_products(filters),
        },
    )
    return KernelCall(
        kernel="tkd_conv_2d_s8",
        structs=(window.struct(node), shape, stage),
        arguments=("weights", "input_0", "scratch", "output"),
        constants={"weights": lay_out_weights(filters, groups), **constants},
        row_types=weights.ROW_TYPES,
        scratch_bytes=PIXELS * groups * depth * LANE_BYTES,
        scratch_type="tkd_lane",
        overlaps={0: window.overlap(node)},
    )


def lane_products(filters: npt.NDArray[np.int8]) -> int:
    """How many products ``tkd_dot_packed`` may add in 16 bits before it folds them.

    Two products of int8 fit, whatever the input, unless all four factors may be -128.

    Args:
        filters: int8 [channels, weights of a channel].

    Returns:
        2, or 1 where two weights that are added are -128.

    Example:
        >>> lane_products(np.array([[0, -128, -128, 0]], np.int8))
        2
        >>> lane_products(np.array([[0, 0, -128, -128]], np.int8))
        1
    """
    padded = np.pad(filters, ((0, 0), (0, filters.shape[1] % 2)))
    both_lowest = (padded.reshape(-1, 2) == -128).all(axis=1)
    return 1 if both_lowest.any() else 2


def lay_out_weights(filters: npt.NDArray[np.int8], groups: int = 1) -> npt.NDArray[np.int8]:
    """The order in which ``tkd_dot_2x2`` reads weights.

    Args:
        filters: int8 [channels, weights of a channel].
        groups: Parts of the channels; none shares a pair with another.

    Returns:
        int8 [groups * pairs of channels, depth / 4, 2, 4]: two channels side by side, each four
        weights with the middle two exchanged; zeros where channels or weights are too few.

    Example:
        >>> lay_out_weights(np.array([[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]], np.int8)).tolist()
        [[[[1, 3, 2, 4], [6, 8, 7, 9]], [[5, 0, 0, 0], [10, 0, 0, 0]]]]
    """
    channels, length = filters.shape
    parts = filters.reshape(groups, channels // groups, length)
    padded = np.pad(parts, ((0, 0), (0, -parts.shape[1] % 2), (0, -length % LANES)))
    pairs = padded.reshape(-1, 2, padded.shape[2] // LANES, LANES)
    return np.ascontiguousarray(pairs.transpose(0, 2, 1, 3)[..., [0, 2, 1, 3]])


CONV_2D = OpDef(
    name="CONV_2D",
    max_version=8,
    operands=range(2, 4),
    constraints=(
        *INT8_TENSORS,
        image,
        weights.int8_weights,
        four_dimensional_weights,
        whole_groups,
        known_activation,
        known_padding,
        sensible_strides,
        sensible_dilation,
        weights.symmetric_weights,
        weights.channel_scales,
        kernel_within_image,
    ),
    output_shape=_output_shape,
    macs=_macs,
    emit=emit,
    numeric_constraints=weights.VALUE_LIMITS,
)
