"""What a teacher says of the views of a sample: of each for itself, or of all together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.tasks.task import Task

Answer = Callable[[NDArray[Any]], NDArray[np.float32]]
"""From samples [n, ...] to logits, float32 [n, outputs]."""


def mean_of_views(answers: NDArray[np.float32], views: int, task: Task) -> NDArray[np.float32]:
    """What a teacher says of all views of a sample together, in place of what it says of each.

    Args:
        answers: Logits, float32 [views * samples, outputs], one view after the other.
        views: Number of views.
        task: Knows the mean: of classes that of their probabilities.

    Returns:
        float32 [views * samples, outputs]: every view of a sample has the same.

    Source: Radosavovic et al., "Data Distillation: Towards Omni-Supervised Learning", CVPR 2018,
    section 3.1: the transformed inputs of one teacher are its ensemble.
    """
    together = task.combine(np.split(answers, views), "probabilities", None)
    return np.tile(together, (views, 1))


def of_views(answer: Answer, view_targets: str, views: int, task: Task) -> Answer:
    """What somebody teaches of all views of samples, by ``distill.view_targets``."""
    if view_targets == "own":
        return answer
    return lambda x: mean_of_views(answer(x), views, task)
