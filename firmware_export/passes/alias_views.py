"""Operators that only rename memory become aliases."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from firmware_export.ir import Graph
from firmware_export.ops import definition


def alias_views(graph: Graph) -> Graph:
    """Remove every node without a kernel, and let its output share the memory of its input."""
    views = dict(graph.views)
    kept = []
    for node in graph.nodes:
        if definition(node).emit is None:
            views[node.output] = node.input(0)
        else:
            kept.append(node)
    return replace(graph, nodes=tuple(kept), views=MappingProxyType(views))
