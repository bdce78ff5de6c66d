"""One real target, or several: the student gives their values in their own unit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinykd.config import TaskName
from tinykd.errors import DataError
from tinykd.lesson import Mixture
from tinykd.tasks.metric import Duel, Metric
from tinykd.tasks.names import read_names
from tinykd.tasks.task import Arrays, Task, Values

RMSE = Metric("rmse", "RMSE", "root mean squared error", is_share=False, more_is_better=False)
MAE = Metric("mae", "MAE", "mean absolute error", is_share=False, more_is_better=False)
R2 = Metric("r2", "R²", "coefficient of determination")

LARGEST_RATIO = 16.0
"""Targets share the 256 steps of one int8 output: none may spread so many times as another."""

SCALE = "target_scale"
"""Key, among the arrays, of what the targets were divided by."""

KNEE = 1.0
"""Of Huber's loss, in the network's units: about one standard deviation of the targets."""


class Regression(Task):
    """Targets are real numbers [n] or [n, targets].

    They are divided by the power of two nearest to their standard deviation. An int8 file has one
    scale for its outputs, and no zero point beyond -128..127: so several targets have one common
    divisor, and what they are centred on goes into the bias of the last layer.
    """

    name: ClassVar[TaskName] = "regression"
    outputs = "targets"
    score_metric = R2
    metrics = (RMSE, MAE, R2)
    subject = "Error"
    nearer = True
    own_loss = "regression"

    def read(self, arrays: Arrays, source: str) -> Arrays:
        """Finite targets that vary; they become float32 [n, targets] in the network's units."""
        targets = {
            key: _as_columns(arrays[key], len(arrays[f"x_{key[2:]}"]), f"{source}: {key}")
            for key in ("y_train", "y_test")
        }
        names = read_names({**arrays, **targets}, "target", source)
        scale = _common_scale(targets["y_train"], names, source)
        scaled = {key: (y / scale).astype(np.float32) for key, y in targets.items()}
        return {**arrays, **scaled, "class_names": names, SCALE: np.array(scale)}

    def output_scale(self, arrays: Arrays, input_scale: float) -> float:
        """What the targets were divided by."""
        return float(arrays[SCALE])

    def start(self, labels: NDArray[Any]) -> tuple[float, ...]:
        """Mean of the targets."""
        return tuple(float(mean) for mean in labels.mean(axis=0, dtype=np.float64))

    def label_loss(self, values: Any, labels: Any, mixture: Mixture | None = None) -> Any:
        """Huber's loss: one odd target does not rule the others.

        Source: Huber, "Robust Estimation of a Location Parameter", 1964.
        """
        import tensorflow as tf

        size = tf.abs(values - labels)
        line = KNEE * (size - 0.5 * KNEE)
        return tf.reduce_mean(tf.where(size <= KNEE, 0.5 * tf.square(size), line))

    def as_logits(self, outputs: Values, output_scale: float) -> Values:
        """A teacher gives targets in their unit."""
        return outputs / np.float32(output_scale)

    def combine(self, answers: Sequence[Values], how: str, labels: NDArray[Any] | None) -> Values:
        """The mean."""
        return mean_of(answers)

    def score(self, values: NDArray[Any], labels: NDArray[Any]) -> float:
        """R², the mean of that of each target."""
        return _r2(values, labels)

    def decide(self, values: NDArray[Any]) -> NDArray[Any]:
        """The value itself."""
        return values

    def same(self, decided: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_] | None:
        """Nothing is decided."""
        return None

    def duel(self, decided: NDArray[Any], baseline: NDArray[Any], labels: NDArray[Any]) -> Duel:
        """Samples that one of two models is nearer to than the other."""
        error, before = (np.square(y - labels).sum(axis=1) for y in (decided, baseline))
        return Duel(int(np.sum(error < before)), int(np.sum(error > before)), len(labels))

    def measure(
        self, values: NDArray[Any], labels: NDArray[Any], output_scale: float
    ) -> dict[str, float]:
        """Errors in the unit of the targets, over all of them."""
        error = values.astype(np.float64) - labels
        return {
            RMSE.key: output_scale * math.sqrt(float(np.mean(np.square(error)))),
            MAE.key: output_scale * float(np.mean(np.abs(error))),
            R2.key: _r2(values, labels),
        }

    def measure_each(
        self, values: NDArray[Any], labels: NDArray[Any], output_scale: float
    ) -> list[dict[str, float]]:
        """Each target by itself, where there are several."""
        columns = range(labels.shape[1] if labels.shape[1] > 1 else 0)
        return [self.measure(values[:, [i]], labels[:, [i]], output_scale) for i in columns]


def mean_of(answers: Sequence[Values]) -> Values:
    """Mean of several teachers' answers, each float32 [n, outputs]."""
    return np.asarray(np.mean(answers, axis=0, dtype=np.float64), np.float32)


def _r2(values: NDArray[Any], labels: NDArray[Any]) -> float:
    """``1 - sum of squared errors / sum of squared deviations``, the mean over the targets."""
    error = np.square(values.astype(np.float64) - labels).sum(axis=0)
    spread = np.square(labels - labels.mean(axis=0, dtype=np.float64)).sum(axis=0)
    return float(np.mean(1.0 - error / np.maximum(spread, np.finfo(np.float32).tiny)))


def _as_columns(targets: NDArray[Any], samples: int, where: str) -> NDArray[np.float64]:
    """Float64 [n, targets].

    Raises:
        DataError: If they are not numbers, not one row per sample, or not finite.
    """
    if targets.dtype.kind not in "iuf":
        raise DataError(f"{where} is {targets.dtype}; real targets are needed.")
    if targets.ndim not in {1, 2} or len(targets) != samples or targets.size == 0:
        raise DataError(
            f"{where} has shape {targets.shape}; needed: ({samples},) or ({samples}, targets), one "
            "row per sample."
        )
    columns = targets.reshape(samples, -1)
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinity
        finite = np.isfinite(columns.astype(np.float32)).all(axis=1)
    if not finite.all():
        raise DataError(
            f"{where} holds NaN, infinity or more than float32 can hold, first in sample "
            f"{int(np.argmin(finite))}. Remove it."
        )
    return columns.astype(np.float64)


def _common_scale(targets: NDArray[np.float64], names: NDArray[Any], source: str) -> float:
    """Power of two nearest to the standard deviation of all targets.

    Raises:
        DataError: If a target is constant, or one spreads far more than another.
    """
    spread = targets.std(axis=0)
    constant = [str(name) for name, value in zip(names, spread, strict=True) if value == 0]
    if constant:
        raise DataError(
            f"{source}: y_train: '{constant[0]}' is the same in every sample. There is nothing to "
            "learn: leave it out."
        )
    widest, narrowest = int(spread.argmax()), int(spread.argmin())
    if spread[widest] > LARGEST_RATIO * spread[narrowest]:
        raise DataError(
            f"{source}: y_train: '{names[widest]}' spreads "
            f"{spread[widest] / spread[narrowest]:.0f} times as far as '{names[narrowest]}'. An "
            "int8 output has one scale for all: give them in units that differ by at most "
            f"{LARGEST_RATIO:.0f}, or build a model for each."
        )
    return float(2.0 ** round(math.log2(math.sqrt(float(np.mean(np.square(spread)))))))
