"""What a task is: everything in the pipeline that depends on what the student shall say."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinykd.config import TaskName
from tinykd.lesson import Mixture
from tinykd.statistics import bootstrap_interval
from tinykd.tasks.metric import Duel, Metric

Arrays = dict[str, NDArray[Any]]
Values = NDArray[np.float32]

AskNormal = Callable[[], tuple[NDArray[Any], NDArray[Any]]]
"""Asks a model about the validation split, and says what is right there."""


class Task(ABC):
    """One row of ``TASKS``.

    Answers, ``values`` below, are float32 [n, outputs] in the network's units: logits, or targets
    divided by the data's ``output_scale``.

    Attributes:
        name: In a configuration.
        outputs: What the numbers are that a network gives, in the plural.
        needed: Arrays that a file of such data must hold.
        score_metric: What choices on validation go by: more is better, and 1 is perfect.
        metrics: What the test split is measured by; the first one heads every table.
        subject: What the table of the test split is about.
        refused_ending: Activation that a student must not end in: its loss is on logits.
        says_class: The device names the class of the largest output.
        rebuilds: A network gives back its own input.
        decides_classes: There is a confusion matrix, of as many rows as names.
        case: What is gained or lost between two models.
        nearer: It is gained by being nearer to the truth, not by being right.
        combinations: Ways to combine several teachers, of ``teacher.combine``.
        takes_mixtures: A row can be mixed of two samples, and have the labels of both.
        learns_unlabelled: Samples without labels can be mixed in.
        own_loss: Row of ``LOSSES`` by which the float student teaches its int8 form.
    """

    name: ClassVar[TaskName]
    outputs: ClassVar[str]
    needed: ClassVar[tuple[str, ...]] = ("x_train", "y_train", "x_test", "y_test")
    score_metric: ClassVar[Metric]
    metrics: ClassVar[tuple[Metric, ...]]
    subject: ClassVar[str] = "Accuracy"
    refused_ending: ClassVar[str] = ""
    says_class: ClassVar[bool] = False
    rebuilds: ClassVar[bool] = False
    decides_classes: ClassVar[bool] = False
    case: ClassVar[str] = "samples"
    nearer: ClassVar[bool] = False
    combinations: ClassVar[tuple[str, ...]] = ("probabilities", "logits")
    takes_mixtures: ClassVar[bool] = False
    learns_unlabelled: ClassVar[bool] = False
    own_loss: ClassVar[str]

    @property
    def headline(self) -> Metric:
        """The metric that heads every table."""
        return self.metrics[0]

    @abstractmethod
    def read(self, arrays: Arrays, source: str) -> Arrays:
        """Check what the data says of its samples, and bring it into the form of ``Dataset``.

        Args:
            arrays: With ``needed``; samples are checked already.
            source: What to call the file in an error.

        Returns:
            The same with ``class_names``.

        Raises:
            DataError: If it does not make such a task.
        """

    def strata(self, labels: NDArray[Any]) -> NDArray[np.int64]:
        """Kinds of samples that training and validation both need, [n]; all equal: there are none.

        Args:
            labels: As ``read`` gives them.
        """
        return np.zeros(len(labels), np.int64)

    def check_kept(self, labels: NDArray[Any], outputs: int) -> str | None:
        """What is missing in the training labels once some went to validation; None: nothing."""
        return None

    def width(self, names: Sequence[str], input_shape: Sequence[int]) -> int:
        """How many numbers a network gives for a sample."""
        return len(names)

    def given(self, names: Sequence[str]) -> str:
        """What a network gives for a sample, in words, such as ``10 classes``."""
        one = self.outputs.removesuffix("s")  # a class is never alone
        return f"{len(names)} {one if len(names) == 1 else self.outputs}"

    def targets(
        self, samples: NDArray[Any], labels: NDArray[Any], input_scale: float
    ) -> NDArray[Any]:
        """What a network shall say of samples; they change it only where it rebuilds them."""
        return labels

    def output_scale(self, arrays: Arrays, input_scale: float) -> float:
        """Power of two; a network's outputs times this have the unit of the targets."""
        return 1.0

    def start(self, labels: NDArray[Any]) -> tuple[float, ...]:
        """What a network says before it is trained, one number for each output; empty: anything."""
        return ()

    @abstractmethod
    def label_loss(self, values: Any, labels: Any, mixture: Mixture | None = None) -> Any:
        """What a training on labels alone minimises: a scalar tensor.

        Args:
            values: float32 [batch, outputs].
            labels: As the data set has them.
            mixture: Second labels of rows that are mixed of two samples, of ``takes_mixtures``.
        """

    @abstractmethod
    def as_logits(self, outputs: Values, output_scale: float) -> Values:
        """A teacher's outputs in the network's units, so that a student can learn them."""

    def is_probability(self, outputs: Values) -> bool:
        """Whether a teacher gives probabilities."""
        return False

    @abstractmethod
    def combine(self, answers: Sequence[Values], how: str, labels: NDArray[Any] | None) -> Values:
        """What several teachers say together.

        Args:
            answers: Of each, in the network's units, float32 [n, outputs].
            how: Key of ``teacher.combine``.
            labels: Of the same samples; None where nobody knows them.
        """

    @abstractmethod
    def score(self, values: NDArray[Any], labels: NDArray[Any]) -> float:
        """How good answers are on validation: more is better, 1 is perfect."""

    def hits(self, values: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.bool_]:
        """Which samples are right, [n], for a race of losses; empty where none is run."""
        return np.zeros(0, bool)

    def threshold(self, normal: AskNormal, output_scale: float) -> float | None:
        """What the device compares its score with; None where it has no score.

        Args:
            normal: Of the model that the device runs.
            output_scale: Of the data set.
        """
        return None

    def understand(
        self, values: NDArray[Any], samples: NDArray[Any], normal: AskNormal
    ) -> NDArray[Any]:
        """Answers on the test split in the form that ``decide`` and ``measure`` take.

        Args:
            values: [n, outputs].
            samples: What was asked about, by ``targets``.
            normal: Of the same model.
        """
        return values

    @abstractmethod
    def decide(self, values: NDArray[Any]) -> NDArray[Any]:
        """What the device would do with answers; this is what is kept of each test sample."""

    def same(self, decided: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_] | None:
        """Which samples two models decide alike, [n]; None where nothing is decided."""
        return np.asarray((decided == other).reshape(len(decided), -1).all(axis=1))

    def duel(self, decided: NDArray[Any], baseline: NDArray[Any], labels: NDArray[Any]) -> Duel:
        """Cases on which one of two models is better."""
        right, right_before = decided == labels, baseline == labels
        return Duel(
            gained=int(np.sum(right & ~right_before)),
            lost=int(np.sum(right_before & ~right)),
            cases=int(right.size),
        )

    def difference(self, duel: Duel, headline: float, baseline: float) -> float:
        """Headline of a model less that of its baseline."""
        return headline - baseline

    def confusion(
        self,
        decided: NDArray[Any],
        labels: NDArray[Any],
        outputs: int,
    ) -> tuple[tuple[int, ...], ...]:
        """Counts, rows are true classes and columns decided ones; empty where there are none."""
        return ()

    def measure_each(
        self,
        values: NDArray[Any],
        labels: NDArray[Any],
        output_scale: float,
    ) -> list[dict[str, float]]:
        """Metrics of each output by itself, where there are several; else empty."""
        return []

    @abstractmethod
    def measure(
        self, values: NDArray[Any], labels: NDArray[Any], output_scale: float
    ) -> dict[str, float]:
        """Every metric on test samples, by its key and in its unit."""

    def interval(
        self, values: NDArray[Any], labels: NDArray[Any], output_scale: float
    ) -> tuple[float, float]:
        """95 % interval of the headline."""
        key = self.headline.key
        return bootstrap_interval(
            lambda chosen: self.measure(values[chosen], labels[chosen], output_scale)[key],
            len(labels),
        )

    def resolution(self, samples: int) -> float:
        """Steps that the headline comes in; 0 where any number is possible."""
        return 0.0
