"""What a network says of samples in inference mode, and how good that is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tinykd.progress import Advance
from tinykd.tasks import CLASSIFICATION, Task
from tinykd.training.trainee import Trainee


def predict(
    trainee: Trainee, x: NDArray[Any], *, advance: Advance = lambda _done: None
) -> NDArray[np.float32]:
    """Outputs for raw samples in inference mode, float32 [n, classes]."""
    return _run_batches(forward_function(trainee), x, advance)


def answerer(trainee: Trainee) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
    """``predict`` for one who asks often: the graph is traced once."""
    forward = forward_function(trainee)
    return lambda x: _run_batches(forward, x)


accuracy = CLASSIFICATION.score
cross_entropy = CLASSIFICATION.label_loss


def forward_function(trainee: Trainee) -> Callable[[Any], Any]:
    """Raw samples to logits in inference mode, as one graph for any batch size."""

    def forward(x: Any) -> Any:
        return trainee.logits(trainee.model(trainee.prepare(x), training=False))

    return cast(Callable[[Any], Any], tf.function(forward, reduce_retracing=True))


def validate(
    forward: Callable[[Any], Any], validation: tuple[NDArray[Any], NDArray[Any]], task: Task
) -> tuple[float, float, NDArray[np.bool_]]:
    """Loss and score on the validation split, and which of its samples are right, [samples]."""
    x, labels = validation
    values = _run_batches(forward, x)
    loss = float(task.label_loss(values, labels))
    return loss, task.score(values, labels), task.hits(values, labels)


def _run_batches(
    forward: Callable[[Any], Any],
    x: NDArray[Any],
    advance: Advance = lambda _done: None,
    batch_size: int = 512,
) -> NDArray[np.float32]:
    outputs = []
    for start in range(0, len(x), batch_size):
        outputs.append(forward(tf.constant(x[start : start + batch_size])).numpy())
        advance(min(start + batch_size, len(x)))
    return np.concatenate(outputs).astype(np.float32)
