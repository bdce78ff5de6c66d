"""ADD and SUB, element by element, with broadcasting; they differ in a sign.

Both operands are brought to twice the larger of their scales with 20 bits of fraction: each is
``requantize((q - zero_point) << 20, scale / (2 * larger scale))``. The sum is requantized by
``2 * larger scale / (2^20 * output scale)``, the zero point is added, the activation clamps.
"""

from __future__ import annotations

from functools import partial

from firmware_export.ir import Node
from firmware_export.numerics import activation_range, quantize_multiplier
from firmware_export.ops.broadcasting import PAIR_LIMITS, broadcast_shape, pair_call
from firmware_export.ops.definition import KernelCall, OpDef, Struct
from firmware_export.ops.limits import activation_name, known_activation

FRACTION_BITS = 20
"""Fraction bits of the common scale; the ``left_shift`` of TFLite."""


def sum_not_amplified(node: Node) -> str | None:
    """Twice the larger input scale must be below 2^20 times the output scale.

    Look for a layer with a constant output, and calibrate its range.
    """
    ratio = _common_scale(node) / node.output.scale
    return None if ratio < 2**FRACTION_BITS else f"{ratio:.3g}"


def _common_scale(node: Node) -> float:
    return 2 * max(node.input(0).scale, node.input(1).scale)


def _scaling(real: float) -> tuple[int, int]:
    """Multiplier and right shift of a scale below 1.

    A shift of 31 leaves nothing of the sums, which are below 2**29; a multiplier of 0 says so
    within the shifts that the kernel knows.
    """
    multiplier, shift = quantize_multiplier(real)
    return (multiplier, -shift) if shift >= -30 else (0, 0)


def scalings(node: Node) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Multipliers and right shifts: of the two operands, then of the sum."""
    common = _common_scale(node)
    multipliers, right_shifts = zip(
        _scaling(node.input(0).scale / common),
        _scaling(node.input(1).scale / common),
        _scaling(common / (2**FRACTION_BITS * node.output.scale)),
        strict=True,
    )
    return multipliers, right_shifts


def emit(node: Node, *, subtract: int) -> KernelCall:
    """The C call of a node."""
    return pair_call(node, "tkd_add_s8", params(node, subtract=subtract))


def params(node: Node, *, subtract: int = 0) -> Struct:
    """The C parameter block ``tkd_add_params`` of a node."""
    a, b, y = node.input(0), node.input(1), node.output
    multipliers, right_shifts = scalings(node)
    low, high = activation_range(activation_name(node), y.scale, y.zero_point)
    return Struct(
        "tkd_add_params",
        "params",
        {
            "zero_points": (a.zero_point, b.zero_point, y.zero_point),
            "multipliers": multipliers,
            "right_shifts": right_shifts,
            "subtract": subtract,
            "activation_min": low,
            "activation_max": high,
        },
    )


def _define(name: str, subtract: int) -> OpDef:
    return OpDef(
        name=name,
        max_version=5,
        operands=range(2, 3),
        constraints=(*PAIR_LIMITS, known_activation, sum_not_amplified),
        output_shape=broadcast_shape,
        macs=lambda _: 0,
        emit=partial(emit, subtract=subtract),
    )


ADD = _define("ADD", subtract=0)
SUB = _define("SUB", subtract=1)
