"""Which kernel runs a layer, where there are several: speed against flash and RAM, by layers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Literal, get_args

from firmware_export.errors import ModelError
from firmware_export.ir import Graph, Node
from firmware_export.memory import plan_memory
from firmware_export.ops import KernelCall, Variant, definition
from firmware_export.target import Board

Goal = Literal["speed", "balanced", "size"]
GOALS: tuple[Goal, ...] = get_args(Goal)

DSP_CORES = frozenset({"cortex-m4", "cortex-m7", "cortex-m33"})
"""Where the variants pay: their products are of pairs of int16. The others run the first one."""


@dataclass(frozen=True)
class Growth:
    """What faster kernels may cost, as a part of what the smallest ones need."""

    flash: Fraction
    arena: Fraction


GROWTH: Mapping[Goal, Growth | None] = MappingProxyType(
    {
        "size": Growth(flash=Fraction(0), arena=Fraction(0)),
        "balanced": Growth(flash=Fraction(1, 100), arena=Fraction(0)),
        "speed": None,  # the budget alone decides
    }
)


@dataclass(frozen=True)
class Budget:
    """What a board leaves to the constants and the arena of a model.

    Attributes:
        flash_bytes: For constants, and for the code that variants add.
        arena_bytes: For the arena.
    """

    flash_bytes: int
    arena_bytes: int


UNLIMITED = Budget(flash_bytes=2**31 - 1, arena_bytes=2**31 - 1)


def board_budget(board: Board) -> Budget:
    """Three quarters of a board; the rest is for the program around the model, and its stack."""
    return Budget(board.flash_bytes * 3 // 4, board.ram_bytes * 3 // 4)


@dataclass(frozen=True)
class Choice:
    """How one node runs.

    Attributes:
        call: Its C call.
        variant: Name of the variant; empty where there is only one.
        saved_instructions: Estimate, against the first variant.
    """

    call: KernelCall
    variant: str = ""
    saved_instructions: int = 0


def choose(graph: Graph, core: str, goal: Goal, budget: Budget = UNLIMITED) -> tuple[Choice, ...]:
    """Choose a variant for every node.

    From the first variant of each node, upgrades are tried in the order of instructions saved by
    byte of flash, and among equals of instructions saved. One is taken if constants, code and
    arena stay within the goal's growth and within the budget.

    Args:
        graph: After the passes.
        core: Key in ``CORES``.
        goal: Key in `GROWTH`.
        budget: Of the board.

    Returns:
        One for each node. The same arguments give the same answer.

    Raises:
        ModelError: If the goal is unknown, or a node has no kernel.
    """
    if goal not in GOALS:
        raise ModelError(f"optimize must be one of {', '.join(GOALS)}. Got '{goal}'.")
    chosen = [_first(node) for node in graph.nodes]
    first = tuple(chosen)
    upgrades = _upgrades(graph, first) if core in DSP_CORES else []
    limit = _limit(graph, first, goal, budget) if upgrades else budget
    for index, variant in upgrades:
        trial = [*chosen[:index], variant, *chosen[index + 1 :]]
        if chosen[index] is first[index] and _within(graph, trial, first, limit):
            chosen = trial
    return tuple(
        Choice(new.call, new.name, old.instructions - new.instructions)
        for new, old in zip(chosen, first, strict=True)
    )


def _first(node: Node) -> Variant:
    emit = definition(node).emit
    if emit is None:
        raise ModelError(f"{node.op} at '{node.name}' has no kernel: a pass must remove it first.")
    variants = definition(node).variants(node)
    return variants[0] if variants else Variant("", emit(node), instructions=0, code_bytes=0)


def _upgrades(graph: Graph, first: Sequence[Variant]) -> list[tuple[int, Variant]]:
    """Index of a node and a faster variant of it: the best bargain first."""
    found = [
        (index, variant)
        for index, node in enumerate(graph.nodes)
        for variant in definition(node).variants(node)[1:]
        if variant.instructions < first[index].instructions
    ]

    def bargain(upgrade: tuple[int, Variant]) -> tuple[float, int]:
        index, variant = upgrade
        saved = first[index].instructions - variant.instructions
        bytes_more = flash_bytes([variant]) - flash_bytes([first[index]])
        return (-saved / bytes_more if bytes_more > 0 else -math.inf, -saved)

    return sorted(found, key=bargain)


def _limit(graph: Graph, first: Sequence[Variant], goal: Goal, budget: Budget) -> Budget:
    growth = GROWTH[goal]
    if growth is None:
        return budget
    flash = flash_bytes(first)
    arena = _arena_bytes(graph, first)
    return Budget(
        min(budget.flash_bytes, flash + math.floor(flash * growth.flash)),
        min(budget.arena_bytes, arena + math.floor(arena * growth.arena)),
    )


def _within(
    graph: Graph, trial: Sequence[Variant], first: Sequence[Variant], limit: Budget
) -> bool:
    """Whether a choice fits; what costs nothing more than the first one always does."""
    flash = flash_bytes(trial)
    if flash > limit.flash_bytes and flash > flash_bytes(first):
        return False
    return _arena_bytes(graph, trial) <= max(limit.arena_bytes, _arena_bytes(graph, first))


def flash_bytes(variants: Iterable[Variant]) -> int:
    """Constants, and the estimated code of what has variants: what kernels share counts once."""
    known = list(variants)
    shared = {variant.call.kernel: variant.shared_code_bytes for variant in known}
    own = sum(variant.call.constant_bytes + variant.code_bytes for variant in known)
    return own + sum(shared.values())


def _arena_bytes(graph: Graph, variants: Sequence[Variant]) -> int:
    calls = [variant.call for variant in variants]
    return plan_memory(
        graph, [call.scratch_bytes for call in calls], [call.overlaps for call in calls]
    ).arena_bytes
