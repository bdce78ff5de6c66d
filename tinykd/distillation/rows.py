"""What a student learns from in a build: samples in all their views, and the teacher's answers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinykd.config import DistillConfig
from tinykd.datasets import Dataset
from tinykd.pools import mix_in
from tinykd.training import Rows
from tinykd.views import make_views


def training_rows(
    dataset: Dataset, config: DistillConfig, soft_targets: NDArray[np.float32] | None
) -> Rows:
    """The views of the training samples, and of a pool, beside what the teacher says of them.

    Args:
        dataset: Raw samples.
        config: Its views, and how a pool joins them.
        soft_targets: The teacher's logits for every view of every sample, then of the pool,
            float32 [views * (samples + pool), classes]. None: nobody teaches, and a pool, for which
            nobody answers, is left out.

    Raises:
        DataError: If the teacher is not sure enough of any sample of the pool.
    """
    views = make_views(dataset.x_train, config.views)
    labels = dataset.labels_of(views.x)
    if soft_targets is None:
        return Rows.of_views(views.x, labels, None, views.mixture)
    labelled = len(views.x) * len(dataset.x_train)
    rows = Rows.of_views(views.x, labels, soft_targets[:labelled], views.mixture)
    if dataset.x_unlabelled is None:
        return rows
    pool = make_views(dataset.x_unlabelled, config.views)
    return mix_in(rows, pool.x, soft_targets[labelled:], config)
