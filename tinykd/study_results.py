"""Frozen results of what takes several trainings: comparisons over seeds, and searches."""

from __future__ import annotations

from pydantic import Field

from tinykd.results import FlipTest, ModelName, PairName, Result, StudentSummary
from tinykd.statistics import Verdict

STUDY_SCHEMA_VERSION = 1
"""Version of ``compare.json`` and ``tune.json``; raised when a key changes its meaning."""


class SeedScores(Result):
    """One build of a comparison.

    Attributes:
        seed: Of the student's initial weights and of the order of its samples.
        teacher_seed: Of the teacher, where it is trained here.
        top1_accuracy: Model to its accuracy on the test split, in [0, 1]; empty where the task is
            another.
        headline: Model to the headline metric of another task.
        reference: The float model that int8 comes from, chosen on validation.
        shipped: The int8 model that became C, chosen on validation.
        ledger: Forms of the model in pairs, on the same test samples.
    """

    seed: int
    teacher_seed: int
    top1_accuracy: dict[ModelName, float]
    headline: dict[ModelName, float] = Field(default_factory=dict)
    reference: ModelName
    shipped: ModelName
    ledger: tuple[FlipTest, ...]

    @property
    def scores(self) -> dict[ModelName, float]:
        """Model to what heads the tables."""
        return self.top1_accuracy or self.headline


class PairedDifference(Result):
    """One pair of models over all seeds.

    Attributes:
        name: Which pair of the ledger.
        differences: Top-1 accuracy, or the headline of another task, of the model less that of its
            baseline, one for each seed.
        mean: Of the differences.
        ci95: 95 % interval of the mean, Student's t over seeds.
        verdict: What the interval shows; nothing, if it holds zero.
        gained: Cases (samples, or their labels) that only the model gets right, or nearer to the
            truth, summed over seeds.
        lost: Cases that only the baseline does, summed over seeds.
        pooled_p_value: McNemar's exact test on these sums. Every seed sees the same test samples,
            so they are not independent, and this p is smaller than it should be.
    """

    name: PairName
    differences: tuple[float, ...]
    mean: float
    ci95: tuple[float, float]
    verdict: Verdict
    gained: int
    lost: int
    pooled_p_value: float


class Comparison(Result):
    """What ``tinykd compare`` found; ``compare.json`` is this value.

    Attributes:
        schema_version: See ``STUDY_SCHEMA_VERSION``.
        name: Name of the builds.
        source: Data that they are built from.
        data_sha256: Of its arrays and their split, the same for all seeds.
        test_samples: Samples that every accuracy is a share of.
        student: Architecture, parameters and MACs.
        loss: What the distilled student was taught with.
        new_teacher: Each seed trained a teacher of its own; otherwise one taught all.
        seeds: One entry for each build, in order.
        differences: One entry for each pair, in the order of the pipeline.
        versions: Package to version.
        task: Row of the ``TASKS`` table.
    """

    schema_version: int = STUDY_SCHEMA_VERSION
    name: str
    source: str
    data_sha256: str
    test_samples: int
    student: StudentSummary
    loss: str
    new_teacher: bool
    seeds: tuple[SeedScores, ...]
    differences: tuple[PairedDifference, ...]
    versions: dict[str, str]
    task: str = "classification"


class TunedSetting(Result):
    """A setting that was trained to its end; the names are those of ``[distill]``.

    Attributes:
        loss: Row of the ``LOSSES`` table, or ``auto``.
        temperature: Of the softmax; None leaves it to the loss.
        alpha: Weight of the teacher's term; None leaves it to the loss.
        epochs: Length of the training.
        learning_rate: Peak of the schedule.
        validation_accuracy: What it reached, in [0, 1].
        seconds: What it cost.
    """

    loss: str
    temperature: float | None
    alpha: float | None
    epochs: int
    learning_rate: float
    validation_accuracy: float
    seconds: float


class Gain(Result):
    """The best setting against the current one, on seeds that neither was chosen with.

    Attributes:
        seeds: Of initial weights and of the order of the samples.
        current: Validation accuracy of the current setting, one for each seed.
        best: Validation accuracy of the best one.
        mean: Of the differences.
        spread: Their deviation from seed to seed.
        ci95: 95 % interval of the mean, Student's t over the seeds.
    """

    seeds: tuple[int, ...]
    current: tuple[float, ...]
    best: tuple[float, ...]
    mean: float
    spread: float
    ci95: tuple[float, float]

    @property
    def is_beyond_the_spread(self) -> bool:
        """The best setting is better by more than what the seed alone does."""
        return self.mean > self.spread


class TuneResult(Result):
    """What ``tinykd tune`` found; ``tune.json`` is this value.

    Attributes:
        schema_version: See ``STUDY_SCHEMA_VERSION``.
        name: Name of the build.
        validation_samples: Samples that every accuracy is a share of.
        finished: Settings that were trained to their end.
        pruned: Trainings that were not worth ending.
        current: What the configuration says.
        best: The most accurate on validation.
        gain: Of the best over the current one, or None if they are the same.
        changes: Key of ``[distill]`` to its current value and the one to set; empty if nothing
            beats the current setting by more than the spread between seeds.
    """

    schema_version: int = STUDY_SCHEMA_VERSION
    name: str
    validation_samples: int
    finished: int
    pruned: int
    current: TunedSetting
    best: TunedSetting
    gain: Gain | None
    changes: dict[str, tuple[str | int | float | None, str | int | float | None]]
