"""How samples without labels join the training rows.

A teacher's answers to new samples are information that the labelled ones do not hold: here
distillation adds data, not only another view of it. Such rows have no label term.

Source: Buciluă, Caruana and Niculescu-Mizil, "Model Compression", KDD 2006, section 2; the gate is
that of Sohn et al., "FixMatch", NeurIPS 2020, equation 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.config import DistillConfig
from tinykd.errors import DataError
from tinykd.training import Rows


def mix_in(
    rows: Rows,
    views: Sequence[NDArray[Any]],
    teacher_logits: NDArray[np.float32],
    config: DistillConfig,
) -> Rows:
    """Rows with labels, and a pool of those that only the teacher answers for.

    Args:
        rows: The labelled ones.
        views: Of the pool, each [samples, ...]; the first is the samples themselves.
        teacher_logits: float32 [views * samples, classes].
        config: Its ratio and its confidence.

    Raises:
        DataError: If the teacher is not sure enough of a single sample.
    """
    samples = len(views[0])
    sure = confidence(teacher_logits[:samples])
    kept = sure >= config.unlabelled_confidence
    if not kept.any():
        raise DataError(
            f"unlabelled: of none of {samples} samples is the teacher sure enough, at most "
            f"{sure.max():.2f}. Lower distill.unlabelled_confidence "
            f"({config.unlabelled_confidence:g})."
        )
    return rows.with_pool(
        [view[kept] for view in views],
        teacher_logits[np.tile(kept, len(views))],
        ratio=config.unlabelled_ratio,
    )


def confidence(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Largest probability of each sample, float32 [n], of logits [n, classes].

    Example:
        >>> confidence(np.log(np.float32([[0.25, 0.75]])))
        array([0.75], dtype=float32)
    """
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    largest: NDArray[np.float32] = 1.0 / exponentials.sum(axis=1)
    return largest
