"""How sure a difference is: between seeds, and between two models on the same samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import fmean, stdev
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 400
"""Draws of a bootstrap; its 2.5 % ends then rest on ten of them each."""

Verdict = Literal["better", "worse", "no difference shown"]


def paired_interval(
    differences: Sequence[float], *, resolution: float = 0.0
) -> tuple[float, float, float]:
    """Mean of paired differences, and its 95 % interval by Student's t.

    Args:
        differences: One for each seed, at least two.
        resolution: The differences are multiples of this, such as one test sample. A few of them
            are easily all alike; their deviation is taken for no less than that of rounding.

    Returns:
        Mean, and both ends of the interval.

    Source: Student, "The Probable Error of a Mean", Biometrika 6, 1908; a value rounded to steps
    has the deviation ``step / sqrt(12)``: Sheppard, Proc. London Math. Soc. 29, 1898.

    Example:
        >>> [round(value, 3) for value in paired_interval([1.0, 2.0, 3.0])]
        [2.0, -0.484, 4.484]
    """
    from scipy.stats import t

    mean, seeds = fmean(differences), len(differences)
    deviation = max(stdev(differences), resolution / math.sqrt(12.0))
    half = float(t.ppf(0.975, seeds - 1)) * deviation / math.sqrt(seeds)
    return mean, mean - half, mean + half


def mcnemar_exact(gained: int, lost: int) -> float:
    """Two-sided p that two models are equally often right, from the samples where one of them is.

    Args:
        gained: Samples that only the second model gets right.
        lost: Samples that only the first one gets right.

    Source: McNemar, "Note on the Sampling Error of the Difference Between Correlated Proportions",
    Psychometrika 12, 1947; the exact form is the sign test on the discordant pairs.

    Example:
        >>> mcnemar_exact(0, 0), mcnemar_exact(5, 0)
        (1.0, 0.0625)
    """
    from scipy.stats import binomtest

    if gained + lost == 0:
        return 1.0
    return float(binomtest(gained, gained + lost, 0.5).pvalue)


def judge(low: float, high: float) -> Verdict:
    """What an interval of a difference shows; one that touches zero shows nothing.

    Example:
        >>> judge(0.1, 0.4), judge(-0.4, 0.8)
        ('better', 'no difference shown')
    """
    if low > 0.0:
        return "better"
    return "worse" if high < 0.0 else "no difference shown"


def wilson_interval(correct: int, samples: int) -> tuple[float, float]:
    """95 % interval of a share.

    Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.

    Example:
        >>> [round(bound, 4) for bound in wilson_interval(95, 100)]
        [0.8882, 0.9785]
    """
    from scipy.stats import binomtest

    low, high = binomtest(correct, samples).proportion_ci(0.95, method="wilson")
    return float(low), float(high)


def bootstrap_interval(
    measure: Callable[[NDArray[np.intp]], float], samples: int
) -> tuple[float, float]:
    """95 % interval of any measure, by drawing the samples again, with replacement.

    Args:
        measure: From row numbers, [samples], to the measure on these rows; what is not a number,
            as where a draw has only one kind of sample, is left out.
        samples: Number of rows.

    Source: Efron, "Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics 7, 1979;
    the percentile interval. The draws are the same for every model: they start from one seed.
    """
    rng = np.random.default_rng(0)
    draws: Any = [measure(rng.integers(samples, size=samples)) for _ in range(RESAMPLES)]
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return float(low), float(high)
