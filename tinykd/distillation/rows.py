"""What a student learns from in a build: samples in all their views, and the teacher's answers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinykd.config import DistillConfig
from tinykd.datasets import Dataset
from tinykd.pools import mix_in
from tinykd.training import Rows
from tinykd.views import VIEWS


def training_rows(
    dataset: Dataset, config: DistillConfig, soft_targets: NDArray[np.float32]
) -> Rows:
    """The views of the training samples, and of a pool, beside what the teacher says of them.

    Args:
        dataset: Raw samples.
        config: Its views, and how a pool joins them.
        soft_targets: The teacher's logits for every view of every sample, then of the pool,
            float32 [views * (samples + pool), classes].

    Raises:
        DataError: If the teacher is not sure enough of any sample of the pool.
    """
    views = VIEWS[config.augment](dataset.x_train)
    labelled = len(views) * len(dataset.x_train)
    rows = Rows.of_views(views, dataset.y_train, soft_targets[:labelled])
    if dataset.x_unlabelled is None:
        return rows
    pool = VIEWS[config.augment](dataset.x_unlabelled)
    return mix_in(rows, pool, soft_targets[labelled:], config)
