"""Features of two layers brought to the same positions."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tinykd.errors import ConfigError
from tinykd.taps.match import Shape, resolution


def common_resolution(student: Shape, teacher: Shape, names: tuple[str, str]) -> Shape:
    """The coarser extent of each axis; () where one of them is a vector.

    Args:
        student: Shape of the student's features without the batch.
        teacher: Shape of the teacher's.
        names: Of both layers, for the error.

    Raises:
        ConfigError: If one has a time axis and the other a height and a width.
    """
    ours, theirs = resolution(student), resolution(teacher)
    if not ours or not theirs:
        return ()
    if len(ours) != len(theirs):
        raise ConfigError(
            f"distill.features: '{names[0]}' gives {student} and '{names[1]}' gives {teacher}; "
            "they have no positions in common. Choose layers of equal rank."
        )
    return tuple(min(pair) for pair in zip(ours, theirs, strict=True))


def align(features: Any, target: Shape) -> Any:
    """Average features to ``target`` positions: [batch, ..., channels] to [batch, n, channels].

    Args:
        features: float32, of static shape but for the batch.
        target: Extents to average to, none larger than those of ``features``; () averages over
            all positions.
    """
    extents = resolution(tuple(features.shape[1:]))
    channels = features.shape[-1]
    x = tf.reshape(features, [-1, *extents, channels])
    if not target:
        x = tf.reshape(x, [-1, int(np.prod(extents, dtype=int)), channels])
        return tf.reduce_mean(x, axis=1, keepdims=True)
    for axis, (extent, wanted) in enumerate(zip(extents, target, strict=True), start=1):
        if extent != wanted:
            averages = tf.constant(averaging_matrix(extent, wanted), x.dtype)
            x = tf.tensordot(x, averages, axes=[[axis], [1]])
            order = list(range(x.shape.rank - 1))
            x = tf.transpose(x, [*order[:axis], x.shape.rank - 1, *order[axis:]])
    return tf.reshape(x, [-1, int(np.prod(target, dtype=int)), channels])


def averaging_matrix(extent: int, wanted: int) -> NDArray[np.float32]:
    """Rows that average ``extent`` positions to ``wanted`` equal stretches, border cells in parts.

    Example:
        >>> averaging_matrix(4, 2).tolist()
        [[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]]
    """
    edges = np.arange(wanted + 1) * extent / wanted
    cells = np.arange(extent)
    overlap = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    shares: NDArray[np.float32] = (np.maximum(overlap, 0.0) * wanted / extent).astype(np.float32)
    return shares
