"""The distil stage: the same student twice, with its teacher and without, and the better of both.

Both start from the same weights and see the same samples in the same order for the same number of
steps; the teacher is the only difference. Plain distillation often hurts very small students, so
the comparison is part of the product: if the student without a teacher is better on validation, it
is the one that goes on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinykd.config import DistillConfig, StudentConfig
from tinykd.datasets import Dataset
from tinykd.losses import Objective, choose_objective, without_teacher
from tinykd.progress import Progress
from tinykd.results import DistillResult, TrainingCurve
from tinykd.students.architectures import build_student
from tinykd.students.cost import summarize_student
from tinykd.students.files import save_student
from tinykd.training import (
    Rows,
    Schedule,
    Trainee,
    Watch,
    accuracy,
    make_deterministic,
    predict,
    train,
)
from tinykd.views import VIEWS

STUDENT_FILES: dict[Literal["scratch", "student"], str] = {
    "scratch": "scratch.h5",
    "student": "student.h5",
}


def distill_student(
    config: DistillConfig,
    student: StudentConfig,
    dataset: Dataset,
    soft_targets: NDArray[np.float32],
    *,
    seed: int,
    folder: Path,
    progress: Progress,
) -> DistillResult:
    """Train the student with its teacher and without, into ``student.h5`` and ``scratch.h5``.

    Args:
        config: Loss and schedule.
        student: Architecture and width.
        dataset: Raw samples.
        soft_targets: The teacher's logits for every view, float32 [views * samples, classes].
        seed: Of the initial weights and of the order of the samples, for both alike.
        folder: For the two files and, while training, the checkpoints.
        progress: Shows both trainings.
    """
    objective = choose_objective(config, dataset.classes)
    rows = training_rows(dataset, config, soft_targets)
    goals = {"scratch": without_teacher(objective), "student": objective}
    curves, accuracies = [], []
    for name, file in STUDENT_FILES.items():
        trainee = Trainee(name, _new_student(student, dataset, seed), dataset.input_scale)
        curves.append(_train(trainee, goals[name], rows, dataset, config, seed, folder, progress))
        save_student(trainee.model, folder / file)
        logits = predict(trainee, dataset.x_validation)
        accuracies.append(accuracy(logits, dataset.y_validation))
    for checkpoint in folder.glob("*.checkpoint.npz"):
        checkpoint.unlink()
    scratch_accuracy, student_accuracy = accuracies
    return DistillResult(
        student=summarize_student(trainee.model, student),
        loss=objective.name,
        temperature=objective.temperature,
        alpha=objective.alpha,
        scratch_validation_accuracy=scratch_accuracy,
        student_validation_accuracy=student_accuracy,
        shipped="scratch" if scratch_accuracy > student_accuracy else "student",
        curves=tuple(curves),
    )


def try_student(
    config: DistillConfig,
    student: StudentConfig,
    dataset: Dataset,
    soft_targets: NDArray[np.float32],
    *,
    seed: int,
    folder: Path,
    progress: Progress,
    watch: Watch,
) -> float:
    """Train the student with its teacher alone, and say how good it is on validation.

    Args:
        config: Loss and schedule.
        student: Architecture and width.
        dataset: Raw samples.
        soft_targets: The teacher's logits for every view, float32 [views * samples, classes].
        seed: Of the initial weights and of the order of the samples.
        folder: For the checkpoint while training.
        progress: Shows the training.
        watch: Told the accuracy after each epoch; what it raises ends the training.

    Returns:
        Validation accuracy in [0, 1].
    """
    objective = choose_objective(config, dataset.classes)
    rows = training_rows(dataset, config, soft_targets)
    trainee = Trainee("student", _new_student(student, dataset, seed), dataset.input_scale)
    _train(trainee, objective, rows, dataset, config, seed, folder, progress, watch)
    for checkpoint in folder.glob("*.checkpoint.npz"):
        checkpoint.unlink()
    return accuracy(predict(trainee, dataset.x_validation), dataset.y_validation)


def training_rows(
    dataset: Dataset, config: DistillConfig, soft_targets: NDArray[np.float32]
) -> Rows:
    """The views of the training samples beside what the teacher says of them."""
    return Rows.of_views(VIEWS[config.augment](dataset.x_train), dataset.y_train, soft_targets)


def _new_student(student: StudentConfig, dataset: Dataset, seed: int) -> Any:
    make_deterministic(seed)
    return build_student(student, dataset.input_shape, dataset.classes, seed=seed)


def _train(
    trainee: Trainee,
    objective: Objective,
    rows: Rows,
    dataset: Dataset,
    config: DistillConfig,
    seed: int,
    folder: Path,
    progress: Progress,
    watch: Watch | None = None,
) -> TrainingCurve:
    schedule = Schedule(
        epochs=config.epochs,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        warmup_fraction=config.warmup_fraction,
        weight_decay=config.weight_decay,
    )
    what = "without a teacher" if objective.alpha == 0.0 else f"with its teacher ({objective.name})"
    with progress.task(f"student: {what}", config.epochs) as advance:
        return train(
            trainee,
            objective,
            rows,
            validation=(dataset.x_validation, dataset.y_validation),
            schedule=schedule,
            seed=seed,
            checkpoint=folder / f"{trainee.name}.checkpoint.npz",
            advance=advance,
            watch=watch,
        )
