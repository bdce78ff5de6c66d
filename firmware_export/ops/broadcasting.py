"""Operators of two operands, element by element: their limits, and how operands are repeated."""

from __future__ import annotations

import numpy as np

from firmware_export.ir import Node, Shape, Tensor
from firmware_export.ops.definition import KernelCall, Struct
from firmware_export.ops.limits import (
    int8_activations,
    nonempty,
    quantization_fault,
    quantized_activations,
)

RANK = 4


def second_operand(node: Node) -> str | None:
    """The second operand must be int8 with one scale in [2^-100, 2^100].

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

    Reshape them before this layer.
    """
    rank = max(len(node.input(0).shape), len(node.input(1).shape))
    return None if rank <= RANK else str(rank)


def broadcastable(node: Node) -> str | None:
    """Operands must have the same shape, or 1 where their dimensions differ.

    Reshape them before this layer.
    """
    shapes = node.input(0).shape, node.input(1).shape
    for a, b in zip(reversed(shapes[0]), reversed(shapes[1]), strict=False):
        if a != b and 1 not in {a, b}:
            return f"{list(shapes[0])} and {list(shapes[1])}"
    return None


PAIR_LIMITS = (
    int8_activations,
    quantized_activations,
    nonempty,
    second_operand,
    one_computed,
    at_most_four_dimensions,
    broadcastable,
)
"""What every operator of two operands asks of them and of its output."""


def broadcast_shape(node: Node) -> Shape:
    """The shape that both operands are repeated to."""
    return tuple(np.broadcast_shapes(node.input(0).shape, node.input(1).shape))


def pair_call(
    node: Node, kernel: str, *params: Struct, literals: tuple[int, ...] = ()
) -> KernelCall:
    """The call of a kernel that takes a ``tkd_broadcast``, its parameters, and two operands.

    An operand that is a constant of the model becomes a constant of the call.
    """
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
        kernel=kernel,
        structs=(_broadcast(node), *params),
        literals=literals,
        arguments=(*names, "output"),
        constants=constants,
        # Element by element in order: the output may lie over an operand that is not repeated.
        overlaps={
            index: 0
            for index in (0, 1)
            if node.input(index).data is None and node.input(index).elements == node.output.elements
        },
    )


def _broadcast(node: Node) -> Struct:
    shape = _flattened(node)
    return Struct(
        "tkd_broadcast",
        "broadcast",
        {
            "shape": shape,
            "strides_a": _operand_strides(node.input(0), node.output, shape),
            "strides_b": _operand_strides(node.input(1), node.output, shape),
        },
    )


def _flattened(node: Node) -> Shape:
    """The output shape in four dimensions; one long dimension where nothing is broadcast."""
    shape = node.output.shape
    if node.input(0).shape == node.input(1).shape:
        shape = (node.output.elements,)
    return _four(shape)


def _four(shape: Shape) -> Shape:
    return (1,) * (RANK - len(shape)) + shape


def _operand_strides(operand: Tensor, output: Tensor, shape: Shape) -> tuple[int, ...]:
    return _strides(shape if operand.elements == output.elements else _four(operand.shape))


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
