"""What a network says of samples in inference mode, and how good that is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tinykd.lesson import Mixture
from tinykd.progress import Advance
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


def accuracy(logits: NDArray[Any], labels: NDArray[np.int32]) -> float:
    """Share of samples whose largest logit is that of the label."""
    return float(np.mean(np.argmax(logits, axis=1) == labels))


def cross_entropy(logits: Any, labels: Any, mixture: Mixture | None = None) -> Any:
    """Mean cross-entropy of logits [n, classes] and int32 labels [n].

    With a mixture it is that of two labels for each row, in proportion to their shares.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018, equation 1.
    """
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    if mixture is not None:
        other = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=mixture.labels, logits=logits)
        each = mixture.share * each + (1.0 - mixture.share) * other
    return tf.reduce_mean(each)


def forward_function(trainee: Trainee) -> Callable[[Any], Any]:
    """Raw samples to logits in inference mode, as one graph for any batch size."""

    def forward(x: Any) -> Any:
        return trainee.logits(trainee.model(trainee.prepare(x), training=False))

    return cast(Callable[[Any], Any], tf.function(forward, reduce_retracing=True))


def validate(
    forward: Callable[[Any], Any], validation: tuple[NDArray[Any], NDArray[np.int32]]
) -> tuple[float, NDArray[np.bool_]]:
    """Cross-entropy on the validation split, and which of its samples are right, [samples]."""
    x, labels = validation
    logits = _run_batches(forward, x)
    return float(cross_entropy(logits, labels)), np.argmax(logits, axis=1) == labels


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
