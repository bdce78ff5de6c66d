"""Differences between two ways of training, paired by their seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinykd.statistics import paired_interval


@dataclass(frozen=True)
class Paired:
    """A mean difference and how far it can be trusted.

    Attributes:
        points: Mean of the differences, in percentage points.
        low: Lower end of its 95 % interval; minus infinity for a single pair.
        high: Upper end.
        wins: Pairs in which the first was better.
        pairs: Number of seeds.
    """

    points: float
    low: float
    high: float
    wins: int
    pairs: int

    def __str__(self) -> str:
        if self.pairs < 2:
            return f"{self.points:+.2f} (one seed)"
        return f"{self.points:+.2f} ({self.low:+.2f} to {self.high:+.2f}), {self.wins}/{self.pairs}"


def compare(first: Sequence[float], second: Sequence[float]) -> Paired:
    """How much better ``first`` is than ``second``.

    Args:
        first: Accuracies in [0, 1], one for each seed.
        second: Those of the same seeds, in the same order.
    """
    points = [100 * (one - other) for one, other in zip(first, second, strict=True)]
    wins = sum(point > 0 for point in points)
    if len(points) == 1:
        return Paired(points[0], -math.inf, math.inf, wins, 1)
    return Paired(*paired_interval(points), wins, len(points))


def mean_percent(accuracies: Sequence[float]) -> float:
    """Mean of accuracies in [0, 1], in percent."""
    return 100 * float(np.mean(accuracies))
