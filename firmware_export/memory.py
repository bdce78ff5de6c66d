"""The memory plan: where in the arena each activation lives, and for how long.

A node may write over an input that dies there: some kernels read ahead of where they write, so
their output may begin a known distance below their input. A chain of such tensors is placed as one
rigid body, in which each tensor lies at a fixed distance from the one before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
class Sharing:
    """A permission: an output may lie over the input that it is computed from.

    Attributes:
        source: Index of the buffer of an input, in use for the last time where ``output`` is
            written first.
        output: Index of the buffer of the output.
        distance_bytes: How far below its source the output must begin, exactly: a multiple of
            `ALIGNMENT_BYTES`, not negative.
    """

    source: int
    output: int
    distance_bytes: int


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
    after the last node; state all the time, so that nothing else ever lies there.
    """
    kept = (*graph.inputs, *graph.states)
    first: dict[Tensor, int] = {graph.storage(tensor): -1 for tensor in kept}
    last: dict[Tensor, int] = dict(first)
    for index, node in enumerate(graph.nodes):
        for tensor in node.outputs:
            first[tensor] = last[tensor] = index
        for tensor in node.activations:
            last[graph.storage(tensor)] = index
    for tensor in (*graph.outputs, *graph.states):
        last[graph.storage(tensor)] = len(graph.nodes)
    return {t: Buffer(t.name, t.size_bytes, first[t], last[t]) for t in first}


def tensor_sharings(
    graph: Graph, buffers: Mapping[Tensor, Buffer], overlaps: Sequence[Mapping[int, int]]
) -> tuple[Sharing, ...]:
    """Where a node may write over what it reads.

    Only over a tensor that nothing needs afterwards, and only if its kernel allows it for every
    operand that lives there.

    Args:
        graph: After the passes.
        buffers: What `tensor_buffers` returns.
        overlaps: For each node, what ``KernelCall.overlaps`` says.

    Returns:
        At most one for each pair of tensors; their indices are those of ``buffers``.
    """
    position = {tensor: index for index, tensor in enumerate(buffers)}
    found = []
    for index, (node, allowed) in enumerate(zip(graph.nodes, overlaps, strict=True)):
        for source in dict.fromkeys(map(graph.storage, node.activations)):
            distances = [
                allowed.get(i)
                for i, tensor in enumerate(node.inputs)
                if tensor is not None and tensor.data is None and graph.storage(tensor) is source
            ]
            known = [distance for distance in distances if distance is not None]
            if len(known) == len(distances) and buffers[source].last == index:
                distance = align(max(known))
                found.append(Sharing(position[source], position[node.output], distance))
    return tuple(found)


def place(buffers: Sequence[Buffer], sharings: Sequence[Sharing] = ()) -> tuple[int, ...]:
    """Offsets of ``buffers`` such that no two that meet overlap, but for what ``sharings`` allow.

    Several choices of sharings are tried: a rigid body can be in the way, and then it is better
    broken. For each of them several orders are tried, with the lowest free place for each body. A
    greedy plan by size is what TFLite Micro uses (``GreedyMemoryPlanner``); the other orders repair
    its rare bad cases.
    """
    bound = align(in_place_bound(buffers, sharings))
    best: tuple[int, ...] = ()
    for choice in dict.fromkeys(_choices(sharings)):
        offsets = _break_sharings(buffers, choice, bound)
        if not best or _end(buffers, offsets) < _end(buffers, best):
            best = offsets
        if _end(buffers, best) <= bound:
            break
    return best


SHARINGS_TO_BREAK = 8
"""How many are tried; each costs as much time as a plan."""
BUFFERS_FOR_BREAKING = 200
"""Among more buffers than this none is tried: the time of a plan grows with their square."""


def _break_sharings(
    buffers: Sequence[Buffer], chosen: tuple[Sharing, ...], bound: int
) -> tuple[int, ...]:
    """The plan with ``chosen``, without those that are better broken: the worst one goes first."""
    best = _place_chosen(buffers, chosen)
    while chosen and _end(buffers, best) > bound and len(buffers) <= BUFFERS_FOR_BREAKING:
        longest = sorted(chosen, key=lambda s: -s.distance_bytes)[:SHARINGS_TO_BREAK]
        fewer = [tuple(kept for kept in chosen if kept is not broken) for broken in longest]
        plans = [_place_chosen(buffers, choice) for choice in fewer]
        ends = [_end(buffers, plan) for plan in plans]
        if min(ends) >= _end(buffers, best):
            break
        at = ends.index(min(ends))
        chosen, best = fewer[at], plans[at]
    return best


def _choices(sharings: Sequence[Sharing]) -> Iterable[tuple[Sharing, ...]]:
    """Sharings to use together: each output lies over one source at most."""
    exact = [sharing for sharing in sharings if sharing.distance_bytes == 0]
    for allowed in (sharings, exact):
        # Of several with the same output, the last one here is used.
        yield tuple({sharing.output: sharing for sharing in reversed(allowed)}.values())
        yield tuple({sharing.output: sharing for sharing in allowed}.values())
    yield ()


def _place_chosen(buffers: Sequence[Buffer], chosen: Iterable[Sharing]) -> tuple[int, ...]:
    bodies = _bodies(buffers, chosen)
    plans = (_place_in_order(buffers, sorted(bodies, key=key)) for key in PLACING_ORDERS)
    return min(plans, key=lambda offsets: _end(buffers, offsets))


@dataclass(frozen=True)
class _Body:
    """Buffers at fixed distances from each other.

    Attributes:
        members: Index of each buffer, with its offset from the lowest.
        size_bytes: Of all together.
        first: As for a buffer.
        last: As for a buffer.
    """

    members: tuple[tuple[int, int], ...]
    size_bytes: int
    first: int
    last: int


def _bodies(buffers: Sequence[Buffer], sharings: Iterable[Sharing]) -> list[_Body]:
    """Buffers joined by sharings become one body, each other one a body of its own.

    A source has one last node and a node one output, so the sharings form chains, and the members
    of a chain are in use one after the other.
    """
    onward = {sharing.source: sharing for sharing in sharings}
    joined = {sharing.output for sharing in onward.values()}
    bodies = []
    for start in range(len(buffers)):
        if start in joined:
            continue
        chain = {start: 0}
        index = start
        while index in onward:
            sharing = onward[index]
            chain[sharing.output] = chain[index] - sharing.distance_bytes
            index = sharing.output
        bodies.append(_body(buffers, chain))
    return bodies


def _body(buffers: Sequence[Buffer], chain: Mapping[int, int]) -> _Body:
    lowest = min(chain.values())
    members = tuple((index, offset - lowest) for index, offset in chain.items())
    return _Body(
        members=members,
        size_bytes=max(offset + buffers[index].size_bytes for index, offset in members),
        first=min(buffers[index].first for index in chain),
        last=max(buffers[index].last for index in chain),
    )


PLACING_ORDERS: tuple[Callable[[_Body], tuple[int, ...]], ...] = (
    lambda b: (-b.size_bytes, b.first),
    lambda b: (b.first - b.last, -b.size_bytes),
    lambda b: (b.first, -b.size_bytes),
    lambda b: (-b.size_bytes * (b.last - b.first + 1), b.first),
)


def _place_in_order(buffers: Sequence[Buffer], bodies: Iterable[_Body]) -> tuple[int, ...]:
    offsets: dict[int, int] = {}
    for body in bodies:
        # Between these two, exclusive, the body would overlap what is placed already.
        forbidden = sorted(
            (taken - offset - buffers[index].size_bytes, taken + buffers[other].size_bytes - offset)
            for index, offset in body.members
            for other, taken in offsets.items()
            if buffers[other].meets(buffers[index])
        )
        base = _first_gap(forbidden)
        offsets.update({index: base + offset for index, offset in body.members})
    return tuple(offsets[index] for index in range(len(buffers)))


def _first_gap(forbidden: Sequence[tuple[int, int]]) -> int:
    offset = 0
    for low, high in forbidden:
        if low < offset < high:
            offset = align(high)
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


def in_place_bound(buffers: Sequence[Buffer], sharings: Sequence[Sharing]) -> int:
    """No plan can be smaller than this, in place or not.

    As `lower_bound`, but where an output may lie over a source, the smallest span that the two can
    have together counts in place of their sum.
    """
    saved = [0] * len(buffers)  # by each output
    for sharing in sharings:
        source, output = buffers[sharing.source], buffers[sharing.output]
        span = max(source.size_bytes + sharing.distance_bytes, output.size_bytes)
        saving = source.size_bytes + output.size_bytes - span
        saved[sharing.output] = max(saved[sharing.output], saving)
    moments = {moment for b in buffers for moment in (b.first, b.last)}
    return max(
        (
            sum(b.size_bytes for b in buffers if b.first <= m <= b.last)
            - sum(saving for b, saving in zip(buffers, saved, strict=True) if b.first == m)
            for m in moments
        ),
        default=0,
    )


def overlaps(
    buffers: Sequence[Buffer], offsets: Sequence[int], sharings: Iterable[Sharing] = ()
) -> list[tuple[int, int]]:
    """The independent check of a plan: indices of buffers that share a moment and a byte unduly.

    It knows nothing of gaps, orders or bodies. Two buffers may share both if one is the source and
    the other the output of a sharing, they meet at no other moment than the one at which the
    output is written, and the output begins exactly the agreed distance below the source.
    """
    agreed = {(s.source, s.output): s.distance_bytes for s in sharings}

    def in_order(source: int, output: int) -> bool:
        distance = offsets[source] - offsets[output]
        return (
            distance == agreed.get((source, output))
            and buffers[source].last == buffers[output].first
        )

    return [
        (one, other)
        for one in range(len(buffers))
        for other in range(one + 1, len(buffers))
        if buffers[one].meets(buffers[other])
        and offsets[one] < offsets[other] + buffers[other].size_bytes
        and offsets[other] < offsets[one] + buffers[one].size_bytes
        and not in_order(one, other)
        and not in_order(other, one)
    ]


def _end(buffers: Sequence[Buffer], offsets: Sequence[int]) -> int:
    return max((o + b.size_bytes for b, o in zip(buffers, offsets, strict=True)), default=0)
