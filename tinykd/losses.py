"""The ``LOSSES`` table: what a student is told by its teacher, each a pure function of logits.

Every loss takes ``student_logits`` and ``teacher_logits``, float32 [batch, classes], and a
``temperature``; it returns the mean over the batch, a float32 scalar. Soft-target losses are
multiplied by the squared temperature, so that gradients keep their size when it changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tinykd.config import DistillConfig
from tinykd.training import cross_entropy


def soft_target_kl(student_logits: Any, teacher_logits: Any, temperature: float) -> Any:
    """``T^2 * KL(softmax(z_t / T) || softmax(z_s / T))``.

    Source: Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015,
    section 2; the factor ``T^2`` is explained at its end.
    """
    log_student = tf.nn.log_softmax(student_logits / temperature)
    log_teacher = tf.nn.log_softmax(teacher_logits / temperature)
    divergence = tf.reduce_sum(tf.exp(log_teacher) * (log_teacher - log_student), axis=-1)
    return temperature**2 * tf.reduce_mean(divergence)


def standardized_kl(student_logits: Any, teacher_logits: Any, temperature: float) -> Any:
    """Soft targets of standardised logits: only the pattern counts, not its size.

    A small student cannot reach the magnitudes of a large teacher, and need not. With two classes
    a standardised vector is always (-1, 1): the loss says nothing, use ``soft_target_kl``.

    Source: Sun et al., "Logit Standardization in Knowledge Distillation", CVPR 2024, equation 10.
    """
    return soft_target_kl(_standardize(student_logits), _standardize(teacher_logits), temperature)


def _standardize(logits: Any) -> Any:
    """Zero mean and unit deviation for each sample."""
    mean = tf.reduce_mean(logits, axis=-1, keepdims=True)
    deviation = tf.math.reduce_std(logits, axis=-1, keepdims=True)
    return (logits - mean) / (deviation + 1e-7)


Loss = Callable[[Any, Any, float], Any]

LOSSES: dict[str, Loss] = {
    "kd": soft_target_kl,
    "ls_kd": standardized_kl,
}

DEFAULT_ALPHA: dict[str, float] = {"kd": 0.98, "ls_kd": 0.99}
"""Weight of the teacher's term that worked for students of 500 to 130,000 parameters."""


@dataclass(frozen=True)
class Objective:
    """What a training minimises: ``(1 - alpha) * cross-entropy + alpha * loss``.

    Attributes:
        name: Row of ``LOSSES``.
        temperature: Softens both distributions.
        alpha: Weight of the teacher's term, in [0, 1]; 0 trains on labels alone.
    """

    name: str
    temperature: float
    alpha: float

    def __call__(self, student_logits: Any, teacher_logits: Any, labels: Any) -> Any:
        """Mean over the batch; ``labels`` is int32 [batch]."""
        supervised = cross_entropy(student_logits, labels)
        if self.alpha == 0.0:
            return supervised
        teaching = LOSSES[self.name](student_logits, teacher_logits, self.temperature)
        return (1.0 - self.alpha) * supervised + self.alpha * teaching


def choose_objective(config: DistillConfig, classes: int) -> Objective:
    """Resolve ``auto``: standardised logits need at least four classes to say anything."""
    name = config.loss
    if name == "auto":
        name = "ls_kd" if classes >= 4 else "kd"
    alpha = DEFAULT_ALPHA[name] if config.alpha is None else config.alpha
    return Objective(name, config.temperature, alpha)


def without_teacher(objective: Objective) -> Objective:
    """The same training on labels alone."""
    return Objective(objective.name, objective.temperature, alpha=0.0)
