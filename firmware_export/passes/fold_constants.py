"""Shapes that the file computes from shapes become constants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from firmware_export.ir import Array, Graph, Node, Tensor
from firmware_export.ops import strided_slice

MAX_FOLDED = 4096
"""Elements of a folded constant: far more than any shape has, and too few to take long."""

INTEGERS = {"int32", "int64"}


def fold_constants(graph: Graph) -> Graph:
    """Compute integer operators of constants, and the shapes of activations.

    TFLite writes a Flatten or an UpSampling as SHAPE, STRIDED_SLICE, PACK and then RESHAPE or
    RESIZE, although every shape is fixed. Only what a check of the result confirms is folded; the
    rest stays, and is refused as any operator that is not supported.
    """
    known: dict[Tensor, Tensor] = {}
    kept = []
    for node in graph.nodes:
        found = replace(node, inputs=tuple(known.get(t, t) if t else None for t in node.inputs))
        values = None if set(node.outputs) & set(graph.outputs) else _folded(found)
        if values is None:
            kept.append(found if found.inputs != node.inputs else node)
        else:
            known[node.output] = replace(node.output, data=values)
    return graph.with_nodes(tuple(kept)) if known else graph


def _folded(node: Node) -> Array | None:
    """The values of the output, or None where they are not known or not plain integers."""
    if node.op not in FOLDERS or len(node.outputs) != 1:
        return None
    output = node.output
    if output.dtype not in INTEGERS or output.elements > MAX_FOLDED:
        return None
    if node.op != "SHAPE" and not all(_is_constant(tensor) for tensor in node.inputs):
        return None
    values = FOLDERS[node.op](node)
    if values is None or values.shape != output.shape:
        return None
    return values.astype(output.dtype)


def _is_constant(tensor: Tensor | None) -> bool:
    return tensor is not None and tensor.data is not None and tensor.dtype in INTEGERS


def _shape(node: Node) -> Array | None:
    return np.array(node.input(0).shape, np.int64)


def _pack(node: Node) -> Array | None:
    values = [tensor.values for tensor in node.inputs if tensor]
    axis, rank = node.option("axis"), len(node.output.shape)
    alike = len({value.shape for value in values}) == 1 and values[0].ndim == rank - 1
    if not alike or not -rank <= axis < rank:
        return None
    return np.stack(values, axis)


def _strided_slice(node: Node) -> Array | None:
    limits = (
        strided_slice.known_indices,
        strided_slice.steps_forward_or_back,
        strided_slice.plain_masks,
        strided_slice.positions_inside,
    )
    if len(node.inputs) != 4 or any(limit(node) for limit in limits):
        return None
    taken = strided_slice.positions(node)
    index = (
        s.start if s.dropped else [s.start + i * s.step for i in range(s.count)] for s in taken
    )
    values = node.input(0).values
    for axis, positions in reversed(list(enumerate(index))):
        values = np.take(values, positions, axis)
    return values


def _reshape(node: Node) -> Array | None:
    values = node.input(0).values
    return values.reshape(node.output.shape) if values.size == node.output.elements else None


def _multiply(node: Node) -> Array | None:
    # A constant shape of an UpSampling is a shape times a factor.
    factors = [tensor.values.astype(np.int64) for tensor in node.inputs if tensor]
    if len(factors) != 2 or factors[0].shape != factors[1].shape:
        return None
    return factors[0] * factors[1]


FOLDERS: Mapping[str, Callable[[Node], Array | None]] = MappingProxyType(
    {
        "EXPAND_DIMS": _reshape,
        "MUL": _multiply,
        "PACK": _pack,
        "RESHAPE": _reshape,
        "SHAPE": _shape,
        "SQUEEZE": _reshape,
        "STRIDED_SLICE": _strided_slice,
    }
)
"""Operators that can be folded, and how."""
