"""What a student needs, against what it may take."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_export.choose import board_budget
from firmware_export.measure.machine import MEMORY_BYTES
from firmware_export.target import find_board
from tinykd.errors import ConfigError
from tinykd.results import Budget
from tinykd.results.sizing import Limit

MEASURABLE_BYTES = MEMORY_BYTES - 128 * 1024
"""Flash, and RAM, of the largest model that can be emulated: the harness needs the rest."""

FLASH_MARGIN_BYTES = 256
RAM_MARGIN_BYTES = 32
"""What training may add to the code and the stack, where multipliers are literals in the C."""


def make_budget(
    *,
    board: str | None = None,
    flash_bytes: int | None = None,
    ram_bytes: int | None = None,
    macs: int | None = None,
) -> Budget:
    """What a student may take: three quarters of a board, or what is given in their place.

    Never more than can be emulated, ``MEASURABLE_BYTES``.

    Args:
        board: Key in ``BOARDS``; the rest of it is for the program around the model.
        flash_bytes: In place of the board's; without either, as much as can be emulated.
        ram_bytes: In place of the board's; likewise.
        macs: Of one inference.

    Raises:
        BoardError: If there is no such board.
        ConfigError: If a limit is less than 1, or there is none.
    """
    given = {"flash": flash_bytes, "ram": ram_bytes, "macs": macs}
    for name, limit in given.items():
        if limit is not None and limit < 1:
            raise ConfigError(f"{name}: what a student may take is at least 1, got {limit}.")
    if board is not None:
        room = board_budget(find_board(board))
        flash_bytes, ram_bytes = flash_bytes or room.flash_bytes, ram_bytes or room.arena_bytes
    elif not any(given.values()):
        raise ConfigError("there is no budget. Give a board, flash, ram or macs.")
    return Budget(
        flash_bytes=min(flash_bytes or MEASURABLE_BYTES, MEASURABLE_BYTES),
        ram_bytes=min(ram_bytes or MEASURABLE_BYTES, MEASURABLE_BYTES),
        macs=macs,
    )


@dataclass(frozen=True)
class Needs:
    """What a student takes, or at least takes.

    Attributes:
        flash_bytes: Code and constants.
        ram_bytes: Arena, static data and stack.
        macs: Multiply-accumulates of one inference.
    """

    flash_bytes: int
    ram_bytes: int
    macs: int

    def __add__(self, more: Needs) -> Needs:
        return Needs(
            self.flash_bytes + more.flash_bytes,
            self.ram_bytes + more.ram_bytes,
            self.macs + more.macs,
        )

    def __sub__(self, less: Needs) -> Needs:
        return self + Needs(-less.flash_bytes, -less.ram_bytes, -less.macs)


def can_be_emulated(needs: Needs) -> bool:
    """Whether it can be measured at all, whatever the budget."""
    return max(needs.flash_bytes, needs.ram_bytes) <= MEASURABLE_BYTES


def with_margin(needs: Needs) -> Needs:
    """What it may take once it is trained."""
    return needs + Needs(FLASH_MARGIN_BYTES, RAM_MARGIN_BYTES, macs=0)


def shares(needs: Needs, budget: Budget) -> dict[Limit, float]:
    """How much of each limit is taken, the margin included; more than 1 does not fit."""
    needs = with_margin(needs)
    return {
        "flash": needs.flash_bytes / budget.flash_bytes,
        "RAM": needs.ram_bytes / budget.ram_bytes,
        "MACs": needs.macs / budget.macs if budget.macs else 0.0,
    }


def exceeded(needs: Needs, budget: Budget) -> Limit | None:
    """The limit that is exceeded most, or None."""
    taken = shares(needs, budget)
    worst = max(taken, key=lambda limit: taken[limit])
    return worst if taken[worst] > 1.0 else None
