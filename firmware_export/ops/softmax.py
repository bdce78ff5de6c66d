"""SOFTMAX over the last dimension.

Differences to the largest value of a row, times ``beta * scale``, are Q5.26; those below about -32
count as 0. Their exponentials are Q0.31, summed as Q12.19. The reciprocal of the sum is found by
Newton's division in Q2.29, and each product is rounded to scale 1/256 and saturated.
"""

from __future__ import annotations

from firmware_export.ir import Node, Shape
from firmware_export.numerics import quantize_multiplier
from firmware_export.ops.definition import KernelCall, OpDef, Struct
from firmware_export.ops.limits import INT8_TENSORS

INTEGER_BITS = 5
"""Integer bits of a scaled difference; 26 bits of fraction remain."""
MAX_DEPTH = 511


def probability_output(node: Node) -> str | None:
    """The output must have scale 1/256 and zero point -128.

    Convert the model again: these are the values of the TFLite specification.
    """
    y = node.output
    return None if (y.scale, y.zero_point) == (1 / 256, -128) else f"({y.scale}, {y.zero_point})"


def short_rows(node: Node) -> str | None:
    """The last dimension must have at most 511 values, or the 32-bit sum of TFLM overflows.

    Leave the softmax out: the largest logit is the class.
    """
    depth = node.input(0).shape[-1] if node.input(0).shape else 0
    return None if 1 <= depth <= MAX_DEPTH else str(depth)


def sensible_scale(node: Node) -> str | None:
    """Beta times the input scale must be above 2^-26 and finite.

    Leave the softmax out, or calibrate the range of the logits.
    """
    scale = node.real_option("beta") * node.input(0).scale
    return None if 2.0**-26 < scale < float("inf") else f"{scale:.3g}"


def difference_scaling(scale: float) -> tuple[int, int, int]:
    """Multiplier and left shift of a difference, and the lowest difference that counts.

    Args:
        scale: Real value of a difference of 1, above 2^-26.

    Source: ``PreprocessSoftmaxScaling`` and ``CalculateInputRadius``,
    tensorflow/lite/kernels/internal/quantization_util.cc.
    """
    fraction_bits = 31 - INTEGER_BITS
    multiplier, left_shift = quantize_multiplier(min(scale * (1 << fraction_bits), 2.0**31 - 1))
    return multiplier, left_shift, -((((1 << INTEGER_BITS) - 1) << fraction_bits) >> left_shift)


def where_any_counts(multiplier: int, left_shift: int, lowest: int) -> tuple[int, int, int]:
    """Where only a difference of 0 counts, its scale does not matter: a shift by 31 is avoided."""
    return (multiplier, left_shift, lowest) if lowest < 0 else (0, 0, 0)


def _output_shape(node: Node) -> Shape:
    return node.input(0).shape


def emit(node: Node) -> KernelCall:
    """The C call of a node."""
    scaling = difference_scaling(node.real_option("beta") * node.input(0).scale)
    multiplier, left_shift, lowest = where_any_counts(*scaling)
    depth = node.input(0).shape[-1]
    params = Struct(
        "tkd_softmax_params",
        "params",
        {
            "rows": node.input(0).elements // depth,
            "depth": depth,
            "multiplier": multiplier,
            "left_shift": left_shift,
            "lowest_difference": lowest,
        },
    )
    return KernelCall("tkd_softmax_s8", (params,), ("input_0", "output"), overlaps={0: 0})


SOFTMAX = OpDef(
    name="SOFTMAX",
    max_version=3,
    operands=range(1, 2),
    constraints=(*INT8_TENSORS, probability_output, short_rows, sensible_scale),
    output_shape=_output_shape,
    macs=lambda _: 0,
    emit=emit,
)
