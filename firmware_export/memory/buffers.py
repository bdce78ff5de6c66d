"""Blocks of the arena: when they are in use, what may lie over what, how much room they take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

ALIGNMENT_BYTES = 16


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


def align(size_bytes: int) -> int:
    """The next multiple of `ALIGNMENT_BYTES`.

    Example:
        >>> align(0), align(1), align(16)
        (0, 16, 16)
    """
    return -(-size_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def end_bytes(buffers: Sequence[Buffer], offsets: Sequence[int]) -> int:
    """Where the last of them ends."""
    return max((o + b.size_bytes for b, o in zip(buffers, offsets, strict=True)), default=0)


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
