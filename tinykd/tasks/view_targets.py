"""What a teacher says of the views of a sample: of each for itself, or of all together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinykd.tasks.task import Task


def teach_views(
    answers: NDArray[np.float32], view_targets: str, views: int, task: Task
) -> NDArray[np.float32]:
    """What is taught of every view, by ``distill.view_targets``.

    Args:
        answers: Logits, float32 [views * samples, outputs], one view after the other.
        view_targets: ``own`` leaves them as they are; ``mean`` gives all views of a sample the mean
            of the answers to them.
        views: Number of views.
        task: Knows the mean: of classes that of their probabilities.

    Returns:
        float32 [views * samples, outputs].

    Source: Radosavovic et al., "Data Distillation: Towards Omni-Supervised Learning", CVPR 2018,
    section 3.1: the transformed inputs of one teacher are its ensemble.
    """
    if view_targets == "own":
        return answers
    together = task.combine(np.split(answers, views), "probabilities", None)
    return np.tile(together, (views, 1))
