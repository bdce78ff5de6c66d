"""MEAN over any dimensions; over height and width it is global average pooling.

The sum of ``x - zero_point`` is exact. One multiplier holds scale ratio and division: the Q31
multiplier of ``input scale / output scale`` is shifted left as far as the number of values
allows, divided by it as an integer, rounding down, and the shift is taken back at the end.

TFLM has room for two dimensions to reduce; the arithmetic over more is the same, and that of
LiteRT.
"""

from __future__ import annotations

from firmware_export.ir import Node
from firmware_export.numerics import quantize_multiplier
from firmware_export.ops.definition import KernelCall, OpDef
from firmware_export.ops.reduction import (
    REDUCTION_LIMITS,
    bounded_sum,
    output_shape,
    positions,
    reduction,
    sum_scale,
)


def multiplier(node: Node) -> tuple[int, int]:
    """Input scale over output scale over positions, in two steps as TFLite takes them.

    Source: ``QuantizedMeanOrSum``, tensorflow/lite/kernels/internal/reference/reduce.h.
    """
    ratio, shift = quantize_multiplier(node.input(0).scale / node.output.scale)
    count = positions(node)
    extra = max(0, min(count.bit_length() - 1, 32, 31 + shift))
    return (ratio << extra) // count, shift - extra


def emit(node: Node) -> KernelCall:
    """The C call of a node."""
    structs = (reduction(node), sum_scale(node, *multiplier(node)))
    return KernelCall("tkd_sum_s8", structs, ("input_0", "output"))


MEAN = OpDef(
    name="MEAN",
    max_version=3,
    operands=range(2, 3),
    constraints=(*REDUCTION_LIMITS, bounded_sum),
    output_shape=output_shape,
    macs=lambda _: 0,
    emit=emit,
)
