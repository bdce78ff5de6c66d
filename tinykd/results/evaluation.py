"""How good every form of the model is on the test split."""

from __future__ import annotations

from pydantic import Field

from tinykd.results.base import ModelName, PairName, Result, headline


class ModelScore(Result):
    """One row of the accuracy table, all on the same test split.

    Attributes:
        name: Which model.
        description: What it is, for people.
        top1_accuracy: In [0, 1]; None where the task is another.
        metrics: Those of another task by their keys, in the targets' unit; the headline first.
        ci95: 95 % interval of top-1 (Wilson) or of the headline (bootstrap).
        samples: Test samples.
        agreement: Share of samples on which it decides as the float model that it comes from.
        size_bytes: Size where the model has one: float weights, ``.tflite``, or flash of the C.
        parameters: Number of weights where it is known.
        how: What ran, such as ``TFLM interpreter (tflite-micro 0.dev...)``.
    """

    name: ModelName
    description: str
    top1_accuracy: float | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    ci95: tuple[float, float]
    samples: int
    agreement: float | None = None
    size_bytes: int | None = None
    parameters: int | None = None
    how: str

    @property
    def headline(self) -> float:
        """The metric that heads the table."""
        return headline(self.top1_accuracy, self.metrics)


class FlipTest(Result):
    """Two models on the same test samples, and whether one of them is more often right.

    Attributes:
        name: Which pair of the ledger.
        baseline: What it is compared with.
        model: What is asked about.
        difference: Top-1 accuracy, or the headline, of the model less that of the baseline.
        gained: Cases that only the model gets right, or nearer to the truth.
        lost: Cases that only the baseline does.
        samples: All cases: test samples, or their labels one by one.
        p_value: Of McNemar's exact test, two-sided.
    """

    name: PairName
    baseline: ModelName
    model: ModelName
    difference: float
    gained: int
    lost: int
    samples: int
    p_value: float


class FileScore(Result):
    """One model file on a test split.

    Attributes:
        file: As it was given.
        top1_accuracy: In [0, 1]; None where the task is another.
        metrics: Those of another task by their keys, in the targets' unit; the headline first.
        ci95: 95 % interval of top-1 (Wilson) or of the headline (bootstrap).
        samples: Test samples.
        size_bytes: Of the file.
        how: What ran.
    """

    file: str
    top1_accuracy: float | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    ci95: tuple[float, float]
    samples: int
    size_bytes: int
    how: str

    @property
    def headline(self) -> float:
        """The metric that heads the table."""
        return headline(self.top1_accuracy, self.metrics)


class OutputScore(Result):
    """One target or label of several, on the test split.

    Attributes:
        name: Of the output.
        metrics: By their keys, in the targets' unit.
    """

    name: str
    metrics: dict[str, float]


class EvaluateResult(Result):
    """The accuracy table.

    Attributes:
        models: One row for each model.
        c_equals_tflm: Every output byte of the generated C equals that of TFLM.
        confusion: Rows are true classes, columns predicted ones; the shipped int8 model. Empty
            where there are no classes.
        flipped: Test samples that the float and the shipped int8 model decide differently; None
            where nothing is decided.
        ledger: Forms of the model in pairs, on the same samples.
        by_output: The shipped int8 model, output by output, where there are several targets or
            labels.
    """

    models: tuple[ModelScore, ...]
    c_equals_tflm: bool
    confusion: tuple[tuple[int, ...], ...]
    flipped: int | None
    ledger: tuple[FlipTest, ...]
    by_output: tuple[OutputScore, ...] = ()
