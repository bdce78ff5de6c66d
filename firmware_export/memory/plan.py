"""The memory plan of a graph: where in the arena each activation lives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from firmware_export.errors import ModelError
from firmware_export.ir import Graph, Node, Tensor
from firmware_export.memory.buffers import Buffer, align, end_bytes, lower_bound, occupied
from firmware_export.memory.lifetimes import tensor_buffers, tensor_sharings
from firmware_export.memory.placing import place

MAX_ARENA_BYTES = 2**31 - 1


@dataclass(frozen=True)
class MemoryPlan:
    """Offsets in the arena.

    Attributes:
        tensors: Offset of each activation that is not a view.
        scratch: Offset of each node's working memory, for the nodes that have any.
        arena_bytes: Size of the arena.
        lower_bound_bytes: Largest sum of tensors that must be alive together. No plan that keeps
            every tensor apart from the others can be smaller; working in place can.
        occupied_bytes: Bytes of the arena that are in use during each node.
    """

    tensors: Mapping[Tensor, int]
    scratch: Mapping[Node, int]
    arena_bytes: int
    lower_bound_bytes: int
    occupied_bytes: tuple[int, ...]


def plan_memory(
    graph: Graph, scratch_bytes: Sequence[int], overlaps: Sequence[Mapping[int, int]] = ()
) -> MemoryPlan:
    """Place every activation and every working memory.

    Args:
        graph: After the passes.
        scratch_bytes: Working memory of each node, 0 for none.
        overlaps: For each node, what ``KernelCall.overlaps`` says; empty to keep all tensors apart.

    Returns:
        The smallest of the plans that a few choices and placing orders give.

    Raises:
        ModelError: If the arena would not be addressable by int32.
    """
    tensors = tensor_buffers(graph)
    scratch = {
        node: Buffer(f"scratch of {node.name}", size, index, index)
        for index, (node, size) in enumerate(zip(graph.nodes, scratch_bytes, strict=True))
        if size
    }
    buffers = (*tensors.values(), *scratch.values())
    sharings = tensor_sharings(graph, tensors, overlaps) if overlaps else ()
    offsets = place(buffers, sharings)
    arena_bytes = align(end_bytes(buffers, offsets))
    if arena_bytes > MAX_ARENA_BYTES:
        raise ModelError(
            f"The activations need {arena_bytes} bytes of RAM; less than 2 GiB can be addressed. "
            "Use a smaller input or fewer channels."
        )
    by_buffer = dict(zip(map(id, buffers), offsets, strict=True))
    return MemoryPlan(
        tensors=MappingProxyType({t: by_buffer[id(b)] for t, b in tensors.items()}),
        scratch=MappingProxyType({n: by_buffer[id(b)] for n, b in scratch.items()}),
        arena_bytes=arena_bytes,
        lower_bound_bytes=lower_bound(tuple(tensors.values())),
        occupied_bytes=tuple(occupied(buffers, offsets, i) for i in range(len(graph.nodes))),
    )
