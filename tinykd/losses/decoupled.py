"""Decoupled distillation: how sure the teacher is, and what it says of all the other classes."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

NOWHERE = -1e9
"""A logit whose probability is zero, and yet finite: zero times it is zero."""


def decoupled_kl(
    student_logits: Any,
    teacher_logits: Any,
    labels: Any,
    temperature: float = 4.0,
    alpha: float = 1.0,
    beta: float = 8.0,
) -> Any:
    """``T^2 * (alpha * KL(b_t || b_s) + beta * KL(n_t || n_s))``.

    ``b`` is (probability of the label, of all other classes together), ``n`` the distribution among
    the others alone. Plain soft targets weigh the second by how unsure the teacher is, which
    for a good teacher silences it. With two classes ``n`` is one class and says nothing.

    Args:
        student_logits: float32 [batch, classes].
        teacher_logits: float32 [batch, classes].
        labels: int32 [batch].
        temperature: Softens both distributions.
        alpha: Weight of the label's part.
        beta: Weight of the part of the others.

    Source: Zhao et al., "Decoupled Knowledge Distillation", CVPR 2022, equation 7.
    """
    is_label = tf.one_hot(labels, tf.shape(student_logits)[-1], on_value=True, off_value=False)
    student = tf.nn.log_softmax(student_logits / temperature)
    teacher = tf.nn.log_softmax(teacher_logits / temperature)
    of_label = _divergence(_label_and_rest(student, is_label), _label_and_rest(teacher, is_label))
    of_others = _divergence(_others(student, is_label), _others(teacher, is_label))
    return temperature**2 * tf.reduce_mean(alpha * of_label + beta * of_others)


def _divergence(log_student: Any, log_teacher: Any) -> Any:
    """KL divergence of each sample, from log-probabilities [batch, n]: [batch]."""
    return tf.reduce_sum(tf.exp(log_teacher) * (log_teacher - log_student), axis=-1)


def _label_and_rest(log_p: Any, is_label: Any) -> Any:
    """Log-probabilities of the label and of all others together: [batch, 2]."""
    nowhere = tf.cast(NOWHERE, log_p.dtype)
    label = tf.reduce_logsumexp(tf.where(is_label, log_p, nowhere), axis=-1)
    rest = tf.reduce_logsumexp(tf.where(is_label, nowhere, log_p), axis=-1)
    return tf.stack([label, rest], axis=-1)


def _others(log_p: Any, is_label: Any) -> Any:
    """Log-probabilities among the other classes; the label's entry is zero in both networks."""
    among_others = tf.nn.log_softmax(tf.where(is_label, tf.cast(NOWHERE, log_p.dtype), log_p))
    return tf.where(is_label, tf.cast(NOWHERE, log_p.dtype), among_others)
