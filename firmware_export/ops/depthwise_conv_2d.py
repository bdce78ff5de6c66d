"""DEPTHWISE_CONV_2D: each input channel gives ``depth_multiplier`` output channels.

Output channel ``c`` reads input channel ``c / depth_multiplier``, rounded down. The arithmetic is
that of CONV_2D.
"""

from __future__ import annotations

from firmware_export.ir import Node, Shape
from firmware_export.ops import weights
from firmware_export.ops.conv_2d import SLIDING_LIMITS
from firmware_export.ops.definition import KernelCall, OpDef, Struct
from firmware_export.ops.limits import INT8_TENSORS, image
from firmware_export.ops.windows import kernel_window

WORD_BYTES = 4
"""The kernel keeps two words for each four taps of a row, and reads up to one beyond the values."""


def depthwise_weights(node: Node) -> str | None:
    """Weights must have the shape [1, height, width, input channels * depth multiplier].

    Convert the model again.
    """
    shape = node.input(1).shape
    channels = node.input(0).shape[3]
    right = len(shape) == 4 and shape[0] == 1 and min(shape) >= 1 and shape[3] % channels == 0
    return None if right else f"{list(shape)} for {channels} input channels"


def _output_shape(node: Node) -> Shape:
    return (node.input(0).shape[0], *kernel_window(node).output, node.input(1).shape[3])


def _macs(node: Node) -> int:
    _, height, width, _ = node.input(1).shape
    return node.output.elements * height * width


def emit(node: Node) -> KernelCall:
    """The C call of a node."""
    stage, constants = weights.output_stage(node)
    window = kernel_window(node)
    plane_height, plane_width = window.reach
    tap_words = 2 * window.kernel[0] * -(-window.kernel[1] // 4)
    depth_multiplier = node.input(1).shape[3] // node.input(0).shape[3]
    shape = Struct(
        "tkd_depthwise_shape",
        "shape",
        {
            "depth_multiplier": depth_multiplier,
            "input_zero_point": node.input(0).zero_point,
            "plane_height": plane_height,
            "plane_width": plane_width,
        },
    )
    return KernelCall(
        kernel="tkd_depthwise_conv_2d_s8",
        structs=(window.struct(node), shape, stage),
        arguments=("weights", "input_0", "scratch", "output"),
        constants={"weights": weights.filters(node), **constants},
        row_types=weights.ROW_TYPES,
        scratch_bytes=(tap_words + 1) * WORD_BYTES + plane_height * plane_width,
        scratch_type="tkd_word",
        # The kernel copies a channel of an image before it writes that channel of the output,
        # which is no larger; both lie in every ``channels``-th byte.
        overlaps={0: 0} if depth_multiplier == 1 else {},
    )


DEPTHWISE_CONV_2D = OpDef(
    name="DEPTHWISE_CONV_2D",
    max_version=7,
    operands=range(2, 4),
    constraints=(
        *INT8_TENSORS,
        image,
        weights.int8_weights,
        depthwise_weights,
        *SLIDING_LIMITS,
    ),
    output_shape=_output_shape,
    macs=_macs,
    emit=emit,
    numeric_constraints=weights.VALUE_LIMITS,
)
