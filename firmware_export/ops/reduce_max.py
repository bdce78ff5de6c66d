"""REDUCE_MAX: the largest value along any dimensions.

Both sides have the same scale, so that no value is computed.
"""

from __future__ import annotations

from firmware_export.ir import Node
from firmware_export.ops.definition import KernelCall, OpDef
from firmware_export.ops.limits import same_quantization
from firmware_export.ops.reduction import REDUCTION_LIMITS, output_shape, reduction


def emit(node: Node) -> KernelCall:
    """The C call of a node."""
    return KernelCall("tkd_reduce_max_s8", (reduction(node),), ("input_0", "output"))


REDUCE_MAX = OpDef(
    name="REDUCE_MAX",
    max_version=3,
    operands=range(2, 3),
    constraints=(*REDUCTION_LIMITS, same_quantization),
    output_shape=output_shape,
    macs=lambda _: 0,
    emit=emit,
)
