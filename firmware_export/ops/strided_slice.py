"""STRIDED_SLICE: every n-th value of a range along each dimension, forwards or backwards.

Ranges are Python's: negative indices count from the end, and what lies outside is cut off.
"""

from __future__ import annotations

from dataclasses import dataclass

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

BEGIN, END, STRIDES = 1, 2, 3


@dataclass(frozen=True)
class Steps:
    """The positions taken along one dimension: ``start``, ``start + step``, ...

    Attributes:
        start: The first position.
        step: Distance to the next; negative runs backwards.
        count: How many.
        dropped: Whether the dimension disappears from the output.
    """

    start: int
    step: int
    count: int
    dropped: bool


def known_indices(node: Node) -> str | None:
    """Begin, end and strides must be constant int32 values, one for each dimension.

    Convert the model with fixed shapes.
    """
    for index in (BEGIN, END, STRIDES):
        values = constant_integers(node.input(index))
        if values is None or node.input(index).dtype != "int32":
            return f"{node.input(index).dtype} in '{node.input(index).name}'"
        if len(values) != len(node.input(0).shape):
            return f"{len(values)} values for {len(node.input(0).shape)} dimensions"
    return None


def steps_forward_or_back(node: Node) -> str | None:
    """Strides must not be 0.

    Convert the model again.
    """
    strides = constant_integers(node.input(STRIDES)) or ()
    return str(list(strides)) if 0 in strides else None


def plain_masks(node: Node) -> str | None:
    """There must be no ellipsis, no new axis, and no end that counts from the begin.

    Write every dimension of the slice out, and add axes with a RESHAPE.
    """
    found = [
        name
        for name in ("ellipsis_mask", "new_axis_mask", "offset")
        if node.options.get(name, 0) != 0
    ]
    return found[0] if found else None


def positions_inside(node: Node) -> str | None:
    """The slice must take at least one position, inside the data, along each dimension.

    Look for an empty slice in the model.
    """
    for extent, steps in zip(node.input(0).shape, positions(node), strict=True):
        if steps.count < 1 or not 0 <= steps.start < extent:
            return f"{steps.count} positions from {steps.start} of {extent}"
    return None


def positions(node: Node) -> tuple[Steps, ...]:
    """The positions taken along each dimension.

    Source: ``StartForAxis`` and ``StopForAxis``,
    tensorflow/lite/kernels/internal/strided_slice_logic.h.
    """
    operands = (constant_integers(node.input(index)) or () for index in (BEGIN, END, STRIDES))
    dimensions = enumerate(zip(node.input(0).shape, *operands, strict=True))
    return tuple(_along(node, axis, *values) for axis, values in dimensions)


def _along(node: Node, axis: int, extent: int, begin: int, end: int, step: int) -> Steps:
    # As Python's slices do, and with the same treatment of what lies outside.
    bit = 1 << axis
    masked_begin = None if node.option("begin_mask") & bit else begin
    start = slice(masked_begin, None, step).indices(extent)[0]
    if node.option("shrink_axis_mask") & bit:
        # TFLM takes nothing of a dropped dimension that runs backwards.
        return Steps(start, step, int(step > 0), dropped=True)
    masked_end = None if node.option("end_mask") & bit else end
    taken = range(*slice(masked_begin, masked_end, step).indices(extent))
    return Steps(start, step, len(taken), dropped=False)


def _output_shape(node: Node) -> Shape:
    return tuple(steps.count for steps in positions(node) if not steps.dropped)


def emit(node: Node) -> KernelCall:
    """The C call of a node."""
    taken = positions(node)
    strides = row_major(node.input(0).shape)
    shape = tuple(steps.count for steps in taken)
    return Box(
        shape=shape,
        input_start=offset((steps.start for steps in taken), strides),
        input_strides=tuple(s.step * stride for s, stride in zip(taken, strides, strict=True)),
        output_start=0,
        output_strides=row_major(shape),
    ).call()


STRIDED_SLICE = OpDef(
    name="STRIDED_SLICE",
    max_version=8,
    operands=range(4, 5),
    constraints=(
        *INT8_TENSORS,
        same_quantization,
        at_most_five_dimensions,
        known_indices,
        steps_forward_or_back,
        plain_masks,
        positions_inside,
    ),
    output_shape=_output_shape,
    macs=lambda _: 0,
    emit=emit,
)
