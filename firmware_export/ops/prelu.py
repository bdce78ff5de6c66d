"""PRELU with a constant alpha, which is usually one value for each channel."""

from __future__ import annotations

from firmware_export.ir import Node, Shape
from firmware_export.numerics import quantize_multipliers
from firmware_export.ops.broadcasting import (
    at_most_four_dimensions,
    broadcast_shape,
    broadcastable,
    pair_call,
    second_operand,
)
from firmware_export.ops.definition import KernelCall, OpDef, Struct
from firmware_export.ops.limits import INT8_TENSORS
from firmware_export.ops.relu import bounded_scale


def constant_alpha(node: Node) -> str | None:
    """Alpha must be constant.

    Use a trained PReLU layer, whose alpha is a weight.
    """
    alpha = node.input(1)
    return f"the activation '{alpha.name}'" if alpha.data is None else None


def alpha_within_input(node: Node) -> str | None:
    """Alpha must not be larger than the data input along any dimension.

    Share alpha over height and width: shared_axes=[1, 2].
    """
    x, alpha = node.input(0), node.input(1)
    if broadcast_shape(node) == x.shape:
        return None
    return f"{list(alpha.shape)} for {list(x.shape)}"


def bounded_slope(node: Node) -> str | None:
    """Input scale times alpha scale must be below 2^14 times the output scale.

    Look for a layer with a constant output, and calibrate its range.
    """
    ratio = _scales(node)[1]
    return None if ratio < 2**14 else f"{ratio:.3g}"


def _scales(node: Node) -> tuple[float, float]:
    x, alpha, y = node.input(0).scale, node.input(1).scale, node.output.scale
    return x / y, x * alpha / y


def _output_shape(node: Node) -> Shape:
    return node.input(0).shape


def emit(node: Node) -> KernelCall:
    """The C call of a node."""
    multipliers, shifts = quantize_multipliers(_scales(node))
    params = Struct(
        "tkd_prelu_params",
        "params",
        {
            "zero_points": tuple(t.zero_point for t in (node.input(0), node.input(1), node.output)),
            "multipliers": tuple(multipliers),
            "right_shifts": tuple(-shift for shift in shifts),
        },
    )
    return pair_call(node, "tkd_prelu_s8", params)


PRELU = OpDef(
    name="PRELU",
    max_version=1,
    operands=range(2, 3),
    constraints=(
        *INT8_TENSORS,
        second_operand,
        constant_alpha,
        at_most_four_dimensions,
        broadcastable,
        alpha_within_input,
        bounded_scale,
        bounded_slope,
    ),
    output_shape=_output_shape,
    macs=lambda _: 0,
    emit=emit,
)
