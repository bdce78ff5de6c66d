"""Distillation by correlation: the order of the classes, and the order of the samples."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def correlation_distance(
    student_logits: Any,
    teacher_logits: Any,
    temperature: float = 1.0,
    beta: float = 1.0,
    gamma: float = 1.0,
) -> Any:
    """``T^2 * (beta * (1 - r over classes) + gamma * (1 - r over samples))``, ``r`` Pearson's.

    Probabilities need not be equal, only linear to those of the teacher: what a small student
    can reach. With two classes the correlation over classes is 1 or -1 and has no gradient.

    Args:
        student_logits: float32 [batch, classes].
        teacher_logits: float32 [batch, classes].
        temperature: Softens both distributions.
        beta: Weight of the relation between the classes of one sample.
        gamma: Weight of the relation between the samples of the batch, class by class.

    Source: Huang et al., "Knowledge Distillation from A Stronger Teacher", NeurIPS 2022,
    section 4.
    """
    student = tf.nn.softmax(student_logits / temperature)
    teacher = tf.nn.softmax(teacher_logits / temperature)
    between_classes = 1.0 - tf.reduce_mean(_pearson(student, teacher))
    between_samples = 1.0 - tf.reduce_mean(_pearson(tf.transpose(student), tf.transpose(teacher)))
    return temperature**2 * (beta * between_classes + gamma * between_samples)


def _pearson(a: Any, b: Any) -> Any:
    """Correlation of each row of ``a`` with that of ``b``, [rows]; 0 where a row is constant."""
    a = a - tf.reduce_mean(a, axis=-1, keepdims=True)
    b = b - tf.reduce_mean(b, axis=-1, keepdims=True)
    return tf.reduce_sum(
        tf.math.l2_normalize(a, -1, 1e-16) * tf.math.l2_normalize(b, -1, 1e-16), -1
    )
