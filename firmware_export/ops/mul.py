"""MUL: element by element, with broadcasting."""

from __future__ import annotations

from firmware_export.ir import Node
from firmware_export.numerics import activation_range, quantize_multiplier
from firmware_export.ops.broadcasting import PAIR_LIMITS, broadcast_shape, pair_call
from firmware_export.ops.definition import KernelCall, OpDef, Struct
from firmware_export.ops.limits import activation_name, known_activation


def product_not_amplified(node: Node) -> str | None:
    """The product of the input scales must be below 2^14 times the output scale.

    Look for a layer with a constant output, and calibrate its range.
    """
    found = ratio(node)
    return None if found < 2**14 else f"{found:.3g}"


def ratio(node: Node) -> float:
    """Scale of the product over the scale of the output."""
    return node.input(0).scale * node.input(1).scale / node.output.scale


def emit(node: Node) -> KernelCall:
    """The C call of a node."""
    a, b, y = node.input(0), node.input(1), node.output
    multiplier, shift = quantize_multiplier(ratio(node))
    low, high = activation_range(activation_name(node), y.scale, y.zero_point)
    params = Struct(
        "tkd_mul_params",
        "params",
        {
            "zero_points": (a.zero_point, b.zero_point, y.zero_point),
            "multiplier": multiplier,
            "right_shift": -shift,
            "activation_min": low,
            "activation_max": high,
        },
    )
    return pair_call(node, "tkd_mul_s8", params)


MUL = OpDef(
    name="MUL",
    max_version=5,
    operands=range(2, 3),
    constraints=(*PAIR_LIMITS, known_activation, product_not_amplified),
    output_shape=broadcast_shape,
    macs=lambda _: 0,
    emit=emit,
)
