"""Losses that compare what student and teacher say of the classes of one sample.

Each takes ``student_logits`` and ``teacher_logits``, float32 [batch, classes], and gives the mean
over the batch, a float32 scalar. Those with a temperature are multiplied by its square, so that
gradients keep their size when it changes.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def soft_target_kl(student_logits: Any, teacher_logits: Any, temperature: float = 2.0) -> Any:
    """``T^2 * KL(softmax(z_t / T) || softmax(z_s / T))``.

    Source: Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015,
    section 2; the factor ``T^2`` is explained at its end.
    """
    log_student = tf.nn.log_softmax(student_logits / temperature)
    log_teacher = tf.nn.log_softmax(teacher_logits / temperature)
    divergence = tf.reduce_sum(tf.exp(log_teacher) * (log_teacher - log_student), axis=-1)
    return temperature**2 * tf.reduce_mean(divergence)


def soft_target_cross_entropy(
    student_logits: Any, teacher_logits: Any, temperature: float = 2.0
) -> Any:
    """``-T^2 * sum softmax(z_t / T) * log softmax(z_s / T)``: the gradient of ``soft_target_kl``.

    It does not fall to zero but to the entropy of the teacher, which says how sure it is.

    Source: Hinton, Vinyals and Dean, 2015, equation 2.
    """
    log_student = tf.nn.log_softmax(student_logits / temperature)
    teacher = tf.nn.softmax(teacher_logits / temperature)
    return -(temperature**2) * tf.reduce_mean(tf.reduce_sum(teacher * log_student, axis=-1))


def centred_mse(student_logits: Any, teacher_logits: Any) -> Any:
    """Mean squared difference of logits, each sample's mean taken off first.

    A softmax does not see a constant that is added to all logits: a student need not learn it.

    Source: Ba and Caruana, "Do Deep Nets Really Need to be Deep?", 2014, equation 1; centred as
    Hinton, Vinyals and Dean, 2015, section 2.1, assume.
    """
    difference = _centre(student_logits) - _centre(teacher_logits)
    return tf.reduce_mean(tf.square(difference))


def standardized_kl(student_logits: Any, teacher_logits: Any, temperature: float = 2.0) -> Any:
    """Soft targets of standardised logits: only the pattern counts, not its size.

    A small student cannot reach the magnitudes of a large teacher, and need not. With two classes
    a standardised vector is always (-1, 1): the loss says nothing, use ``soft_target_kl``.

    Source: Sun et al., "Logit Standardization in Knowledge Distillation", CVPR 2024, equation 10.
    """
    return soft_target_kl(_standardize(student_logits), _standardize(teacher_logits), temperature)


def _centre(logits: Any) -> Any:
    """Zero mean for each sample."""
    return logits - tf.reduce_mean(logits, axis=-1, keepdims=True)


def _standardize(logits: Any) -> Any:
    """Zero mean and unit deviation for each sample."""
    return _centre(logits) / (tf.math.reduce_std(logits, axis=-1, keepdims=True) + 1e-7)
