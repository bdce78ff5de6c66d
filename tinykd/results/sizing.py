"""How large a student may be, and what students of that size cost."""

from __future__ import annotations

from typing import Literal

from tinykd.results.base import Result
from tinykd.results.training import StudentSummary

Limit = Literal["flash", "RAM", "MACs", "width"]
"""What keeps a student from being wider; ``width`` is the widest that a configuration allows."""


class Budget(Result):
    """What a student may take.

    Attributes:
        flash_bytes: For its code and constants.
        ram_bytes: For its arena, static data and stack.
        macs: Multiply-accumulates of one inference; None for any number.
    """

    flash_bytes: int
    ram_bytes: int
    macs: int | None = None


class StudentCost(StudentSummary):
    """What a student costs on a core, measured before any training.

    Attributes:
        flash_bytes: Code and constants of its C, from the linked program.
        ram_bytes: Arena, static data and stack, the last from an emulated inference.
        limited_by: What the next wider student exceeds; of one that does not fit, what it exceeds
            most.
    """

    flash_bytes: int
    ram_bytes: int
    limited_by: Limit


class StudentChoice(Result):
    """The widest students within a budget.

    Attributes:
        core: What they were compiled for, such as ``cortex-m4``.
        compiler: What compiled them, with its level.
        budget: What they had to stay within.
        students: One of each architecture that suits the samples and fits, at least one: most MACs
            first, then most parameters.
        too_large: Of each architecture that suits the samples and does not fit, the narrowest.
        not_measurable: Architectures that are too large to be emulated at any width.
    """

    core: str
    compiler: str
    budget: Budget
    students: tuple[StudentCost, ...]
    too_large: tuple[StudentCost, ...]
    not_measurable: tuple[str, ...] = ()
