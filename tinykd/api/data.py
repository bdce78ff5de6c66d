"""Training data in the forms that people have it in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.datasets import Dataset, hold_out
from tinykd.errors import DataError

FORMS = "(x, y), (x_train, y_train, x_validation, y_validation), a tf.data.Dataset or a Dataset"


@dataclass(frozen=True)
class Split:
    """Samples to learn from and samples to choose on.

    Attributes:
        x: [n, ...].
        y: int32 [n].
        x_validation: [m, ...].
        y_validation: int32 [m].
        kept: Which of the given samples are in ``x``; a teacher's array of logits has all of them.
        input_scale: What the student's samples are multiplied by.
    """

    x: NDArray[Any]
    y: NDArray[np.int32]
    x_validation: NDArray[Any]
    y_validation: NDArray[np.int32]
    kept: NDArray[np.bool_]
    input_scale: float = 1.0


def read_data(data: Any, *, validation_every: int) -> Split:
    """Take data in any of the ``FORMS``.

    Args:
        data: Labels are integers [n] or [n, 1], or one-hot [n, classes]. A ``tf.data.Dataset`` of
            such pairs, in batches, is read into memory.
        validation_every: One sample in so many is kept for validation where the data has no split.

    Raises:
        DataError: If it is nothing of that kind, or samples and labels do not match.
    """
    if isinstance(data, Dataset):
        return Split(
            data.x_train,
            data.y_train,
            data.x_validation,
            data.y_validation,
            np.ones(len(data.x_train), bool),
            data.input_scale,
        )
    if hasattr(data, "as_numpy_iterator"):
        data = _read_batches(data)
    if not isinstance(data, tuple | list) or len(data) not in {2, 4}:
        raise DataError(f"data is {type(data).__name__}; needed: {FORMS}.")
    x, y = check_pair(data[0], data[1], "training")
    if len(data) == 4:
        return Split(x, y, *check_pair(data[2], data[3], "validation"), np.ones(len(x), bool))
    held_out = hold_out(y, validation_every).mask
    if len(x) < 2 or held_out.all() or not held_out.any():
        raise DataError(f"data has {len(x)} samples; some must be left after validation.")
    return Split(x[~held_out], y[~held_out], x[held_out], y[held_out], ~held_out)


def _read_batches(data: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """All batches of a ``tf.data.Dataset`` of (x, y).

    Raises:
        DataError: If it never ends, is empty, or has no pairs.
    """
    if int(data.cardinality()) == -1:  # tf.data.INFINITE_CARDINALITY
        raise DataError("data repeats without end. Leave out .repeat(), or add .take(batches).")
    batches = list(data.as_numpy_iterator())
    if not batches or not isinstance(batches[0], tuple) or len(batches[0]) != 2:
        raise DataError("data is a tf.data.Dataset; it must give batches of (x, y), at least one.")
    if np.ndim(batches[0][1]) == 0:
        raise DataError("data gives single samples. Call .batch(64) on it.")
    return tuple(np.concatenate(part) for part in zip(*batches, strict=True))  # type: ignore[return-value]


def check_pair(x: Any, y: Any, what: str) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """Arrays of equal length, numbers that are finite, and integer labels.

    Args:
        x: Samples, [n, ...].
        y: Labels: integers [n] or [n, 1], or one-hot [n, classes].
        what: What to call them in an error.

    Raises:
        DataError: If they are not.
    """
    x, y = np.asarray(x), np.asarray(y)
    if x.dtype.kind not in "iuf" or x.ndim < 2:
        raise DataError(f"{what} samples are {x.dtype} {x.shape}; needed: numbers [n, ...].")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise DataError(f"{what} samples hold NaN or infinity. Remove them.")
    labels = _as_labels(y, what)
    if len(x) != len(labels) or len(x) == 0:
        raise DataError(f"{what} data has {len(x)} samples and {len(labels)} labels.")
    return x, labels


def _as_labels(y: NDArray[Any], what: str) -> NDArray[np.int32]:
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 2 and (np.sort(y, axis=1)[:, :-1] == 0).all() and (y.max(axis=1) == 1).all():
        y = y.argmax(axis=1)
    if y.ndim != 1 or not (np.mod(y, 1) == 0).all() or (len(y) and y.min() < 0):
        raise DataError(
            f"{what} labels are {y.dtype} {y.shape}; needed: integers from 0, or one-hot vectors."
        )
    labels: NDArray[np.int32] = y.astype(np.int32)
    return labels
