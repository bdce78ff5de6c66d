"""What several teachers say together: one table of logits, whatever the loss and its temperature.

The ensemble is a teacher of its own. Its answer is a distribution over the classes, and its logits
are the logarithm of that; a temperature is then applied to them as to those of any teacher, so that
every loss, a sum of losses and a race between losses read the same table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]

Combine = Callable[[NDArray[np.float64], NDArray[Any] | None], NDArray[np.float64]]


def mean_probability(log_p: NDArray[np.float64], _labels: NDArray[Any] | None) -> Any:
    """``log(mean_k p_k)``: the arithmetic mean of the distributions.

    Args:
        log_p: Logarithms of the teachers' probabilities, float64 [teachers, n, classes].

    Source: Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015,
    section 1.
    """
    return _log_sum(log_p, axis=0) - np.log(len(log_p))


def mean_logits(log_p: NDArray[np.float64], _labels: NDArray[Any] | None) -> Any:
    """``mean_k log p_k``: the geometric mean of the distributions, which is that of the logits.

    It is the only mean that a temperature may follow or precede; one teacher alone can rule a class
    out in it.

    Source: Hinton, Vinyals and Dean, 2015, section 1; Schmid et al., "Distilling the Knowledge of
    Transformers and CNNs with CP-Mobile", DCASE 2023.
    """
    return log_p.mean(axis=0)


def weighted_by_confidence(log_p: NDArray[np.float64], labels: NDArray[Any] | None) -> Any:
    """``log(sum_k w_k p_k)``, where ``w_k`` is proportional to what teacher ``k`` gives the label.

    That is ``softmax_k(-cross-entropy)`` for each sample: a teacher that is wrong there hardly
    counts. Samples without labels (``None``) have the plain mean.

    Args:
        log_p: Logarithms of the teachers' probabilities, float64 [teachers, n, classes].
        labels: [n], or None.

    Source: in the manner of Zhang, Chen and Wang, "Confidence-Aware Multi-Teacher Knowledge
    Distillation", ICASSP 2022, equations 2 and 3: its weights fall with the cross-entropy, too.
    """
    if labels is None:
        return mean_probability(log_p, None)
    of_label = log_p[:, np.arange(len(labels)), labels]
    log_weights = of_label - _log_sum(of_label, axis=0)
    return _log_sum(log_p + log_weights[..., np.newaxis], axis=0)


COMBINATIONS: dict[str, Combine] = {
    "probabilities": mean_probability,
    "logits": mean_logits,
    "confidence": weighted_by_confidence,
}


def combine_logits(
    logits: Sequence[Logits], how: str, labels: NDArray[Any] | None = None
) -> Logits:
    """One table of the teachers' tables; a single one stays bit for bit as it is.

    Args:
        logits: One for each teacher, float32 [n, classes].
        how: Row of ``COMBINATIONS``.
        labels: [n], where they are known.

    Returns:
        float32 [n, classes]: logarithms of probabilities where there are several.

    Example:
        >>> sure, undecided = np.float32([[9, 0]]), np.float32([[0, 0]])
        >>> np.exp(combine_logits([sure, undecided], "probabilities")).round(2).tolist()
        [[0.75, 0.25]]
    """
    if len(logits) == 1:
        return logits[0]
    wide = np.stack([np.asarray(table, np.float64) for table in logits])
    log_p = wide - _log_sum(wide, axis=-1)[..., np.newaxis]
    combined: Logits = COMBINATIONS[how](log_p, labels).astype(np.float32)
    return combined


def _log_sum(values: NDArray[np.float64], *, axis: int) -> NDArray[np.float64]:
    """``log(sum(exp(values)))`` along an axis, for values of any size."""
    result: NDArray[np.float64] = np.logaddexp.reduce(values, axis=axis)
    return result
