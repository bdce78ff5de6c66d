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
from tinykd.distill.losses import Objective, choose_objective, without_teacher
from tinykd.evaluate import Answers
from tinykd.progress import Progress
from tinykd.results import DistillResult, TrainingCurve
from tinykd.students import build_student, summarize_student
from tinykd.students.files import load_student, save_student
from tinykd.teachers.teacher import Teacher
from tinykd.training import Rows, Schedule, Trainee, accuracy, make_deterministic, predict, train
from tinykd.views import VIEWS

SCRATCH_FILE = "scratch.h5"
STUDENT_FILE = "student.h5"
SOFT_TARGETS_FILE = "soft_targets.npy"

FLOAT_BYTES = 4
"""Size of a float32 weight."""

STUDENT_ROWS: tuple[tuple[Literal["scratch", "student"], str, str], ...] = (
    ("scratch", SCRATCH_FILE, "student without a teacher, float"),
    ("student", STUDENT_FILE, "student distilled, float"),
)


def compute_soft_targets(
    teacher: Teacher, dataset: Dataset, *, augment: str, progress: Progress
) -> NDArray[np.float32]:
    """Ask the teacher once for every view of every training sample.

    Returns:
        float32 logits [views * samples, classes], in the order of ``Rows``.
    """
    views = np.concatenate(VIEWS[augment](dataset.x_train))
    return teacher.logits(views, progress=progress, why="answering")


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
    for name, file, _ in STUDENT_ROWS:
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


def ask_float_models(
    teacher: Teacher, folder: Path, dataset: Dataset, *, progress: Progress
) -> list[Answers]:
    """What the teacher and both students say of the test split.

    Args:
        teacher: The teacher.
        folder: Where ``distill_student`` left both students.
        dataset: With the test split.
        progress: Shows the work.
    """
    answers = [
        Answers(
            name="teacher",
            description="teacher, float",
            outputs=teacher.logits(dataset.x_test, progress=progress, why="test split"),
            how="Keras, float32",
            parameters=(parameters := int(teacher.model.count_params())),
            size_bytes=FLOAT_BYTES * parameters,
        )
    ]
    for name, file, description in STUDENT_ROWS:
        model = load_student(folder / file)
        answers.append(
            Answers(
                name=name,
                description=description,
                outputs=predict(Trainee(name, model, dataset.input_scale), dataset.x_test),
                how="Keras, float32",
                parameters=(parameters := int(model.count_params())),
                size_bytes=FLOAT_BYTES * parameters,
            )
        )
    return answers


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
        )
