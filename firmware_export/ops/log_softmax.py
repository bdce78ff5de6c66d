"""LOG_SOFTMAX over the last dimension."""

from __future__ import annotations

from firmware_export.ir import Node, Shape
from firmware_export.numerics import quantize_multiplier
from firmware_export.ops.definition import KernelCall, OpDef, Struct
from firmware_export.ops.limits import INT8_TENSORS
from firmware_export.ops.softmax import difference_scaling, where_any_counts

MAX_DEPTH = 4095


def log_output(node: Node) -> str | None:
    """The output must have scale 1/16 and zero point 127.

    Convert the model again: these are the values of the TFLite specification.
    """
    y = node.output
    return None if (y.scale, y.zero_point) == (1 / 16, 127) else f"({y.scale}, {y.zero_point})"


def short_rows(node: Node) -> str | None:
    """The last dimension must have at most 4095 values, or the 32-bit sum of TFLM overflows.

    Leave the log-softmax out: the largest logit is the class.
    """
    depth = node.input(0).shape[-1] if node.input(0).shape else 0
    return None if 1 <= depth <= MAX_DEPTH else str(depth)


def sensible_scale(node: Node) -> str | None:
    """The input scale must be above 2^-26.

    Leave the log-softmax out, or calibrate the range of the logits.
    """
    scale = node.input(0).scale
    return None if scale > 2.0**-26 else f"{scale:.3g}"


def _output_shape(node: Node) -> Shape:
    return node.input(0).shape


def emit(node: Node) -> KernelCall:
    """The C call of a node.

    Source: ``PreprocessLogSoftmaxScalingExp``,
    tensorflow/lite/kernels/internal/quantization_util.cc.
    """
    scaling = difference_scaling(node.input(0).scale)
    inverse = quantize_multiplier(2.0 ** (31 - scaling[1]) / scaling[0])
    multiplier, left_shift, lowest = where_any_counts(*scaling)
    depth = node.input(0).shape[-1]
    params = Struct(
        "tkd_log_softmax_params",
        "params",
        {
            "rows": node.input(0).elements // depth,
            "depth": depth,
            "multiplier": multiplier,
            "left_shift": left_shift,
            "lowest_difference": lowest,
            "inverse_multiplier": inverse[0],
            "inverse_right_shift": -inverse[1],
        },
    )
    return KernelCall("tkd_log_softmax_s8", (params,), ("input_0", "output"))


LOG_SOFTMAX = OpDef(
    name="LOG_SOFTMAX",
    max_version=2,
    operands=range(1, 2),
    constraints=(*INT8_TENSORS, log_output, short_rows, sensible_scale),
    output_shape=_output_shape,
    macs=lambda _: 0,
    emit=emit,
)
