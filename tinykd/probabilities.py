"""Telling probabilities from logits: a temperature must never be applied to probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

SMALLEST = 1e-7
"""Probability that a logarithm is taken of at least."""

Head = Literal["", "softmax", "sigmoid"]
"""What a network does to its logits at the end; empty, nothing."""


def gives_probabilities(outputs: NDArray[np.floating[Any]]) -> bool:
    """Whether a network's outputs are a softmax's: none negative, every row sums to one."""
    return bool((outputs >= 0).all() and np.allclose(outputs.sum(axis=1), 1.0, atol=1e-3))


def lies_in_unit(outputs: NDArray[np.floating[Any]]) -> bool:
    """Whether a network's outputs are a sigmoid's: in [0, 1], where logits of many do not lie."""
    return bool((outputs >= 0).all() and (outputs <= 1).all())


def as_logits(outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits of a teacher's outputs, whatever it ends in.

    Of a softmax they are the logarithms, which differ from the logits by one constant for each
    sample that no softmax sees; of a sigmoid the logarithms of the odds.
    """
    if gives_probabilities(outputs):
        return np.log(np.maximum(outputs, SMALLEST)).astype(np.float32)
    return log_odds(outputs) if lies_in_unit(outputs) else outputs


def log_odds(p: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """``log p / (1 - p)``, what a sigmoid was given.

    Example:
        >>> log_odds(np.float32([[0.5, 0.75]])).round(4).tolist()
        [[0.0, 1.0986000299453735]]
    """
    p = np.clip(p.astype(np.float64), SMALLEST, 1.0 - SMALLEST)
    return np.asarray(np.log(p) - np.log1p(-p), np.float32)


def log_of_probabilities(outputs: Any) -> Any:
    """Logits, up to a constant, of tensors of a network that is known to end in a softmax."""
    import tensorflow as tf

    return tf.math.log(tf.maximum(outputs, SMALLEST))


def log_of_odds(outputs: Any) -> Any:
    """Logits of tensors of a network that is known to end in a sigmoid."""
    import tensorflow as tf

    p = tf.clip_by_value(outputs, SMALLEST, 1.0 - SMALLEST)
    return tf.math.log(p) - tf.math.log1p(-p)


LOGITS: dict[Head, Callable[[Any], Any]] = {
    "": lambda outputs: outputs,
    "softmax": log_of_probabilities,
    "sigmoid": log_of_odds,
}
"""From the outputs of a network to its logits, by what it ends in."""


def as_logits_in_graph(outputs: Any) -> Any:
    """Logits of a network that does not tell how it ends, judged by each batch of its outputs."""
    import tensorflow as tf

    sums = tf.reduce_sum(outputs, axis=-1)
    is_probability = tf.reduce_all(outputs >= 0.0) & tf.reduce_all(tf.abs(sums - 1.0) < 1e-3)
    return tf.where(is_probability, log_of_probabilities(outputs), outputs)
