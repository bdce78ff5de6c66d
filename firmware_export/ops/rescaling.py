"""Integers of one scale and zero point as those of another."""

from __future__ import annotations

from firmware_export.ir import Node
from firmware_export.numerics import quantize_multiplier


def rescaling(node: Node) -> dict[str, int]:
    """The fields of a C parameter block that lead from a node's input to its output, by value."""
    x, y = node.input(0), node.output
    multiplier, shift = quantize_multiplier(x.scale / y.scale)
    return {
        "size": x.elements,
        "input_zero_point": x.zero_point,
        "output_zero_point": y.zero_point,
        "multiplier": multiplier,
        "right_shift": -shift,
    }
