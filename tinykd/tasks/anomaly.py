"""Normal or not: an autoencoder that knows normal samples alone rebuilds the others badly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinykd.config import TaskName
from tinykd.errors import DataError
from tinykd.lesson import Mixture
from tinykd.tasks.classification import count_pairs
from tinykd.tasks.metric import Metric
from tinykd.tasks.ranking import auc
from tinykd.tasks.regression import mean_of
from tinykd.tasks.task import Arrays, AskNormal, Task, Values

AUC = Metric("auc", "AUC", "area under the ROC curve")
PARTIAL_AUC = Metric("partial_auc", "pAUC", "area under the ROC curve up to 10 % false alarms")
REBUILT = Metric("rebuilt_variance", "rebuilt variance", "share of the variance that is rebuilt")

FALSE_ALARMS = 0.1
"""Where the partial area ends.

Source: Koizumi et al., "Description and Discussion on DCASE2020 Challenge Task 2", 2020.
"""

QUANTILE = 0.95
"""Share of the normal validation samples whose score lies below the threshold."""

TINY = float(np.finfo(np.float32).tiny)

NAMES = ("normal", "anomalous")


class Anomaly(Task):
    """Training samples are all normal; of the test's, ``y_test`` says 0 normal or 1 anomalous.

    The targets are the samples themselves. The score of a sample is the mean squared error of what
    the autoencoder makes of it, in the squared unit of the raw values.
    """

    name: ClassVar[TaskName] = "anomaly"
    outputs = "values"
    needed = ("x_train", "x_test", "y_test")
    score_metric = REBUILT
    metrics = (AUC, PARTIAL_AUC)
    subject = "Detection"
    decides_classes = True
    rebuilds = True
    own_loss = "reconstruction"

    def read(self, arrays: Arrays, source: str) -> Arrays:
        """Test samples of both kinds, and training samples that nobody marked as anomalous."""
        _check_marks(arrays["y_test"], len(arrays["x_test"]), f"{source}: y_test")
        kinds = np.unique(arrays["y_test"])
        if len(kinds) < 2:
            raise DataError(
                f"{source}: y_test has {NAMES[int(kinds[0])]} samples alone. To measure detection, "
                "the test split needs both kinds: 0 normal, 1 anomalous."
            )
        marks = arrays.get("y_train")
        if marks is not None:
            _check_marks(marks, len(arrays["x_train"]), f"{source}: y_train")
            if marks.any():
                raise DataError(
                    f"{source}: y_train marks {int(marks.sum())} samples as anomalous. Training is "
                    "on normal samples alone: leave these out."
                )
        normal = np.zeros(len(arrays["x_train"]), np.int32)
        labels = {"y_train": normal, "y_test": arrays["y_test"].astype(np.int32)}
        return {**arrays, **labels, "class_names": np.array(NAMES)}

    def width(self, names: Sequence[str], input_shape: Sequence[int]) -> int:
        """As many values as a sample has."""
        return math.prod(input_shape)

    def given(self, names: Sequence[str]) -> str:
        """The sample again."""
        return "the same"

    def targets(
        self, samples: NDArray[Any], labels: NDArray[Any], input_scale: float
    ) -> NDArray[Any]:
        """The samples as the student sees them, float32 [n, values]."""
        return samples.reshape(len(samples), -1).astype(np.float32) * np.float32(input_scale)

    def output_scale(self, arrays: Arrays, input_scale: float) -> float:
        """What is rebuilt has the unit of the raw values."""
        return 1.0 / input_scale

    def start(self, labels: NDArray[Any]) -> tuple[float, ...]:
        """The mean sample."""
        return tuple(float(mean) for mean in labels.mean(axis=0, dtype=np.float64))

    def label_loss(self, values: Any, labels: Any, mixture: Mixture | None = None) -> Any:
        """Mean squared error."""
        import tensorflow as tf

        return tf.reduce_mean(tf.square(values - labels))

    def as_logits(self, outputs: Values, output_scale: float) -> Values:
        """A teacher rebuilds raw values."""
        return outputs / np.float32(output_scale)

    def combine(self, answers: Sequence[Values], how: str, labels: NDArray[Any] | None) -> Values:
        """The mean."""
        return mean_of(answers)

    def score(self, values: NDArray[Any], labels: NDArray[Any]) -> float:
        """Share of the samples' variance that is rebuilt: all of them are normal."""
        error = np.square(values.astype(np.float64) - labels).sum()
        spread = np.square(labels - labels.mean(axis=0, dtype=np.float64)).sum()
        return float(1.0 - error / max(float(spread), TINY))

    def threshold(self, normal: AskNormal, output_scale: float) -> float | None:
        """Score that 95 % of the normal validation samples lie below, in the squared raw unit."""
        return float(np.quantile(_scores(*normal()), QUANTILE)) * output_scale**2

    def understand(
        self, values: NDArray[Any], samples: NDArray[Any], normal: AskNormal
    ) -> NDArray[Any]:
        """Scores as multiples of the model's own threshold, [n]."""
        return _scores(values, samples) / max(self.threshold(normal, 1.0) or 0.0, TINY)

    def decide(self, values: NDArray[Any]) -> NDArray[Any]:
        """1 above the threshold, else 0, [n]."""
        return (values > 1.0).astype(np.int64)

    def confusion(
        self, decided: NDArray[Any], labels: NDArray[Any], outputs: int
    ) -> tuple[tuple[int, ...], ...]:
        """Normal and anomalous against what the threshold makes of them."""
        return count_pairs(decided, labels, outputs)

    def measure(
        self, values: NDArray[Any], labels: NDArray[Any], output_scale: float
    ) -> dict[str, float]:
        """How well scores order the samples, whatever the threshold."""
        return {
            AUC.key: auc(values, labels == 1),
            PARTIAL_AUC.key: auc(values, labels == 1, FALSE_ALARMS),
        }


def _scores(rebuilt: NDArray[Any], samples: NDArray[Any]) -> NDArray[np.float64]:
    """Mean squared error of each sample, [n], of values [n, values] in the network's units."""
    error: NDArray[np.float64] = rebuilt.astype(np.float64) - samples
    return np.asarray(np.square(error).mean(axis=1))


def _check_marks(marks: NDArray[Any], samples: int, where: str) -> None:
    if marks.dtype.kind not in "iub" or not np.isin(marks, (0, 1)).all():
        raise DataError(f"{where} holds other values than 0 (normal) and 1 (anomalous).")
    if marks.shape != (samples,):
        raise DataError(f"{where} has shape {marks.shape}; needed: ({samples},), one per sample.")
