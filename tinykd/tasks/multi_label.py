"""Several labels, of which any number may hold; the student says yes or no to each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinykd.config import TaskName
from tinykd.errors import DataError
from tinykd.lesson import Mixture
from tinykd.probabilities import lies_in_unit, log_odds
from tinykd.tasks.metric import Metric
from tinykd.tasks.names import read_names
from tinykd.tasks.ranking import average_precision
from tinykd.tasks.regression import mean_of
from tinykd.tasks.task import Arrays, Task, Values

MEAN_AP = Metric("mean_average_precision", "mAP", "mean average precision")
MICRO_F1 = Metric("micro_f1", "F1", "micro F1")
EXACT = Metric("exact_match", "exact", "exact match")


class MultiLabel(Task):
    """Labels are 0 or 1, [n, labels]; a logit above 0, a probability above 1/2, says yes."""

    name: ClassVar[TaskName] = "multi_label"
    outputs = "labels"
    score_metric = MEAN_AP
    metrics = (MEAN_AP, MICRO_F1, EXACT)
    case = "labels of samples"
    refused_ending = "sigmoid"
    own_loss = "multi_label"

    def read(self, arrays: Arrays, source: str) -> Arrays:
        """Zeros and ones, both of each label; they become float32."""
        for split in ("train", "test"):
            where, samples = f"{source}: y_{split}", len(arrays[f"x_{split}"])
            _check_labels(arrays[f"y_{split}"], samples, where)
        names = read_names(arrays, "label", source)
        constant = _constant(arrays["y_train"])
        if constant is not None:
            where = "every" if arrays["y_train"][0, constant] else "no"
            raise DataError(
                f"{source}: y_train: '{names[constant]}' holds in {where} sample. There is nothing "
                "to learn: leave it out."
            )
        as_float32 = {key: arrays[key].astype(np.float32) for key in ("y_train", "y_test")}
        return {**arrays, **as_float32, "class_names": names}

    def check_kept(self, labels: NDArray[Any], outputs: int) -> str | None:
        """Of every label, samples are left with it and without."""
        constant = _constant(labels)
        return None if constant is None else f"label {constant} is the same in all samples left"

    def label_loss(self, values: Any, labels: Any, mixture: Mixture | None = None) -> Any:
        """Mean cross-entropy of every label by itself."""
        import tensorflow as tf

        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=values))

    def is_probability(self, outputs: Values) -> bool:
        """All of them lie in [0, 1]; logits of many samples do not."""
        return lies_in_unit(outputs)

    def as_logits(self, outputs: Values, output_scale: float) -> Values:
        """Probabilities become the logarithms of their odds."""
        return log_odds(outputs) if self.is_probability(outputs) else outputs

    def combine(self, answers: Sequence[Values], how: str, labels: NDArray[Any] | None) -> Values:
        """Mean of the probabilities, or of the logits."""
        if how == "logits" or len(answers) == 1:
            return mean_of(answers)
        p = [1.0 / (1.0 + np.exp(-answer.astype(np.float64))) for answer in answers]
        return self.as_logits(np.asarray(np.mean(p, axis=0)), 1.0)

    def score(self, values: NDArray[Any], labels: NDArray[Any]) -> float:
        """Average precision, the mean over the labels that hold for a sample."""
        holds = labels > 0.5
        each = [
            average_precision(values[:, i], holds[:, i]) for i in np.flatnonzero(holds.any(axis=0))
        ]
        return float(np.mean(each)) if each else 0.0

    def decide(self, values: NDArray[Any]) -> NDArray[Any]:
        """Which labels the student says hold, bool [n, labels]."""
        says: NDArray[np.bool_] = values > 0
        return says

    def measure(
        self, values: NDArray[Any], labels: NDArray[Any], output_scale: float
    ) -> dict[str, float]:
        """Mean average precision; F1 of all decisions; samples with every label right."""
        says, holds = self.decide(values), labels > 0.5
        right, all_of_both = np.sum(says & holds), np.sum(says) + np.sum(holds)
        return {
            MEAN_AP.key: self.score(values, labels),
            MICRO_F1.key: float(2 * right / all_of_both) if all_of_both else 1.0,
            EXACT.key: float(np.mean((says == holds).all(axis=1))),
        }

    def measure_each(
        self, values: NDArray[Any], labels: NDArray[Any], output_scale: float
    ) -> list[dict[str, float]]:
        """Average precision and F1 of each label, and how often it is right."""
        columns = range(labels.shape[1])
        return [self.measure(values[:, [i]], labels[:, [i]], output_scale) for i in columns]


def _check_labels(labels: NDArray[Any], samples: int, where: str) -> None:
    if labels.dtype.kind not in "iufb" or not np.isin(labels, (0, 1)).all():
        raise DataError(f"{where} holds other values than 0 and 1: whether a label holds.")
    if labels.ndim != 2 or len(labels) != samples or labels.shape[1] == 0:
        raise DataError(
            f"{where} has shape {labels.shape}; needed: ({samples}, labels), 0 or 1 for each label."
        )


def _constant(labels: NDArray[Any]) -> int | None:
    """The first label that holds for all samples, or for none."""
    share = labels.mean(axis=0)
    constant = np.flatnonzero((share == 0) | (share == 1))
    return int(constant[0]) if len(constant) else None
