"""How a teacher of one domain is best shown samples of another, without a label to tell.

A teacher that reads the samples well is sure of each and still names every class; one that does not
is unsure, or sees one class everywhere. The mutual information of samples and classes says both.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.domains.normalization import normalizations, normalized_to

Answer = Callable[[NDArray[Any]], NDArray[np.float32]]

MARGIN = 0.05
"""What another way must gain on that of the source to be preferred, as a share of the most."""


@dataclass(frozen=True)
class Reading:
    """One way to show the samples.

    Attributes:
        mirrored: Values are mirrored within the range of the source: dark on light becomes light
            on dark.
        renormalized: Batch normalization has the statistics of these samples.
        information: Mutual information of samples and classes, from 0 to 1, the most there can be.
        logits: The teacher's answers, float32 [n, classes].
    """

    mirrored: bool
    renormalized: bool
    information: float
    logits: NDArray[np.float32]


def choose_reading(
    teacher: Any, x: NDArray[Any], limits: tuple[float, float], answer: Answer
) -> Reading:
    """Show the samples in each way, and take the one that tells the teacher most.

    Args:
        teacher: Keras model; as it was afterwards.
        x: Samples of the other domain, [n, ...].
        limits: Smallest and largest value of the source.
        answer: From samples to the teacher's logits.
    """
    ways = (False, True) if normalizations(teacher) else (False,)
    readings = [
        _read(teacher, x, limits, answer, mirrored=mirrored, renormalized=renormalized)
        for mirrored in (False, True)
        for renormalized in ways
    ]
    best = max(readings, key=lambda reading: reading.information)
    return best if best.information > readings[0].information + MARGIN else readings[0]


def shown(
    teacher: Any,
    x: NDArray[Any],
    domain: NDArray[Any],
    limits: tuple[float, float],
    answer: Answer,
    reading: Reading,
) -> NDArray[np.float32]:
    """The teacher's logits for other samples of a domain, in the way that was chosen for it.

    Args:
        teacher: Keras model.
        x: [n, ...].
        domain: Samples that statistics are taken of, [m, ...].
        limits: Smallest and largest value of the source.
        answer: From samples to the teacher's logits.
        reading: The way.
    """
    if reading.mirrored:
        x, domain = _mirror(x, limits), _mirror(domain, limits)
    with normalized_to(teacher, domain) if reading.renormalized else nullcontext():
        return answer(x)


def mutual_information(logits: NDArray[np.float32]) -> float:
    """Entropy of the mean probabilities less the mean entropy, over the logarithm of the classes.

    Source: Bridle, Heading and MacKay, "Unsupervised Classifiers, Mutual Information and 'Phantom
    Targets'", NIPS 1991, equation 4.

    Example:
        >>> round(mutual_information(20 * np.eye(4, dtype=np.float32)), 3)
        1.0
    """
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=np.float64)
    p = exponentials / exponentials.sum(axis=1, keepdims=True)
    information = _entropy(p.mean(axis=0)) - _entropy(p).mean()
    return float(information / np.log(p.shape[1]))


def _read(
    teacher: Any,
    x: NDArray[Any],
    limits: tuple[float, float],
    answer: Answer,
    *,
    mirrored: bool,
    renormalized: bool,
) -> Reading:
    values = _mirror(x, limits) if mirrored else x
    with normalized_to(teacher, values) if renormalized else nullcontext():
        logits = answer(values)
    return Reading(mirrored, renormalized, mutual_information(logits), logits)


def _mirror(x: NDArray[Any], limits: tuple[float, float]) -> NDArray[np.float32]:
    """Dark on light to light on dark."""
    mirrored: NDArray[np.float32] = np.float32(sum(limits)) - x.astype(np.float32)
    return mirrored


def _entropy(p: NDArray[np.float64]) -> Any:
    return -(p * np.log(np.maximum(p, 1e-12))).sum(axis=-1)
