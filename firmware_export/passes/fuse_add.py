"""An ADD is done by the convolution that gives one of its operands, over the other one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from firmware_export.ir import Graph, Node, Tensor
from firmware_export.memory import plan_memory
from firmware_export.ops import KernelCall, definition
from firmware_export.ops.conv_2d_add import fused


@dataclass(frozen=True, eq=False)
class Fusion:
    """A convolution and an addition that can be one.

    Attributes:
        convolution: In the place of which both run.
        addition: The only reader of its output.
        node: The two as one.
    """

    convolution: Node
    addition: Node
    node: Node


FUSIONS_TO_TRY = 32
"""Where more are possible none is tried: each costs as much time as two memory plans."""


def fuse_add(graph: Graph) -> Graph:
    """Leave out what a convolution hands to an addition, where the arena gets smaller by it.

    Each result is added at once to the other operand, in the place of which the sum is written.
    That operand is read for the last time, so that nobody misses it. Where the arena stays as it
    is, the addition keeps a loop of its own: it is less code than one inside a convolution. The
    arena can even grow, because the convolution no longer writes over its own input.
    """
    possible = tuple(fusions(graph))
    if not 1 <= len(possible) <= FUSIONS_TO_TRY:
        return graph
    calls: dict[Node, KernelCall] = {}
    chosen: tuple[Fusion, ...] = ()
    arena = _arena_bytes(graph, calls)
    for fusion in possible:
        trial = (*chosen, fusion)
        needed = _arena_bytes(with_fusions(graph, trial), calls)
        if needed <= arena:
            chosen, arena = trial, needed
    for fusion in chosen:
        fewer = tuple(other for other in chosen if other is not fusion)
        needed = _arena_bytes(with_fusions(graph, fewer), calls)
        if needed <= arena:
            chosen, arena = fewer, needed
    return with_fusions(graph, chosen) if chosen else graph


def with_fusions(graph: Graph, chosen: Sequence[Fusion]) -> Graph:
    """The same model with each of ``chosen`` as one node."""
    new: dict[Node, tuple[Node, ...]] = {}
    for fusion in chosen:
        new[fusion.convolution], new[fusion.addition] = (fusion.node,), ()
    return graph.with_nodes(tuple(n for node in graph.nodes for n in new.get(node, (node,))))


def fusions(graph: Graph) -> Iterator[Fusion]:
    """All that are possible.

    The addition alone reads what the convolution gives. The other operand has the same shape, is
    known before the convolution, and from then on only the addition reads it.
    """
    readers = _readers(graph)
    written = {tensor: index for index, node in enumerate(graph.nodes) for tensor in node.outputs}
    for index, addition in enumerate(graph.nodes):
        for product, addend in _operands(addition):
            at = written.get(product, -1)
            if at < 0 or graph.nodes[at].op != "CONV_2D" or product.shape != addend.shape:
                continue
            memory = graph.storage(addend)
            known = written.get(memory, -1) < at
            later = [reader for reader in readers[memory] if reader > at]
            if known and readers[product] == later == [index]:
                convolution = graph.nodes[at]
                yield Fusion(convolution, addition, fused(convolution, addition))


def _operands(node: Node) -> Sequence[tuple[Tensor, Tensor]]:
    """Both operands of an addition, and both the other way round; nothing of any other node."""
    if node.op != "ADD" or len(node.activations) < 2:
        return ()
    one, other = node.activations
    return (one, other), (other, one)


def _readers(graph: Graph) -> Mapping[Tensor, Sequence[int]]:
    """Indices of the nodes that read what owns memory; outputs and state are read at the end."""
    found: dict[Tensor, list[int]] = {}
    for index, node in enumerate(graph.nodes):
        for tensor in node.outputs:
            found.setdefault(tensor, [])
        for tensor in node.activations:
            found.setdefault(graph.storage(tensor), []).append(index)
    for tensor in (*graph.outputs, *graph.states):
        found.setdefault(graph.storage(tensor), []).append(len(graph.nodes))
    return found


def _arena_bytes(graph: Graph, calls: dict[Node, KernelCall]) -> int:
    """Size of the arena with the first variant of every node; ``calls`` keeps what is known."""
    for node in graph.nodes:
        emit = definition(node).emit
        if node not in calls and emit is not None:
            calls[node] = emit(node)
    found = [calls[node] for node in graph.nodes]
    plan = plan_memory(
        graph, [call.scratch_bytes for call in found], [call.overlaps for call in found]
    )
    return plan.arena_bytes
