"""TRANSPOSE: the dimensions in another order."""

from __future__ import annotations

from firmware_export.ir import Node, Shape
from firmware_export.ops.definition import KernelCall, OpDef
from firmware_export.ops.limits import INT8_TENSORS, same_quantization
from firmware_export.ops.movement import Box, at_most_five_dimensions, constant_integers, row_major


def known_order(node: Node) -> str | None:
    """The permutation must be constant int32 values that name each dimension once.

    Convert the model with fixed shapes.
    """
    order = constant_integers(node.input(1))
    rank = len(node.input(0).shape)
    if order is None or node.input(1).dtype != "int32":
        return f"{node.input(1).dtype} in '{node.input(1).name}'"
    return None if sorted(order) == list(range(rank)) else str(list(order))


def _order(node: Node) -> tuple[int, ...]:
    return constant_integers(node.input(1)) or ()


def _output_shape(node: Node) -> Shape:
    return tuple(node.input(0).shape[axis] for axis in _order(node))


def emit(node: Node) -> KernelCall:
    """The C call of a node."""
    strides = row_major(node.input(0).shape)
    moved = tuple(strides[axis] for axis in _order(node))
    return Box(node.output.shape, 0, moved, 0, row_major(node.output.shape)).call()


TRANSPOSE = OpDef(
    name="TRANSPOSE",
    max_version=6,
    operands=range(2, 3),
    constraints=(*INT8_TENSORS, same_quantization, at_most_five_dimensions, known_order),
    output_shape=_output_shape,
    macs=lambda _: 0,
    emit=emit,
)
