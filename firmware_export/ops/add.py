"""ADD: element by element, with broadcasting.

Both operands are brought to twice the larger of their scales with 20 bits of fraction: each is
``requantize((q - zero_point) << 20, scale / (2 * larger scale))``. The sum is requantized by
``2 * larger scale / (2^20 * output scale)``, the zero point is added, the activation clamps.
"""

from __future__ import annotations

import numpy as np

from firmware_export.ir import Node, Shape, Tensor
from firmware_export.numerics import activation_range, quantize_multiplier
from firmware_export.ops.definition import KernelCall, OpDef, Struct
from firmware_export.ops.limits import (
    activation_name,
    int8_activations,
    known_activation,
    nonempty,
    quantization_fault,
    quantized_activations,
)

RANK = 4
FRACTION_BITS = 20
"""Fraction bits of the common scale; the ``left_shift`` of TFLite."""


def second_operand(node: Node) -> str | None:
    """The second operand must be int8 with one finite scale above 0.

    Quantize the model to full integers.
    """
    other = node.input(1)
    return other.dtype if other.dtype != "int8" else quantization_fault(other)


def one_computed(node: Node) -> str | None:
    """At least one operand must be computed at run time.

    Fold constant subexpressions before conversion.
    """
    return None if node.activations else "two constants"


def at_most_four_dimensions(node: Node) -> str | None:
    """Operands must have at most four dimensions.

    Reshape them before the addition.
    """
    rank = max(len(node.input(0).shape), len(node.input(1).shape))
    return None if rank <= RANK else str(rank)


def broadcastable(node: Node) -> str | None:
    """Operands must have the same shape, or 1 where their dimensions differ.

    Reshape them before the addition.
    """
    shapes = node.input(0).shape, node.input(1).shape
    for a, b in zip(reversed(shapes[0]), reversed(shapes[1]), strict=False):
        if a != b and 1 not in {a, b}:
            return f"{list(shapes[0])} and {list(shapes[1])}"
    return None


def sum_not_amplified(node: Node) -> str | None:
    """Twice the larger input scale must be below 2^20 times the output scale.

    Look for a layer with a constant output, and calibrate its range.
    """
    ratio = _common_scale(node) / node.output.scale
    return None if ratio < 2**FRACTION_BITS else f"{ratio:.3g}"


def _common_scale(node: Node) -> float:
    return 2 * max(node.input(0).scale, node.input(1).scale)


def _output_shape(node: Node) -> Shape:
    return tuple(np.broadcast_shapes(node.input(0).shape, node.input(1).shape))


def emit(node: Node) -> KernelCall:
    """The C call of a node."""
    shape = _flattened(node)
    constants = {
        f"operand_{index}": node.input(index).values
        for index in (0, 1)
        if node.input(index).data is not None
    }
    names = tuple(
        f"operand_{index}" if f"operand_{index}" in constants else f"input_{index}"
        for index in (0, 1)
    )
    return KernelCall(
        kernel="tkd_add_s8",
        structs=(
            _operand(node, node.input(0), "left", shape),
            _operand(node, node.input(1), "right", shape),
            _result(node, shape),
        ),
        arguments=(*names, "output"),
        constants=constants,
    )


def _flattened(node: Node) -> Shape:
    """The output shape in four dimensions; one long dimension where nothing is broadcast."""
    shape = node.output.shape
    if node.input(0).shape == node.input(1).shape:
        shape = (node.output.elements,)
    return (1,) * (RANK - len(shape)) + shape


def _operand(node: Node, tensor: Tensor, name: str, shape: Shape) -> Struct:
    multiplier, right_shift = _scaling(tensor.scale / _common_scale(node))
    own_shape = shape if tensor.elements == node.output.elements else tensor.shape
    return Struct(
        "tkd_add_operand",
        name,
        {
            "zero_point": tensor.zero_point,
            "multiplier": multiplier,
            "right_shift": right_shift,
            "strides": _strides((1,) * (RANK - len(own_shape)) + own_shape),
        },
    )


def _scaling(real: float) -> tuple[int, int]:
    """Multiplier and right shift of a scale below 1.

    A shift of 31 leaves nothing of the sums, which are below 2**29; a multiplier of 0 says so
    within the shifts that the kernel knows.
    """
    multiplier, shift = quantize_multiplier(real)
    return (multiplier, -shift) if shift >= -30 else (0, 0)


def _strides(shape: Shape) -> tuple[int, ...]:
    """Distance of neighbours along each dimension, 0 along those that are repeated.

    Example:
        >>> _strides((1, 4, 1, 8))
        (0, 8, 0, 1)
    """
    strides = [0] * len(shape)
    step = 1
    for axis in reversed(range(len(shape))):
        strides[axis] = step if shape[axis] > 1 else 0
        step *= shape[axis]
    return tuple(strides)


def _result(node: Node, shape: Shape) -> Struct:
    y = node.output
    multiplier, right_shift = _scaling(_common_scale(node) / (2**FRACTION_BITS * y.scale))
    low, high = activation_range(activation_name(node), y.scale, y.zero_point)
    return Struct(
        "tkd_add_result",
        "result",
        {
            "shape": shape,
            "zero_point": y.zero_point,
            "multiplier": multiplier,
            "right_shift": right_shift,
            "activation_min": low,
            "activation_max": high,
        },
    )


ADD = OpDef(
    name="ADD",
    max_version=5,
    operands=range(2, 3),
    constraints=(
        int8_activations,
        quantized_activations,
        nonempty,
        second_operand,
        one_computed,
        at_most_four_dimensions,
        broadcastable,
        known_activation,
        sum_not_amplified,
    ),
    output_shape=_output_shape,
    macs=lambda _: 0,
    emit=emit,
)
