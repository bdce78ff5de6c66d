"""Nodes whose results nobody reads disappear."""

from __future__ import annotations

from firmware_export.ir import Graph


def drop_unused(graph: Graph) -> Graph:
    """Keep the nodes that the model's outputs need, in their order."""
    needed = set(graph.outputs)
    kept = []
    for node in reversed(graph.nodes):
        if needed.intersection(node.outputs):
            needed.update(node.activations)
            kept.append(node)
    return graph.with_nodes(tuple(reversed(kept)))
