"""Dimensions that are reduced to one value: MEAN, SUM and REDUCE_MAX."""

from __future__ import annotations

import math
from itertools import groupby

from firmware_export.ir import Node, Shape
from firmware_export.numerics import INT32_MAX, quantize_multiplier
from firmware_export.ops.definition import Struct
from firmware_export.ops.limits import INT8_TENSORS
from firmware_export.ops.movement import at_most_five_dimensions, constant_integers, row_major

LOOPS = 3
"""Loops of the C kernels over what is kept, and as many over what is reduced: five dimensions
alternate at most this often."""


def constant_axes(node: Node) -> str | None:
    """The axes must be constant int32 values that name dimensions of the input.

    Fold constant subexpressions before conversion.
    """
    axes = constant_integers(node.input(1))
    if axes is None or node.input(1).dtype != "int32":
        return f"{node.input(1).dtype} activation"
    rank = len(node.input(0).shape)
    return None if all(-rank <= axis < rank for axis in axes) else str(list(axes))


REDUCTION_LIMITS = (*INT8_TENSORS, at_most_five_dimensions, constant_axes)


def bounded_sum(node: Node) -> str | None:
    """255 times the number of values summed times the scale ratio must be below 2^31.

    Look for a layer with a constant output, and calibrate its range.
    """
    left = max(0, quantize_multiplier(node.input(0).scale / node.output.scale)[1])
    return None if 255 * positions(node) << left <= INT32_MAX else f"a left shift by {left}"


def positions(node: Node) -> int:
    """How many values of the input become one of the output."""
    return math.prod(node.input(0).shape[axis] for axis in reduced_axes(node))


def output_shape(node: Node) -> Shape:
    """The input's shape without the reduced dimensions, or with 1 in their places."""
    axes = reduced_axes(node)
    shape = enumerate(node.input(0).shape)
    if node.option("keep_dims"):
        return tuple(1 if axis in axes else extent for axis, extent in shape)
    return tuple(extent for axis, extent in shape if axis not in axes)


def reduction(node: Node) -> Struct:
    """The C parameter block ``tkd_reduction``: neighbours that are treated alike are one loop."""
    axes = reduced_axes(node)
    shape = node.input(0).shape
    strides = row_major(shape)
    loops: dict[bool, list[tuple[int, int]]] = {False: [], True: []}
    dimensions = (axis for axis in range(len(shape)) if shape[axis] > 1)
    for reduced, group in groupby(dimensions, key=lambda axis: axis in axes):
        alike = list(group)
        loops[reduced].append((math.prod(shape[a] for a in alike), strides[alike[-1]]))
    kept, reduced_loops = (
        [(1, 0)] * (LOOPS - len(loops[kind])) + loops[kind] for kind in (False, True)
    )
    return Struct(
        "tkd_reduction",
        "reduction",
        {
            "kept": tuple(extent for extent, _ in kept),
            "kept_strides": tuple(stride for _, stride in kept),
            "reduced": tuple(extent for extent, _ in reduced_loops),
            "reduced_strides": tuple(stride for _, stride in reduced_loops),
        },
    )


def sum_scale(node: Node, multiplier: int, shift: int) -> Struct:
    """The C parameter block ``tkd_sum_scale``: how a sum of input values becomes int8."""
    return Struct(
        "tkd_sum_scale",
        "scale",
        {
            "start": -node.input(0).zero_point * positions(node),
            "output_zero_point": node.output.zero_point,
            "multiplier": multiplier,
            "right_shift": -shift,
        },
    )


def reduced_axes(node: Node) -> set[int]:
    """The reduced dimensions; the file may name one twice, or count from the last."""
    return {axis % len(node.input(0).shape) for axis in constant_integers(node.input(1)) or ()}
