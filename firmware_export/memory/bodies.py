"""Buffers that lie over each other as one rigid body, and a place for each body."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from firmware_export.memory.buffers import Buffer, Sharing, align, end_bytes


@dataclass(frozen=True)
class Body:
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


PLACING_ORDERS: tuple[Callable[[Body], tuple[int, ...]], ...] = (
    lambda b: (-b.size_bytes, b.first),
    lambda b: (b.first - b.last, -b.size_bytes),
    lambda b: (b.first, -b.size_bytes),
    lambda b: (-b.size_bytes * (b.last - b.first + 1), b.first),
)


def place_with(buffers: Sequence[Buffer], chosen: Iterable[Sharing]) -> tuple[int, ...]:
    """Offsets of ``buffers`` with all of ``chosen``, by the best of the placing orders."""
    bodies = _bodies(buffers, chosen)
    plans = (_place_in_order(buffers, sorted(bodies, key=key)) for key in PLACING_ORDERS)
    return min(plans, key=lambda offsets: end_bytes(buffers, offsets))


def _bodies(buffers: Sequence[Buffer], sharings: Iterable[Sharing]) -> list[Body]:
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


def _body(buffers: Sequence[Buffer], chain: Mapping[int, int]) -> Body:
    lowest = min(chain.values())
    members = tuple((index, offset - lowest) for index, offset in chain.items())
    return Body(
        members=members,
        size_bytes=max(offset + buffers[index].size_bytes for index, offset in members),
        first=min(buffers[index].first for index in chain),
        last=max(buffers[index].last for index in chain),
    )


def _place_in_order(buffers: Sequence[Buffer], bodies: Iterable[Body]) -> tuple[int, ...]:
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
