"""The memory plan: where in the arena each activation lives, and for how long."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from firmware_export.errors import ModelError
from firmware_export.ir import Graph, Node, Tensor

ALIGNMENT_BYTES = 16
MAX_ARENA_BYTES = 2**31 - 1


@dataclass(frozen=True)
class Buffer:
    """A block of the arena.

    Attributes:
        name: For messages.
        size_bytes: At least 1.
        first: Index of the first node during which it is in use; -1 before all of them.
        last: Index of the last one, itself included.
    """

    name: str
    size_bytes: int
    first: int
    last: int

    def meets(self, other: Buffer) -> bool:
        """Whether both are in use at some moment."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class MemoryPlan:
    """Offsets in the arena.

    Attributes:
        tensors: Offset of each activation that is not a view.
        scratch: Offset of each node's working memory, for the nodes that have any.
        arena_bytes: Size of the arena.
        lower_bound_bytes: Largest sum of tensors that must be alive together; no plan that keeps
            every tensor apart from the others can be smaller.
        occupied_bytes: Bytes of the arena that are in use during each node.
    """

    tensors: Mapping[Tensor, int]
    scratch: Mapping[Node, int]
    arena_bytes: int
    lower_bound_bytes: int
    occupied_bytes: tuple[int, ...]


def plan_memory(graph: Graph, scratch_bytes: Sequence[int]) -> MemoryPlan:
    """Place every activation and every working memory.

    Args:
        graph: After the passes.
        scratch_bytes: Working memory of each node, 0 for none.

    Returns:
        The smallest of the plans that a few placing orders give.

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
    offsets = place(buffers)
    arena_bytes = align(_end(buffers, offsets))
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


def tensor_buffers(graph: Graph) -> dict[Tensor, Buffer]:
    """The buffer of each activation that owns memory, with its lifetime.

    A model input is in use from before the first node to its last reader; a model output until
    after the last node.
    """
    first: dict[Tensor, int] = {graph.storage(tensor): -1 for tensor in graph.inputs}
    last: dict[Tensor, int] = dict(first)
    for index, node in enumerate(graph.nodes):
        for tensor in node.outputs:
            first[tensor] = last[tensor] = index
        for tensor in node.activations:
            last[graph.storage(tensor)] = index
    for tensor in graph.outputs:
        last[graph.storage(tensor)] = len(graph.nodes)
    return {t: Buffer(t.name, t.size_bytes, first[t], last[t]) for t in first}


def place(buffers: Sequence[Buffer]) -> tuple[int, ...]:
    """Offsets of ``buffers`` such that no two that meet overlap.

    Each order is tried with the lowest free place for each buffer; the best result is kept. A
    greedy plan by size is what TFLite Micro uses (``GreedyMemoryPlanner``); the other orders
    repair its rare bad cases.
    """
    bound = lower_bound(buffers)
    best: tuple[int, ...] = ()
    for key in PLACING_ORDERS:
        offsets = _place_in_order(buffers, key)
        if not best or _end(buffers, offsets) < _end(buffers, best):
            best = offsets
        if _end(buffers, best) <= bound:
            break
    return best


PLACING_ORDERS: tuple[Callable[[Buffer], tuple[int, ...]], ...] = (
    lambda b: (-b.size_bytes, b.first),
    lambda b: (b.first - b.last, -b.size_bytes),
    lambda b: (b.first, -b.size_bytes),
    lambda b: (-b.size_bytes * (b.last - b.first + 1), b.first),
)


def _place_in_order(
    buffers: Sequence[Buffer], key: Callable[[Buffer], tuple[int, ...]]
) -> tuple[int, ...]:
    offsets: dict[int, int] = {}
    for index in sorted(range(len(buffers)), key=lambda i: key(buffers[i])):
        taken = sorted(
            (offset, offset + buffers[other].size_bytes)
            for other, offset in offsets.items()
            if buffers[other].meets(buffers[index])
        )
        offsets[index] = _first_gap(taken, buffers[index].size_bytes)
    return tuple(offsets[index] for index in range(len(buffers)))


def _first_gap(taken: Sequence[tuple[int, int]], size_bytes: int) -> int:
    offset = 0
    for start, end in taken:
        if offset + size_bytes <= start:
            break
        offset = max(offset, align(end))
    return offset


def align(size_bytes: int) -> int:
    """The next multiple of `ALIGNMENT_BYTES`.

    Example:
        >>> align(0), align(1), align(16)
        (0, 16, 16)
    """
    return -(-size_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def lower_bound(buffers: Sequence[Buffer]) -> int:
    """Largest sum of sizes of buffers that are in use at the same moment."""
    moments = {buffer.first for buffer in buffers}
    return max(
        (sum(b.size_bytes for b in buffers if b.first <= m <= b.last) for m in moments), default=0
    )


def occupied(buffers: Sequence[Buffer], offsets: Sequence[int], moment: int) -> int:
    """Bytes that are in use while node ``moment`` runs, each counted once.

    Example:
        >>> occupied([Buffer("x", 8, -1, 0), Buffer("y", 4, 0, 1)], [0, 16], 0)
        12
    """
    alive = sorted(
        (offset, offset + buffer.size_bytes)
        for buffer, offset in zip(buffers, offsets, strict=True)
        if buffer.first <= moment <= buffer.last
    )
    total = reached = 0
    for start, end in alive:
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total


def overlaps(buffers: Sequence[Buffer], offsets: Sequence[int]) -> list[tuple[int, int]]:
    """The independent check of a plan: indices of buffers that share both a moment and a byte.

    It knows nothing of gaps or orders: it walks through time, and at each moment through the arena
    from its lowest byte.
    """
    found = set()
    for moment in sorted({m for b in buffers for m in (b.first, b.last)}):
        reached, holder = 0, -1
        alive = [i for i, b in enumerate(buffers) if b.first <= moment <= b.last]
        for index in sorted(alive, key=lambda i: offsets[i]):
            if offsets[index] < reached:
                found.add((holder, index))
            end = offsets[index] + buffers[index].size_bytes
            if end > reached:
                reached, holder = end, index
    return sorted(found)


def _end(buffers: Sequence[Buffer], offsets: Sequence[int]) -> int:
    return max((o + b.size_bytes for b, o in zip(buffers, offsets, strict=True)), default=0)
