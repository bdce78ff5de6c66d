"""Losses that compare what lies inside: features [batch, positions, channels] of two layers."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def hint(adapted: Any, teacher: Any) -> Any:
    """Mean squared difference to the teacher's features, behind an adaptor.

    Args:
        adapted: Student's features in the teacher's channels, float32 [batch, positions, channels].
        teacher: The teacher's, of the same shape.

    Source: Romero et al., "FitNets: Hints for Thin Deep Nets", ICLR 2015, equation 3; the mean in
    place of half the sum, so that a weight suits layers of any size.
    """
    return tf.reduce_mean(tf.square(adapted - teacher))


def attention(student: Any, teacher: Any) -> Any:
    """Squared distance of the maps of where each network looks; channels may differ.

    Args:
        student: float32 [batch, positions, channels].
        teacher: float32 [batch, positions, channels of the teacher].

    Source: Zagoruyko and Komodakis, "Paying More Attention to Attention", ICLR 2017, equation 2
    with p = 2.
    """
    distance = tf.square(_attention_map(student) - _attention_map(teacher))
    return tf.reduce_mean(tf.reduce_sum(distance, axis=-1))


def relations(student: Any, teacher: Any, distance: float = 25.0, angle: float = 50.0) -> Any:
    """How the samples of a batch lie to one another: pairwise distances, and angles of triples.

    Args:
        student: float32 [batch, positions, channels].
        teacher: The teacher's; neither positions nor channels need agree.
        distance: Weight of the distances, each network's in units of their mean.
        angle: Weight of the angles; their number is the cube of the batch.

    Source: Park et al., "Relational Knowledge Distillation", CVPR 2019, section 3.2.
    """
    student, teacher = _embed(student), _embed(teacher)
    by_distance = _huber(_distances(student) - _distances(teacher))
    by_angle = _huber(_angles(student) - _angles(teacher))
    return distance * by_distance + angle * by_angle


def _attention_map(features: Any) -> Any:
    """Mean square over the channels, of unit length over the positions: [batch, positions]."""
    return tf.math.l2_normalize(tf.reduce_mean(tf.square(features), axis=-1), axis=-1)


def _embed(features: Any) -> Any:
    """One vector for each sample."""
    return tf.reshape(features, [tf.shape(features)[0], -1])


def _distances(points: Any) -> Any:
    """Euclidean distance of each pair, in units of the mean over different points: [n, n]."""
    squared = tf.reduce_sum(tf.square(points[:, None] - points[None]), axis=-1)
    lengths = _length(squared)
    different = tf.cast(squared > 0.0, points.dtype)
    return lengths / (tf.reduce_sum(lengths) / tf.maximum(tf.reduce_sum(different), 1.0) + 1e-12)


def _length(squared: Any) -> Any:
    """Square root whose gradient at zero is zero."""
    positive = squared > 0.0
    return tf.where(positive, tf.sqrt(tf.where(positive, squared, tf.ones_like(squared))), 0.0)


def _angles(points: Any) -> Any:
    """Cosine of the angle at ``j`` between ``i`` and ``k``, [j, i, k]."""
    directions = tf.math.l2_normalize(points[None] - points[:, None], axis=-1)
    return tf.matmul(directions, directions, transpose_b=True)


def _huber(difference: Any) -> Any:
    """Mean of Huber's loss with a knee at 1."""
    size = tf.abs(difference)
    return tf.reduce_mean(tf.where(size <= 1.0, 0.5 * tf.square(difference), size - 0.5))
