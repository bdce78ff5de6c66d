"""How well real scores order samples of two kinds; equal scores, of which int8 has many, are one.

Each of these is in scikit-learn, too; a bootstrap asks thousands of times, and this is forty times
as fast.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def average_precision(scores: NDArray[Any], positive: NDArray[Any]) -> float:
    """``sum_k (R_k - R_(k-1)) P_k`` over the distinct scores, the highest first.

    Args:
        scores: [n].
        positive: Which samples are what is looked for, bool [n].

    Returns:
        In [0, 1]; not a number where nothing is positive.

    Source: Manning, Raghavan and Schütze, "Introduction to Information Retrieval", 2008, section
    8.4, on distinct scores as in ``sklearn.metrics.average_precision_score``.
    """
    hits, alarms = _cumulated(scores, positive)
    if hits[-1] == 0:
        return float("nan")
    precision = hits / (hits + alarms)
    return float(np.sum(np.diff(hits, prepend=0) * precision) / hits[-1])


def auc(scores: NDArray[Any], positive: NDArray[Any], largest_fpr: float = 1.0) -> float:
    """Area under the ROC curve, up to a rate of false alarms, standardised.

    Args:
        scores: [n]; higher means positive.
        positive: Bool [n].
        largest_fpr: Where the area ends. Below 1 it is scaled so that chance has 0.5 and
            perfection 1.

    Returns:
        Not a number where all samples are of one kind.

    Source: Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27, 2006;
    McClish, "Analyzing a portion of the ROC curve", Medical Decision Making 9, 1989.
    """
    hits, alarms = _cumulated(scores, positive)
    if hits[-1] == 0 or alarms[-1] == 0:
        return float("nan")
    tpr = np.concatenate([[0.0], hits / hits[-1]])
    fpr = np.concatenate([[0.0], alarms / alarms[-1]])
    if largest_fpr == 1.0:
        return float(np.trapezoid(tpr, fpr))
    stop = int(np.searchsorted(fpr, largest_fpr, side="right"))
    last = np.interp(largest_fpr, fpr[stop - 1 : stop + 1], tpr[stop - 1 : stop + 1])
    area = np.trapezoid([*tpr[:stop], last], [*fpr[:stop], largest_fpr])
    chance = largest_fpr**2 / 2.0
    return float(0.5 * (1.0 + (area - chance) / (largest_fpr - chance)))


def _cumulated(
    scores: NDArray[Any], positive: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positive and other samples with at least each distinct score, the highest first."""
    order = np.argsort(-scores, kind="stable")
    last_of_its_score = np.append(np.diff(scores[order]) != 0, True)
    hits = np.cumsum(positive[order], dtype=np.float64)[last_of_its_score]
    return hits, np.flatnonzero(last_of_its_score) + 1.0 - hits
