"""Which outputs lie over their inputs: the choice of sharings that gives the smallest arena."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from firmware_export.memory.bodies import place_with
from firmware_export.memory.buffers import Buffer, Sharing, align, end_bytes, in_place_bound

SHARINGS_TO_BREAK = 8
"""How many are tried; each costs as much time as a plan."""
BUFFERS_FOR_BREAKING = 200
"""Among more buffers than this none is tried: the time of a plan grows with their square."""


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
        if not best or end_bytes(buffers, offsets) < end_bytes(buffers, best):
            best = offsets
        if end_bytes(buffers, best) <= bound:
            break
    return best


def _break_sharings(
    buffers: Sequence[Buffer], chosen: tuple[Sharing, ...], bound: int
) -> tuple[int, ...]:
    """The plan with ``chosen``, without those that are better broken: the worst one goes first."""
    best = place_with(buffers, chosen)
    while chosen and end_bytes(buffers, best) > bound and len(buffers) <= BUFFERS_FOR_BREAKING:
        longest = sorted(chosen, key=lambda s: -s.distance_bytes)[:SHARINGS_TO_BREAK]
        fewer = [tuple(kept for kept in chosen if kept is not broken) for broken in longest]
        plans = [place_with(buffers, choice) for choice in fewer]
        ends = [end_bytes(buffers, plan) for plan in plans]
        if min(ends) >= end_bytes(buffers, best):
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
