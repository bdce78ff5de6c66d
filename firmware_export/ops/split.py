"""SPLIT: equal pieces along one dimension, each an output."""

from __future__ import annotations

from dataclasses import replace

from firmware_export.ir import Node, Shape
from firmware_export.ops.definition import KernelCall, OpDef
from firmware_export.ops.limits import INT8_TENSORS, same_quantization
from firmware_export.ops.movement import (
    Box,
    at_most_five_dimensions,
    constant_integers,
    on_each,
    row_major,
)

AXIS, DATA = 0, 1
MAX_PIECES = 256
"""What the reader accepts."""


def pieces(node: Node) -> tuple[Node, ...]:
    """One node for each output, with the data as its only input."""
    return tuple(
        Node(node.op, node.version, (node.input(DATA),), (output,)) for output in node.outputs
    )


PIECE_LIMITS = tuple(on_each(pieces, limit) for limit in (*INT8_TENSORS, same_quantization))


def known_axis(node: Node) -> str | None:
    """The axis must be one constant int32 value that names a dimension.

    Convert the model with fixed shapes.
    """
    axis = constant_integers(node.input(AXIS))
    rank = len(node.input(DATA).shape)
    if axis is None or node.input(AXIS).dtype != "int32":
        return f"{node.input(AXIS).dtype} in '{node.input(AXIS).name}'"
    return None if len(axis) == 1 and -rank <= axis[0] < rank else str(list(axis))


def whole_pieces(node: Node) -> str | None:
    """The dimension must be a multiple of the number of outputs, which the options repeat.

    Use slices for pieces of different sizes.
    """
    extent = node.input(DATA).shape[_axis(node)]
    count = len(node.outputs)
    if node.option("num_splits") == count and extent % count == 0:
        return None
    return f"{extent} in {count} outputs, {node.option('num_splits')} in the options"


def _axis(node: Node) -> int:
    (axis,) = constant_integers(node.input(AXIS)) or (0,)
    return axis % len(node.input(DATA).shape)


def _output_shape(node: Node) -> Shape:
    axis = _axis(node)
    shape = node.input(DATA).shape
    return (*shape[:axis], shape[axis] // len(node.outputs), *shape[axis + 1 :])


def emit(node: Node) -> KernelCall:
    """The C call of a node: a copy for each output."""
    axis = _axis(node)
    strides = row_major(node.input(DATA).shape)
    shape = node.output.shape
    first, *rest = (
        Box(shape, index * shape[axis] * strides[axis], strides, 0, row_major(shape)).call(
            index, source=f"input_{DATA}", target=f"output_{index}"
        )
        for index in range(len(node.outputs))
    )
    return replace(first, then=tuple(rest))


SPLIT = OpDef(
    name="SPLIT",
    max_version=4,
    operands=range(2, 3),
    constraints=(*PIECE_LIMITS, at_most_five_dimensions, known_axis, whole_pieces),
    output_shape=_output_shape,
    macs=lambda _: 0,
    emit=emit,
    outputs=range(1, MAX_PIECES + 1),
)
