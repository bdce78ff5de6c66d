"""What a student has learned, and how its loss and its teachers were chosen."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tinykd.results.base import Result
from tinykd.results.training import StudentSummary, TrainingCurve


class RaceScore(Result):
    """One candidate at the end of a rung.

    Attributes:
        candidate: Its name, or ``scratch``.
        validation_accuracy: Mean over the last quarter of the rung's epochs, in [0, 1].
        behind: What it is behind the best candidate of the rung.
        standard_error: Of ``behind``, paired by validation sample.
        stays: It goes on to the next rung; in the last rung, it is chosen.
    """

    candidate: str
    validation_accuracy: float
    behind: float
    standard_error: float
    stays: bool


class RaceRung(Result):
    """One round: every candidate that is left, after equally many epochs.

    Attributes:
        epochs: Since the start of the training.
        scores: The candidates, the first choice first; scratch last, where it was trained.
    """

    epochs: int
    scores: tuple[RaceScore, ...]


class Race(Result):
    """How ``auto`` chose a loss.

    Attributes:
        candidates: All that suit the task, the first choice first.
        rungs: None where the budget is too small for a race.
        chosen: Name of the winner.
        reason: Why it was chosen, for people.
        budget_epochs: What the race was allowed to cost.
        extra_epochs: What it did cost: epochs that are not part of a training that was finished.
    """

    candidates: tuple[str, ...]
    rungs: tuple[RaceRung, ...]
    chosen: str
    reason: str
    budget_epochs: int
    extra_epochs: int


class ChainLink(Result):
    """A network between the teacher and the student, the student itself, or one after it.

    Attributes:
        name: ``student`` is the teacher's own; ``assistant_2`` has twice its width;
            ``generation_2`` was taught by a student.
        taught_by: ``teacher``, or the name of another link.
        parameters: Number of weights.
        validation_accuracy: Top-1 in [0, 1].
        is_kept: It is the best of the student's size, and is compared with scratch.
    """

    name: str
    taught_by: str
    parameters: int
    validation_accuracy: float
    is_kept: bool


class DistillResult(Result):
    """Scratch and distilled student, trained alike, and which of the two goes on.

    Attributes:
        student: The architecture.
        loss: Key of the ``LOSSES`` table; several are joined by `` + ``.
        temperature: Softmax temperature; of the first loss that has one, 1 where none has.
        alpha: Weight of the distillation terms as a share of all weights, in [0, 1].
        weights: Weight of every part of the sum, ``labels`` among them.
        scratch_validation_accuracy: Without the teacher.
        student_validation_accuracy: With the teacher.
        shipped: The better of the two on validation; the student if they are level.
        curves: Both trainings.
        race: How the loss was chosen; None where the configuration names it.
        chain: The student, assistants and generations, in the order of their training; empty where
            the student alone was trained.
        augment: Views besides the samples themselves, for student and teacher alike.
    """

    student: StudentSummary
    loss: str
    temperature: float
    alpha: float
    weights: dict[str, float] = Field(default_factory=dict)
    scratch_validation_accuracy: float
    student_validation_accuracy: float
    shipped: Literal["student", "scratch"]
    curves: tuple[TrainingCurve, ...]
    race: Race | None = None
    chain: tuple[ChainLink, ...] = ()
    augment: tuple[str, ...] = ()


class DistillComparison(Result):
    """What ``tinykd.distill`` found: the same student with its teacher and without.

    Attributes:
        loss: Keys of the ``LOSSES`` table, joined by `` + ``.
        weights: Weight of every part of the sum, ``labels`` among them.
        student_validation_accuracy: With the teacher, in [0, 1].
        scratch_validation_accuracy: Without; None where that was not asked for.
        shipped: The better of the two on validation; the student if they are level.
        curves: Each training.
        race: How the loss was chosen; None where a loss was named.
        chain: The student and the generations after it; empty where there is one generation.
        notes: What a person should read beside the figures.
    """

    loss: str
    weights: dict[str, float]
    student_validation_accuracy: float
    scratch_validation_accuracy: float | None
    shipped: Literal["student", "scratch"]
    curves: tuple[TrainingCurve, ...]
    race: Race | None = None
    chain: tuple[ChainLink, ...] = ()
    notes: tuple[str, ...] = ()


class AdaptationResult(Result):
    """What ``tinykd.adapt`` found; accuracies are top-1 on ``target_test``, None without one.

    Attributes:
        mirrored: The teacher was shown target samples with mirrored values.
        renormalized: Its batch normalization was re-estimated on them.
        information: Mutual information of target samples and its answers, from 0 to 1.
        believed: Target samples that were learned from, by the class the teacher gave them.
        teacher_accuracy_before: Of the teacher as it is.
        teacher_accuracy: Of the teacher, shown the target in that way.
        source_only_accuracy: Of the student that learned the source's labels alone.
        adapted_accuracy: Of the student that comes back.
        curves: Both trainings; their validation split is the source's.
    """

    mirrored: bool
    renormalized: bool
    information: float
    believed: tuple[int, ...]
    teacher_accuracy_before: float | None
    teacher_accuracy: float | None
    source_only_accuracy: float | None
    adapted_accuracy: float | None
    curves: tuple[TrainingCurve, ...]
