"""Passes: functions from a graph to a better graph that means the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from firmware_export.errors import ModelError
from firmware_export.ir import Graph
from firmware_export.passes.alias_views import alias_views
from firmware_export.passes.drop_identities import drop_identities
from firmware_export.passes.drop_unused import drop_unused
from firmware_export.passes.fold_padding import fold_padding
from firmware_export.passes.fuse_activations import fuse_activations
from firmware_export.passes.fuse_add import fuse_add
from firmware_export.passes.fuse_dilation import fuse_dilation
from firmware_export.passes.remove_constant_channels import remove_constant_channels
from firmware_export.passes.verify import verify

Pass = Callable[[Graph], Graph]

PASSES: tuple[Pass, ...] = (
    drop_unused,  # first: nothing after it works on what is not needed
    drop_identities,  # then the patterns below stand next to each other
    fuse_dilation,  # before the views: it looks for operators that follow each other
    fold_padding,  # after dilation, which is written with a padding of its own
    fuse_activations,  # before the channels: a clamp that is fused makes more of them constant
    remove_constant_channels,  # after the padding: what a window sees outside decides what may go
    alias_views,  # now what remains is what runs, and lifetimes are computed from it
    fuse_add,  # last: by the memory plan of what runs it decides what pays
)


@dataclass(frozen=True)
class Step:
    """The graph at one moment of the compilation.

    Attributes:
        name: What was done last.
        graph: What it gave.
    """

    name: str
    graph: Graph


Observer = Callable[[Step], None]


def run_passes(
    graph: Graph, passes: tuple[Pass, ...] = PASSES, observe: Observer = lambda _: None
) -> Graph:
    """Apply ``passes`` in order, verifying the graph before the first and after each.

    Args:
        graph: Of supported operators.
        passes: In the order in which they run.
        observe: Is given every step, the one that failed included.

    Raises:
        ModelError: If the graph is inconsistent; after a pass, with the name of that pass.
    """
    graph = verify(graph)
    for apply in passes:
        sound = frozenset(graph.nodes)
        graph = apply(graph)
        observe(Step(apply.__name__, graph))
        try:
            verify(graph, sound)
        except ModelError as error:
            raise ModelError(f"After the pass {apply.__name__}: {error}") from error
    return graph


__all__ = ["PASSES", "Observer", "Pass", "Step", "run_passes", "verify"]
