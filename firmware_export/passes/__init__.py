"""Passes: functions from a graph to a better graph that means the same."""

from __future__ import annotations

from collections.abc import Callable

from firmware_export.ir import Graph
from firmware_export.passes.alias_views import alias_views
from firmware_export.passes.drop_unused import drop_unused
from firmware_export.passes.fuse_dilation import fuse_dilation
from firmware_export.passes.verify import verify

Pass = Callable[[Graph], Graph]

PASSES: tuple[Pass, ...] = (
    drop_unused,  # first: nothing after it works on what is not needed
    fuse_dilation,  # before the views: it looks for operators that follow each other
    alias_views,  # last: what remains is what runs, and lifetimes are computed from it
)


def run_passes(graph: Graph, passes: tuple[Pass, ...] = PASSES) -> Graph:
    """Apply ``passes`` in order, verifying the graph before the first and after each.

    Raises:
        ModelError: If the graph is inconsistent.
    """
    graph = verify(graph)
    for apply in passes:
        graph = verify(apply(graph))
    return graph


__all__ = ["PASSES", "Pass", "run_passes", "verify"]
