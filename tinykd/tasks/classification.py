"""One class of several, and the student names it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinykd.config import TaskName
from tinykd.errors import DataError
from tinykd.lesson import Mixture
from tinykd.probabilities import as_logits, gives_probabilities, lies_in_unit
from tinykd.statistics import wilson_interval
from tinykd.tasks.combine import combine_logits
from tinykd.tasks.metric import Duel, Metric
from tinykd.tasks.task import Arrays, Task, Values

TOP1 = Metric("top1_accuracy", "top-1", "top-1 accuracy")


class Classification(Task):
    """Labels are integers [n]; the largest of the logits is the answer."""

    name: ClassVar[TaskName] = "classification"
    outputs = "classes"
    score_metric = TOP1
    metrics = (TOP1,)
    says_class = True
    decides_classes = True
    combinations = ("probabilities", "logits", "confidence")
    takes_mixtures = True
    learns_unlabelled = True
    own_loss = "kd"

    def read(self, arrays: Arrays, source: str) -> Arrays:
        """Labels without gaps, of two classes at least; they become int32."""
        for split in ("train", "test"):
            where = f"{source}: y_{split}"
            _check_labels(arrays[f"y_{split}"], len(arrays[f"x_{split}"]), where)
        classes = _class_count(arrays, source)
        for split in ("train", "test"):
            labels = arrays[f"y_{split}"]
            if labels.min() < 0 or labels.max() >= classes:
                raise DataError(
                    f"{source}: y_{split} has labels {labels.min()}..{labels.max()}; "
                    f"{classes} classes allow 0..{classes - 1}."
                )
        _check_all_present(arrays["y_train"], classes, source)
        labels_as_int32 = {key: arrays[key].astype(np.int32) for key in ("y_train", "y_test")}
        names = arrays.get("class_names", np.array([str(i) for i in range(classes)]))
        return {**arrays, **labels_as_int32, "class_names": names}

    def strata(self, labels: NDArray[Any]) -> NDArray[np.int64]:
        """The classes."""
        return labels.astype(np.int64)

    def label_loss(self, values: Any, labels: Any, mixture: Mixture | None = None) -> Any:
        """Mean cross-entropy of logits [n, classes] and int32 labels [n].

        With a mixture it is that of two labels for each row, in proportion to their shares.

        Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018, equation 1.
        """
        import tensorflow as tf

        cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits
        each = cross_entropy(labels=labels, logits=values)
        if mixture is not None:
            other = cross_entropy(labels=mixture.labels, logits=values)
            each = mixture.share * each + (1.0 - mixture.share) * other
        return tf.reduce_mean(each)

    def as_logits(self, outputs: Values, output_scale: float) -> Values:
        """Probabilities become their logarithms; those of a sigmoid, of their odds."""
        return as_logits(outputs)

    def is_probability(self, outputs: Values) -> bool:
        """Rows that sum to one, or each class by itself."""
        return gives_probabilities(outputs) or lies_in_unit(outputs)

    def combine(self, answers: Sequence[Values], how: str, labels: NDArray[Any] | None) -> Values:
        """One distribution over the classes."""
        return combine_logits(answers, how, labels)

    def score(self, values: NDArray[Any], labels: NDArray[Any]) -> float:
        """Share of samples whose largest logit is that of the label."""
        return float(np.mean(np.argmax(values, axis=1) == labels))

    def hits(self, values: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.bool_]:
        """Samples whose largest logit is that of the label."""
        right: NDArray[np.bool_] = np.argmax(values, axis=1) == labels
        return right

    def decide(self, values: NDArray[Any]) -> NDArray[Any]:
        """The class of the largest logit, [n]."""
        largest: NDArray[Any] = np.argmax(values.reshape(len(values), -1), axis=1)
        return largest

    def measure(
        self,
        values: NDArray[Any],
        labels: NDArray[Any],
        output_scale: float,
    ) -> dict[str, float]:
        """Top-1 accuracy."""
        return {TOP1.key: int(np.sum(self.decide(values) == labels)) / len(labels)}

    def interval(
        self,
        values: NDArray[Any],
        labels: NDArray[Any],
        output_scale: float,
    ) -> tuple[float, float]:
        """Wilson's interval of a share."""
        return wilson_interval(int(np.sum(self.decide(values) == labels)), len(labels))

    def difference(self, duel: Duel, headline: float, baseline: float) -> float:
        """A share of the samples."""
        return (duel.gained - duel.lost) / duel.cases

    def confusion(
        self, decided: NDArray[Any], labels: NDArray[Any], outputs: int
    ) -> tuple[tuple[int, ...], ...]:
        """Classes against classes."""
        return count_pairs(decided, labels, outputs)

    def resolution(self, samples: int) -> float:
        """One sample."""
        return 1 / samples


def count_pairs(
    decided: NDArray[Any], labels: NDArray[Any], classes: int
) -> tuple[tuple[int, ...], ...]:
    """Counts; rows are true classes, columns decided ones."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels, decided), 1)
    return tuple(tuple(int(count) for count in row) for row in counts)


def _check_all_present(labels: NDArray[Any], classes: int, source: str) -> None:
    present = np.unique(labels).tolist()
    if len(present) < 2:
        raise DataError(f"{source}: y_train has one class only. There is nothing to tell apart.")
    if len(present) < classes:
        absent = next(label for label, found in enumerate([*present, None]) if label != found)
        raise DataError(
            f"{source}: y_train has no sample of class {absent}, of {classes} classes "
            f"(0..{classes - 1}). Every class needs samples, without gaps in the labels."
        )


def _check_labels(labels: NDArray[Any], samples: int, where: str) -> None:
    if labels.dtype.kind not in "iu":
        hint = ' For real targets set data.task = "regression".' if labels.dtype.kind == "f" else ""
        raise DataError(f"{where} is {labels.dtype}; integer labels are needed.{hint}")
    if labels.shape != (samples,):
        several = labels.ndim == 2 and len(labels) == samples and set(np.unique(labels)) <= {0, 1}
        hint = ' Where several labels may hold, set data.task = "multi_label".' if several else ""
        raise DataError(
            f"{where} has shape {labels.shape}; needed: ({samples},), one per sample.{hint}"
        )


def _class_count(arrays: Arrays, source: str) -> int:
    """Number of classes: as many as names, or up to the largest training label."""
    names = arrays.get("class_names")
    if names is None:
        return int(arrays["y_train"].max()) + 1
    if names.ndim != 1 or names.dtype.kind != "U":
        raise DataError(f"{source}: class_names must be a list of strings.")
    return len(names)
