"""Which answers of a teacher to samples of another domain are to be believed."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tinykd.pools import confidence

LEAST_SHARE = 0.2
"""Of each class so many of its samples are kept, the surest, however unsure the teacher is."""


def class_balanced(logits: NDArray[np.float32], minimum: float) -> NDArray[np.bool_]:
    """Samples that the teacher is sure of, and of every class at least the surest.

    One threshold for all would leave out whole classes of a teacher that is unsure of them, and
    the student would forget them.

    Args:
        logits: float32 [n, classes].
        minimum: Probability from which a sample is kept.

    Returns:
        Which are kept, [n].

    Source: Zou et al., "Unsupervised Domain Adaptation for Semantic Segmentation via Class-Balanced
    Self-Training", ECCV 2018, section 4.
    """
    sure, predicted = confidence(logits), logits.argmax(axis=1)
    kept = sure >= minimum
    for label in np.unique(predicted):
        members = np.flatnonzero(predicted == label)
        surest = members[np.argsort(-sure[members], kind="stable")]
        kept[surest[: math.ceil(LEAST_SHARE * len(members))]] = True
    return kept
