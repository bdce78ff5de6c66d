"""Training data in the forms that people have it in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.datasets import Dataset, hold_out, input_scale_for
from tinykd.errors import DataError
from tinykd.tasks import CLASSIFICATION, Task

FORMS = "(x, y), (x_train, y_train, x_validation, y_validation), a tf.data.Dataset or a Dataset"


@dataclass(frozen=True)
class Split:
    """Samples to learn from and samples to choose on.

    Attributes:
        x: [n, ...].
        y: int32 [n], or what the task has in its place.
        x_validation: [m, ...].
        y_validation: The same of these.
        kept: Which of the given samples are in ``x``; a teacher's array of logits has all of them.
        input_scale: What the student's samples are multiplied by.
        task: What is asked.
        output_scale: Targets were divided by it; teachers give them whole.
        student_scale: What the student's outputs are divided by to be like the targets.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    x_validation: NDArray[Any]
    y_validation: NDArray[Any]
    kept: NDArray[np.bool_]
    input_scale: float = 1.0
    task: Task = CLASSIFICATION
    output_scale: float = 1.0
    student_scale: float = 1.0

    def as_logits(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """What a teacher gives as the student learns it."""
        return self.task.as_logits(outputs, self.output_scale)

    def labels_of(self, views: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """What the student shall say of every view of ``x``, view after view."""
        scale = 1.0 / self.output_scale
        return np.concatenate([self.task.targets(view, self.y, scale) for view in views])


def read_data(data: Any, *, validation_every: int, task: Task = CLASSIFICATION) -> Split:
    """Take data in any of the ``FORMS``.

    Args:
        data: Labels are integers [n] or [n, 1], or one-hot [n, classes]. A ``tf.data.Dataset`` of
            such pairs, in batches, is read into memory.
        validation_every: One sample in so many is kept for validation where the data has no split.
        task: What is asked; a ``Dataset`` says it itself. Labels are then as in ``Task.read``; of
            an autoencoder the targets are the samples, whatever stands beside them.

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
            data.task,
            data.output_scale,
        )
    if hasattr(data, "as_numpy_iterator"):
        data = _read_batches(data)
    if not isinstance(data, tuple | list) or len(data) not in {2, 4}:
        raise DataError(f"data is {type(data).__name__}; needed: {FORMS}.")
    named = zip((data[:2], data[2:]), ("training", "validation"), strict=True)
    pairs, scale = _read_pairs([(*pair, what) for pair, what in named if pair], task)
    scales: dict[str, Any] = {"task": task, "output_scale": scale, "student_scale": scale}
    x, y = pairs[0]
    if len(pairs) == 2:
        return Split(x, y, *pairs[1], np.ones(len(x), bool), **scales)
    held_out = hold_out(task.strata(y), validation_every).mask
    if len(x) < 2 or held_out.all() or not held_out.any():
        raise DataError(f"data has {len(x)} samples; some must be left after validation.")
    return Split(x[~held_out], y[~held_out], x[held_out], y[held_out], ~held_out, **scales)


def _read_pairs(
    given: list[tuple[Any, Any, str]], task: Task
) -> tuple[list[tuple[NDArray[Any], NDArray[Any]]], float]:
    """Samples with their labels as the task has them, and what targets were divided by."""
    if task.says_class:
        return [check_pair(x, y, what) for x, y, what in given], 1.0
    samples = [check_numbers(x, what) for x, _, what in given]
    if task.rebuilds:
        scale = input_scale_for(samples[0])
        rebuilt = [(x, task.targets(x, x, scale)) for x in samples]
        return rebuilt, task.output_scale({}, scale)
    first, last = np.asarray(given[0][1]), np.asarray(given[-1][1])
    arrays = {"x_train": samples[0], "y_train": first, "x_test": samples[-1], "y_test": last}
    arrays = task.read(arrays, "data")
    labels = (arrays["y_train"], arrays["y_test"])
    return list(zip(samples, labels, strict=False)), task.output_scale(arrays, 1.0)


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
    x, labels = check_numbers(x, what), _as_labels(np.asarray(y), what)
    if len(x) != len(labels) or len(x) == 0:
        raise DataError(f"{what} data has {len(x)} samples and {len(labels)} labels.")
    return x, labels


def check_numbers(x: Any, what: str) -> NDArray[Any]:
    """Samples [n, ...] that are finite numbers.

    Raises:
        DataError: If they are not.
    """
    x = np.asarray(x)
    if x.dtype.kind not in "iuf" or x.ndim < 2:
        raise DataError(f"{what} samples are {x.dtype} {x.shape}; needed: numbers [n, ...].")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise DataError(f"{what} samples hold NaN or infinity. Remove them.")
    samples: NDArray[Any] = x
    return samples


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
