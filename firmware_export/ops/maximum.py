"""MAXIMUM and MINIMUM, which differ in one literal."""

from __future__ import annotations

from functools import partial

from firmware_export.ir import Node
from firmware_export.ops.broadcasting import PAIR_LIMITS, broadcast_shape, pair_call
from firmware_export.ops.definition import KernelCall, OpDef


def one_quantization(node: Node) -> str | None:
    """Both operands and the output must have the same scale and zero point.

    Convert the model again: the converter keeps them equal here.
    """
    found = [(t.scale, t.zero_point) for t in (node.input(0), node.input(1), node.output)]
    return None if len(set(found)) == 1 else ", ".join(map(str, found))


def emit(node: Node, *, take_min: int) -> KernelCall:
    """The C call of a node."""
    return pair_call(node, "tkd_maximum_s8", literals=(take_min,))


def _define(name: str, take_min: int) -> OpDef:
    return OpDef(
        name=name,
        max_version=4,
        operands=range(2, 3),
        constraints=(*PAIR_LIMITS, one_quantization),
        output_shape=broadcast_shape,
        macs=lambda _: 0,
        emit=partial(emit, take_min=take_min),
    )


MAXIMUM = _define("MAXIMUM", take_min=0)
MINIMUM = _define("MINIMUM", take_min=1)
