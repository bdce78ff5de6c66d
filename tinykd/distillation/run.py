"""What all trainings of the distil stage share, so that the teacher is the only difference."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tinykd.config import DistillConfig, StudentConfig
from tinykd.datasets import Dataset
from tinykd.distillation.pupil import Pupil
from tinykd.distillation.race import Right
from tinykd.losses import Objective
from tinykd.progress import Progress
from tinykd.results import TrainingCurve
from tinykd.students.architectures import build_student
from tinykd.training import (
    Rows,
    Schedule,
    Trainee,
    Watch,
    make_deterministic,
    predict,
    right_answers,
    train,
)


@dataclass(frozen=True)
class Run:
    """Students of one architecture, from the same weights, on the same samples and schedule.

    Attributes:
        config: The schedule.
        student: Architecture and width.
        dataset: Raw samples; the curves are of its validation split.
        seed: Of the initial weights and of the order of the samples.
        folder: For the checkpoints while training.
        progress: Shows every training.
    """

    config: DistillConfig
    student: StudentConfig
    dataset: Dataset
    seed: int
    folder: Path
    progress: Progress

    def new_student(self, name: str = "student") -> Trainee:
        """A student that has learned nothing yet."""
        make_deterministic(self.seed)
        dataset = self.dataset
        model = build_student(
            self.student,
            dataset.input_shape,
            dataset.classes,
            seed=self.seed,
            start=dataset.start,
        )
        return Trainee(name, model, dataset.input_scale)

    def another(self, student: StudentConfig, seed: int) -> Run:
        """The same with another architecture, or from other weights."""
        return replace(self, student=student, seed=seed)

    def teach(
        self,
        trainee: Trainee,
        objective: Objective,
        rows: Rows,
        *,
        taught_by: str = "teacher",
        checkpoint: str = "",
    ) -> Pupil:
        """Train a student to the end; ``checkpoint`` is its own name if there is none."""
        curve = self.train(trainee, objective, rows, checkpoint=checkpoint or trainee.name)
        reached = self.validation_accuracy(trainee)
        return Pupil(trainee.name, taught_by, trainee, curve, reached)

    def train(
        self,
        trainee: Trainee,
        objective: Objective,
        rows: Rows,
        *,
        checkpoint: str,
        until: int | None = None,
        watch: Watch | None = None,
    ) -> TrainingCurve:
        """Train a student in place, from its checkpoint if there is one.

        Args:
            trainee: The student.
            objective: What it minimises.
            rows: What it learns from.
            checkpoint: Name of its checkpoint, which stays.
            until: Pause after so many epochs, in a race.
            watch: Told the validation accuracy after each epoch.
        """
        what = objective.described if until is None else f"race, {checkpoint}"
        with self.progress.task(f"student: {what}", until or self.config.epochs) as advance:
            return train(
                trainee,
                objective,
                rows,
                validation=(self.dataset.x_validation, self.dataset.y_validation),
                schedule=Schedule.of_student(self.config),
                seed=self.seed,
                checkpoint=self._checkpoint(checkpoint),
                advance=advance,
                until=until,
                watch=watch,
                task=self.dataset.task,
            )

    def validation_accuracy(self, trainee: Trainee) -> float:
        """The task's score, 1 at most; of classes top-1."""
        answers = predict(trainee, self.dataset.x_validation)
        return self.dataset.task.score(answers, self.dataset.y_validation)

    def right_answers(self, checkpoint: str) -> Right:
        """Which validation samples were right after each epoch, bool [epochs, samples]."""
        return right_answers(self._checkpoint(checkpoint), len(self.dataset.y_validation))

    def discard_checkpoints(self) -> None:
        """Remove what a finished stage no longer needs."""
        for checkpoint in self.folder.glob("*.checkpoint.npz"):
            checkpoint.unlink()

    def _checkpoint(self, name: str) -> Path:
        return self.folder / f"{name}.checkpoint.npz"
