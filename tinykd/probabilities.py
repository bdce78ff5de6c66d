"""Telling probabilities from logits: a temperature must never be applied to probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SMALLEST = 1e-7
"""Probability that a logarithm is taken of at least."""


def gives_probabilities(outputs: NDArray[np.floating[Any]]) -> bool:
    """Whether a network's outputs are probabilities: none negative, every row sums to one."""
    return bool((outputs >= 0).all() and np.allclose(outputs.sum(axis=1), 1.0, atol=1e-3))


def as_logits(outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits of a teacher's outputs; probabilities become their logarithms.

    ``log p`` differs from the logits by one constant for each sample, which no softmax sees.
    """
    if not gives_probabilities(outputs):
        return outputs
    return np.log(np.maximum(outputs, SMALLEST)).astype(np.float32)


def log_of_probabilities(outputs: Any) -> Any:
    """The same for tensors of a network that is known to end in a softmax."""
    import tensorflow as tf

    return tf.math.log(tf.maximum(outputs, SMALLEST))


def as_logits_in_graph(outputs: Any) -> Any:
    """Logits of a network that does not tell how it ends, judged by each batch of its outputs."""
    import tensorflow as tf

    sums = tf.reduce_sum(outputs, axis=-1)
    is_probability = tf.reduce_all(outputs >= 0.0) & tf.reduce_all(tf.abs(sums - 1.0) < 1e-3)
    return tf.where(is_probability, log_of_probabilities(outputs), outputs)
