"""A checked data set with its three splits."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.datasets.pool import count_shared
from tinykd.datasets.split import HeldOut
from tinykd.results import DataSummary
from tinykd.tasks import CLASSIFICATION, Task

Samples = NDArray[np.generic]
Labels = NDArray[Any]


@dataclass(frozen=True)
class Dataset:
    """Raw samples and labels, split for training, choosing and reporting.

    Attributes:
        source: Where it came from.
        class_names: One name per output of a network: per class, in label order.
        x_train: Raw values as the sensor gives them, any real dtype, [n, ...].
        y_train: What is said of each sample, in the form of its task: of a classification int32
            labels in [0, classes), [n]; of an autoencoder the samples on its own scale.
        x_validation: Same layout; every choice is made on these.
        y_validation: Their labels.
        x_test: Same layout; looked at once, at the end.
        y_test: Their labels.
        held_out: Which of the training samples, as they were given, are the validation split.
        x_unlabelled: Samples that nobody labelled, for the teacher alone, or None.
        task: What the student is asked.
        output_scale: Power of two; a network's outputs times this have the unit of the targets.
    """

    source: str
    class_names: tuple[str, ...]
    x_train: Samples
    y_train: Labels
    x_validation: Samples
    y_validation: Labels
    x_test: Samples
    y_test: Labels
    held_out: HeldOut
    x_unlabelled: Samples | None = None
    task: Task = CLASSIFICATION
    output_scale: float = 1.0

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return self.x_train.shape[1:]

    @property
    def classes(self) -> int:
        """Numbers that a network gives for each sample: one logit per class."""
        return self.task.width(self.class_names, self.input_shape)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of which a device says one; empty where it does not choose."""
        return self.class_names if self.task.says_class else ()

    def labels_of(self, views: Sequence[Samples]) -> Labels:
        """What a network shall say of every view of the training samples, view after view."""
        return np.concatenate(
            [self.task.targets(view, self.y_train, self.input_scale) for view in views]
        )

    def threshold(self, ask: Callable[[Samples], NDArray[Any]]) -> float | None:
        """What a device compares the score of a model with; None where there is no score.

        Args:
            ask: From raw samples to what the model says, in the network's units.
        """
        return self.task.threshold(
            lambda: (ask(self.x_validation), self.y_validation), self.output_scale
        )

    def understand(
        self, values: NDArray[Any], ask: Callable[[Samples], NDArray[Any]]
    ) -> NDArray[Any]:
        """Answers on the test split as the task measures them; see ``Task.understand``.

        Args:
            values: What a model says of the test split, in the network's units.
            ask: Asks the same model about other raw samples.
        """
        samples = self.task.targets(self.x_test, self.y_test, self.input_scale)
        return self.task.understand(
            values, samples, lambda: (ask(self.x_validation), self.y_validation)
        )

    @property
    def start(self) -> tuple[float, ...]:
        """What a network says before it is trained; see ``Task.start``."""
        return self.task.start(self.y_train)

    @property
    def input_scale(self) -> float:
        """Power of two that brings the training samples into [-1, 1]."""
        return input_scale_for(self.x_train)

    def summary(self) -> DataSummary:
        """Sizes, ranges and a hash, for the report."""
        return DataSummary(
            source=self.source,
            sha256=self._sha256(),
            input_shape=self.input_shape,
            class_names=self.class_names,
            train_samples=len(self.x_train),
            validation_samples=len(self.x_validation),
            validation_rule=self.held_out.rule,
            test_samples=len(self.x_test),
            input_scale=self.input_scale,
            input_range=(float(self.x_train.min()), float(self.x_train.max())),
            unlabelled_samples=0 if self.x_unlabelled is None else len(self.x_unlabelled),
            unlabelled_in_test=count_shared(self.x_unlabelled, self.x_test),
            task=self.task.name,
            output_scale=self.output_scale,
        )

    def _sha256(self) -> str:
        digest = hashlib.sha256()
        for array in (
            self.x_train,
            self.y_train,
            self.x_validation,
            self.y_validation,
            self.x_test,
            self.y_test,
            self.x_unlabelled,
        ):
            if array is None:
                continue
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def input_scale_for(samples: Samples) -> float:
    """The largest power of two that brings ``samples`` into [-1, 1].

    A power of two, because multiplying by one is exact in floating point: it can be folded into
    the first layer of the int8 model without changing a bit, so that the device takes raw values.

    Example:
        >>> input_scale_for(np.array([0, 16], np.uint8)), input_scale_for(np.array([255.0]))
        (0.0625, 0.00390625)
    """
    largest = max(abs(float(samples.min())), abs(float(samples.max())))
    mantissa, exponent = math.frexp(largest)
    return 2.0 ** -(exponent - 1 if mantissa == 0.5 else exponent)
