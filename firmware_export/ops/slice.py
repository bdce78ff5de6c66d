"""SLICE: a box cut out of the data."""

from __future__ import annotations

from firmware_export.ir import Node, Shape
from firmware_export.ops.definition import KernelCall, OpDef
from firmware_export.ops.limits import INT8_TENSORS, same_quantization
from firmware_export.ops.movement import (
    Box,
    at_most_five_dimensions,
    constant_integers,
    offset,
    row_major,
)


def known_box(node: Node) -> str | None:
    """Begin and size must be constant, one for each dimension, and lie inside the data.

    Convert the model with fixed shapes.
    """
    shape = node.input(0).shape
    for index in (1, 2):
        values = constant_integers(node.input(index))
        if values is None:
            return f"{node.input(index).dtype} in '{node.input(index).name}'"
        if len(values) != len(shape):
            return f"{len(values)} values for {len(shape)} dimensions"
    for extent, begin, size in zip(shape, _begin(node), _size(node), strict=True):
        if begin < 0 or size < 1 or begin + size > extent:
            return f"{list(_begin(node))} and {list(_size(node))} in {list(shape)}"
    return None


def _begin(node: Node) -> tuple[int, ...]:
    return constant_integers(node.input(1)) or ()


def _size(node: Node) -> tuple[int, ...]:
    """The size, with what is left of the dimension in the place of -1."""
    sizes = constant_integers(node.input(2)) or ()
    return tuple(
        extent - begin if size == -1 else size
        for extent, begin, size in zip(node.input(0).shape, _begin(node), sizes, strict=True)
    )


def _output_shape(node: Node) -> Shape:
    return _size(node)


def emit(node: Node) -> KernelCall:
    """The C call of a node."""
    strides = row_major(node.input(0).shape)
    start = offset(_begin(node), strides)
    return Box(node.output.shape, start, strides, 0, row_major(node.output.shape)).call()


SLICE = OpDef(
    name="SLICE",
    max_version=6,
    operands=range(3, 4),
    constraints=(*INT8_TENSORS, same_quantization, at_most_five_dimensions, known_box),
    output_shape=_output_shape,
    macs=lambda _: 0,
    emit=emit,
)
