"""SUM over any dimensions.

The sum of ``x - zero_point`` is exact, and is scaled once, by ``input scale / output scale``.

TFLM has room for two dimensions to reduce; over more the arithmetic is the same. LiteRT's reference
kernel (BUILTIN_REF of ai-edge-litert 2.3) gives other values than TFLM even over two.
"""

from __future__ import annotations

from firmware_export.ir import Node
from firmware_export.numerics import quantize_multiplier
from firmware_export.ops.definition import KernelCall, OpDef
from firmware_export.ops.reduction import (
    REDUCTION_LIMITS,
    bounded_sum,
    output_shape,
    reduction,
    sum_scale,
)


def emit(node: Node) -> KernelCall:
    """The C call of a node.

    Source: ``QuantizedMeanOrSum``, tensorflow/lite/kernels/internal/reference/reduce.h.
    """
    scale = quantize_multiplier(node.input(0).scale / node.output.scale)
    structs = (reduction(node), sum_scale(node, *scale))
    return KernelCall("tkd_sum_s8", structs, ("input_0", "output"))


SUM = OpDef(
    name="SUM",
    max_version=3,
    operands=range(2, 3),
    constraints=(*REDUCTION_LIMITS, bounded_sum),
    output_shape=output_shape,
    macs=lambda _: 0,
    emit=emit,
)
