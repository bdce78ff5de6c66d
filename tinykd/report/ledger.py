"""The ledger in words: what a pair of models shows, and what it does not."""

from __future__ import annotations

from collections.abc import Mapping

from tinykd.results import FlipTest, PairName
from tinykd.statistics import Verdict
from tinykd.tasks import Task

PAIR_LABELS: Mapping[PairName, str] = {
    "distillation": "Distilled, against scratch",
    "ptq": "PTQ int8, against float",
    "qat": "QAT int8, against float",
    "fine_tuning": "QAT, against PTQ",
    "device": "C int8, against float",
}

SIGNIFICANT = 0.05
"""Below this p, a difference is said to be shown."""


def flip_shown(test: FlipTest) -> Verdict:
    """What one pair shows on one test split."""
    if test.p_value >= SIGNIFICANT:
        return "no difference shown"
    return "better" if test.gained > test.lost else "worse"


def counted(task: Task) -> str:
    """Say what is gained and lost between two models."""
    if task.nearer:
        return "gained: the first is nearer to the truth   lost: the second"
    of = "" if task.case == "samples" else f", of all {task.case}"
    return f"gained: only the first is right   lost: only the second{of}"


def test_name(task: Task) -> str:
    """Name the test on what is gained and lost."""
    return "sign test" if task.nearer else "McNemar"


def p_text(p_value: float) -> str:
    """Write a p with two decimals, three where it is small.

    Example:
        >>> p_text(0.0312), p_text(0.0041), p_text(0.00001), p_text(1.0)
        ('0.03', '0.004', '< 0.001', '1.00')
    """
    if p_value < 0.001:
        return "< 0.001"
    return f"{p_value:.3f}" if p_value < 0.01 else f"{p_value:.2f}"
