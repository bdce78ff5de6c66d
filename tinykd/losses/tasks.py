"""What a teacher says to students that do not choose one class, as pure functions of arrays.

What the data says to them is ``Task.label_loss``.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def squared_distance(student: Any, teacher: Any) -> Any:
    """Mean squared distance to the teacher's values.

    Args:
        student: float32 [batch, values].
        teacher: float32 [batch, values].

    Source: Ba and Caruana, "Do Deep Nets Really Need to be Deep?", 2014, equation 1.
    """
    return tf.reduce_mean(tf.square(student - teacher))


def bounded_distance(student: Any, teacher: Any, targets: Any, margin: float = 0.0) -> Any:
    """The squared error, only where the student is worse than its teacher.

    A teacher's answer can be far off: here it is no goal but a bound.

    Args:
        student: float32 [batch, values].
        teacher: float32 [batch, values].
        targets: float32 [batch, values].
        margin: By how much the student's squared error must undercut that of the teacher.

    Source: Chen et al., "Learning Efficient Object Detection Models with Knowledge Distillation",
    NIPS 2017, equation 4.
    """
    student_error = tf.reduce_sum(tf.square(student - targets), axis=-1)
    teacher_error = tf.reduce_sum(tf.square(teacher - targets), axis=-1)
    is_worse = student_error + margin > teacher_error
    return tf.reduce_mean(tf.where(is_worse, student_error, tf.zeros_like(student_error)))


def multi_label_kl(student_logits: Any, teacher_logits: Any, temperature: float = 1.0) -> Any:
    """``T^2`` times the divergence of two Bernoulli distributions, class by class, and their mean.

    Args:
        student_logits: float32 [batch, classes]; a sigmoid stands behind them, not a softmax.
        teacher_logits: float32 [batch, classes].
        temperature: Softens both distributions.

    Source: Hinton, Vinyals and Dean, 2015, section 2, on each class against its absence, as in
    Yang et al., "Multi-Label Knowledge Distillation", ICCV 2023.
    """
    student, teacher = student_logits / temperature, teacher_logits / temperature
    present = tf.sigmoid(teacher)
    divergence = present * (tf.math.log_sigmoid(teacher) - tf.math.log_sigmoid(student))
    divergence += (1.0 - present) * (tf.math.log_sigmoid(-teacher) - tf.math.log_sigmoid(-student))
    return temperature**2 * tf.reduce_mean(divergence)


def anomaly_score(student: Any, teacher: Any, delta: float = 1.0) -> Any:
    """Huber's loss between two anomaly scores: the student is a small regressor of the teacher's.

    Args:
        student: float32 [batch, 1].
        teacher: float32 [batch, 1], such as the teacher's reconstruction error.
        delta: Knee of Huber's loss, in the unit of the score.

    Source: Pol et al., "Knowledge Distillation for Anomaly Detection", ESANN 2023.
    """
    return _huber(student - teacher, delta)


def _huber(difference: Any, delta: float) -> Any:
    """Mean of Huber's loss: a parabola up to ``delta``, a line beyond."""
    size = tf.abs(difference)
    line = delta * (size - 0.5 * delta)
    return tf.reduce_mean(tf.where(size <= delta, 0.5 * tf.square(difference), line))
