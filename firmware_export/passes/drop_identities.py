"""Operators that change nothing disappear, or become views."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from firmware_export.ir import NO_OPTIONS, Graph, Node, Tensor
from firmware_export.ops import definition, pad, space_to_batch_nd
from firmware_export.ops.limits import activation_name


def drop_identities(graph: Graph) -> Graph:
    """Let the readers of an operator that gives its input unchanged read that input.

    Where the shape differs, or the result is an output of the model, a RESHAPE takes its place,
    which needs no code.
    """
    instead: dict[Tensor, Tensor] = {}
    kept = []
    for node in graph.nodes:
        inputs = tuple(instead.get(t, t) if t else None for t in node.inputs)
        found = node if inputs == node.inputs else replace(node, inputs=inputs)
        source = _unchanged(found)
        if source is None:
            kept.append(found)
        elif source.shape == found.output.shape and found.output not in graph.outputs:
            instead[found.output] = source
        elif definition(found).emit is None:
            kept.append(found)
        else:
            kept.append(Node("RESHAPE", 1, (source,), found.outputs, NO_OPTIONS))
    return graph if tuple(kept) == graph.nodes else graph.with_nodes(tuple(kept))


def _unchanged(node: Node) -> Tensor | None:
    """The input whose bytes, in the same order and of the same meaning, are the output's."""
    if node.op not in SAME_BYTES or len(node.outputs) != 1 or len(node.activations) != 1:
        return None
    x, y = node.activations[0], node.output
    if not x.dtype == y.dtype == "int8" or x.elements != y.elements:
        return None
    same = (x.scale, x.zero_point) == (y.scale, y.zero_point)
    return x if same and SAME_BYTES[node.op](node) else None


def _always(_: Node) -> bool:
    """Where input and output have as many elements and one quantization."""
    return True


def _without_borders(node: Node) -> bool:
    return not any(any(ends) for ends in pad.borders(node))


def _in_order(node: Node) -> bool:
    """Whether the dimensions that are longer than 1 stay in their order."""
    order = [axis for axis in node.input(1).values.tolist() if node.input(0).shape[axis] > 1]
    return order == sorted(order)


def _one_tap(node: Node) -> bool:
    steps = ("filter_height", "filter_width", "stride_h", "stride_w")
    return {node.option(name) for name in steps} == {1} and activation_name(node) == "NONE"


def _one_block(node: Node) -> bool:
    borders = space_to_batch_nd.borders_of(node)
    return set(space_to_batch_nd.block_of(node)) == {1} and not any(map(any, borders))


def _forward(node: Node) -> bool:
    return all(step > 0 for step in node.input(3).values.reshape(-1).tolist())


SAME_BYTES: Mapping[str, Callable[[Node], bool]] = MappingProxyType(
    {
        "AVERAGE_POOL_2D": _one_tap,
        "BATCH_TO_SPACE_ND": _one_block,
        "CONCATENATION": _always,
        "EXPAND_DIMS": _always,
        "MAX_POOL_2D": _one_tap,
        "MIRROR_PAD": _without_borders,
        "PAD": _without_borders,
        "PADV2": _without_borders,
        "QUANTIZE": _always,
        "RESHAPE": _always,
        "SLICE": _always,
        "SPACE_TO_BATCH_ND": _one_block,
        "SPLIT": _always,
        "SQUEEZE": _always,
        "STRIDED_SLICE": _forward,
        "TRANSPOSE": _in_order,
    }
)
"""Operators that may give their input unchanged, and when; all must keep size and quantization."""
