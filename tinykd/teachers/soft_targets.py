"""What a teacher says of the training samples, asked once and kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinykd.datasets import Dataset
from tinykd.progress import Progress
from tinykd.teachers.teacher import Teacher
from tinykd.views import VIEWS

SOFT_TARGETS_FILE = "soft_targets.npy"


def compute_soft_targets(
    teacher: Teacher, dataset: Dataset, *, augment: str, progress: Progress
) -> NDArray[np.float32]:
    """Ask the teacher once for every view of every training sample, and of the pool after them.

    Returns:
        float32 logits [views * (samples + pool), classes], in the order of ``Rows``.
    """
    views = VIEWS[augment](dataset.x_train)
    if dataset.x_unlabelled is not None:
        views += VIEWS[augment](dataset.x_unlabelled)
    return teacher.logits(np.concatenate(views), progress=progress, why="answering")
