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
from firmware_export.ops import weights, winograd
from firmware_export.ops.definition import KernelCall, OpDef, Struct, Variant
from firmware_export.ops.limits import INT8_TENSORS, image, known_activation
from firmware_export.ops.windows import (
    kernel_window,
    kernel_within_image,
    known_padding,
    sensible_dilation,
    sensible_strides,
)

LANE_BYTES = 2
PIXELS = 4
"""Output pixels that the kernel computes at once, of halfwords; as many bytes hold two of words."""

DIRECT = "direct"
DIRECT_CODE_BYTES = 1250

SLIDING_LIMITS = (
    known_activation,
    known_padding,
    sensible_strides,
    sensible_dilation,
    weights.symmetric_weights,
    weights.channel_scales,
    kernel_within_image,
)
"""Of a window that slides over the image, and of its weights; they rely on the weights' shape."""


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


def variants(node: Node) -> tuple[Variant, ...]:
    """The direct kernel, and Winograd's with groups of tiles of several sizes."""
    if not winograd.applies(node):
        return ()
    direct = Variant(DIRECT, emit(node), _direct_instructions(node), DIRECT_CODE_BYTES)
    return (direct, *winograd.variants(node))


def _direct_instructions(node: Node) -> int:
    """Estimate for a core with DSP instructions: products, outputs, and patches gathered."""
    gathered = _macs(node) // node.output.shape[3]
    return round(0.89 * _macs(node) + 14 * node.output.elements + gathered)


def emit(node: Node) -> KernelCall:
    """The C call of a node."""
    stage, constants = weights.output_stage(node)
    groups = _groups(node)
    rows = _weight_rows(node)
    row_depth = _even(rows.shape[2])
    depth = rows.shape[1] * row_depth
    window = kernel_window(node)
    laid_out = lay_out_weights(rows, groups)
    shape = Struct(
        "tkd_conv_2d_shape",
        "shape",
        {
            "output_channels": rows.shape[0],
            "row_depth": row_depth,
            "input_zero_point": node.input(0).zero_point,
            "groups": groups,
            "lane_products": lane_products(laid_out),
        },
    )
    return KernelCall(
        kernel="tkd_conv_2d_s8",
        structs=(window.struct(node), shape, stage),
        arguments=("weights", "input_0", "scratch", "output"),
        constants={"weights": laid_out, **constants},
        row_types=weights.ROW_TYPES,
        scratch_bytes=PIXELS * groups * depth * LANE_BYTES + _row_bytes(node),
        scratch_type="tkd_lane",
        overlaps={0: window.overlap(node)},
    )


def _weight_rows(node: Node) -> npt.NDArray[np.int8]:
    """The weights by rows of taps: int8 [channels, kernel height, kernel width * covered]."""
    channels, height, width, covered = node.input(1).shape
    return weights.filters(node).reshape(channels, height, width * covered)


def _row_bytes(node: Node) -> int:
    """Room in which the kernel puts a row of taps together: see ``tkd_gather_taps``."""
    _, _, width, covered = node.input(1).shape
    window = kernel_window(node)
    whole = _groups(node) == 1 and window.dilation[1] == 1 and not window.reaches_outside
    return 0 if whole or covered % 4 == 0 else width * covered


def _even(count: int) -> int:
    return count + count % 2


def lay_out_weights(rows: npt.NDArray[np.int8], groups: int = 1) -> npt.NDArray[np.int8]:
    """The order in which ``tkd_dot_4x2`` and ``tkd_dot_packed`` read weights.

    Args:
        rows: int8 [channels, kernel height, weights of a row].
        groups: Parts of the channels; none shares a pair with another.

    Returns:
        int8 [groups * pairs of channels, depth, 2]: weights of two channels in turn. Of each four
        of a row the middle two are exchanged, as ``tkd_widen_values`` does with the input; zeros
        where channels are too few or a row is of odd length.

    Example:
        >>> lay_out_weights(np.array([[[1, 2, 3, 4, 5]], [[6, 7, 8, 9, 10]]], np.int8)).tolist()
        [[[1, 6], [3, 8], [2, 7], [4, 9], [5, 10], [0, 0]]]
    """
    channels, height, length = rows.shape
    order = np.arange(length)
    fours = order[: length - length % 4].reshape(-1, 4)
    fours[:] = fours[:, [0, 2, 1, 3]]
    parts = rows[..., order].reshape(groups, channels // groups, height, length)
    padded = np.pad(parts, ((0, 0), (0, -parts.shape[1] % 2), (0, 0), (0, length % 2)))
    pairs = padded.reshape(-1, 2, height * _even(length))
    return np.ascontiguousarray(pairs.transpose(0, 2, 1))


def lane_products(laid_out: npt.NDArray[np.int8]) -> int:
    """How many products ``tkd_dot_packed`` may add in 16 bits before it splits the sum.

    Two products of int8 fit, whatever the input, unless all four factors may be -128.

    Args:
        laid_out: int8 [pairs of channels, depth, 2], as of `lay_out_weights`.

    Returns:
        2, or 1 where two weights of a channel are -128 whose products are added.

    Example:
        >>> lane_products(lay_out_weights(np.array([[[0, -128, -128, 0]]], np.int8)))
        2
        >>> lane_products(lay_out_weights(np.array([[[0, -128, 0, -128]]], np.int8)))
        1
    """
    both_lowest = (laid_out.reshape(-1, 2, 2) == -128).all(axis=1)
    return 1 if both_lowest.any() else 2


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
        *SLIDING_LIMITS,
    ),
    output_shape=_output_shape,
    macs=_macs,
    emit=emit,
    variants=variants,
    numeric_constraints=weights.VALUE_LIMITS,
)
