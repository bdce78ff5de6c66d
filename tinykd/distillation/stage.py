"""The distil stage: the same student twice, with its teacher and without, and the better of both.

Both start from the same weights and see the same samples in the same order for the same number of
steps; the teacher is the only difference. Plain distillation often hurts very small students, so
the comparison is part of the product: if the student without a teacher is better on validation, it
is the one that goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinykd.config import DistillConfig, StudentConfig
from tinykd.datasets import Dataset
from tinykd.distillation.chain import Pupil, assistant_widths, follow_chain
from tinykd.losses import Objective, choose_objective
from tinykd.pools import mix_in
from tinykd.progress import Progress
from tinykd.results import DistillResult, TrainingCurve
from tinykd.students.architectures import build_student
from tinykd.students.cost import summarize_student
from tinykd.students.files import save_student
from tinykd.taps import Taps, make_taps
from tinykd.training import Rows, Schedule, Trainee, accuracy, make_deterministic, predict, train
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
    open_teacher: Callable[[], Trainee],
    seed: int,
    folder: Path,
    progress: Progress,
) -> DistillResult:
    """Train the student with its teacher and without, into ``student.h5`` and ``scratch.h5``.

    Args:
        config: Loss and schedule.
        student: Architecture and width.
        dataset: Raw samples.
        soft_targets: The teacher's logits for every view of every sample, then of the pool,
            float32 [views * (samples + pool), classes].
        open_teacher: Gives the teacher itself, when features are compared: then it runs in every
            step, on the rows that the student sees. Its logits are not asked for again.
        seed: Of the initial weights and of the order of the samples, for both alike.
        folder: For the two files and, while training, the checkpoints.
        progress: Shows both trainings.

    Raises:
        ConfigError: If a loss does not suit the data, or layers cannot be compared.
    """
    objective = choose_objective(config, dataset.classes)
    rows = training_rows(dataset, config, soft_targets)
    goals = {"scratch": objective.without_teacher(), "student": objective}
    lessons = {"scratch": rows.without_pool(), "student": rows}
    tap = _tapping(objective, config, open_teacher, seed)
    if objective.compares_features:  # what cannot be compared is refused before any training
        tap(_new_student(student, dataset, seed))
    curves, accuracies = [], []
    for name, file in STUDENT_FILES.items():
        model = _new_student(student, dataset, seed)
        taps = tap(model) if name == "student" else None
        trainee = Trainee(name, model, dataset.input_scale, taps=taps)
        curves.append(
            _train(trainee, goals[name], lessons[name], dataset, config, seed, folder, progress)
        )
        save_student(trainee.model, folder / file)
        logits = predict(trainee, dataset.x_validation)
        accuracies.append(accuracy(logits, dataset.y_validation))
    summary = summarize_student(trainee.model, student)
    direct = Pupil("student", "teacher", trainee, curves[-1], accuracies[-1])

    def teach(
        name: str, taught_by: str, architecture: StudentConfig, seed: int, rows: Rows
    ) -> Pupil:
        model = _new_student(architecture, dataset, seed)
        trainee = Trainee(name, model, dataset.input_scale)
        goal = objective.on_logits()
        curve = _train(trainee, goal, rows, dataset, config, seed, folder, progress)
        logits = predict(trainee, dataset.x_validation)
        return Pupil(name, taught_by, trainee, curve, accuracy(logits, dataset.y_validation))

    widths = assistant_widths(config, student, summary.parameters, lambda: open_teacher().model)
    best, links = follow_chain(config, student, direct, rows, widths=widths, seed=seed, teach=teach)
    if best is not direct:
        save_student(best.trainee.model, folder / STUDENT_FILES["student"])
        curves[-1] = best.curve.model_copy(update={"name": "student"})
    for checkpoint in folder.glob("*.checkpoint.npz"):
        checkpoint.unlink()
    scratch_accuracy, student_accuracy = accuracies[0], best.validation_accuracy
    return DistillResult(
        student=summary,
        loss=objective.name,
        temperature=objective.temperature,
        alpha=objective.alpha,
        weights=objective.weights,
        scratch_validation_accuracy=scratch_accuracy,
        student_validation_accuracy=student_accuracy,
        shipped="scratch" if scratch_accuracy > student_accuracy else "student",
        curves=tuple(curves),
        chain=tuple(links),
        taught_by=best.taught_by,
    )


def training_rows(
    dataset: Dataset, config: DistillConfig, soft_targets: NDArray[np.float32]
) -> Rows:
    """The views of the training samples, and of a pool, beside what the teacher says of them.

    Raises:
        DataError: If the teacher is not sure enough of any sample of the pool.
    """
    views = VIEWS[config.augment](dataset.x_train)
    labelled = len(views) * len(dataset.x_train)
    rows = Rows.of_views(views, dataset.y_train, soft_targets[:labelled])
    if dataset.x_unlabelled is None:
        return rows
    pool = VIEWS[config.augment](dataset.x_unlabelled)
    return mix_in(rows, pool, soft_targets[labelled:], config)


def _tapping(
    objective: Objective, config: DistillConfig, open_teacher: Callable[[], Trainee], seed: int
) -> Callable[[Any], Taps | None]:
    """How a student's layers are compared with the teacher's; None where logits are enough."""
    if not objective.compares_features:
        return lambda _student: None
    teacher = open_teacher()

    def tap(student: Any) -> Taps:
        return make_taps(
            student,
            teacher.model,
            config.features,
            adapt=objective.needs("hints"),
            maps=objective.needs("maps"),
            seed=seed,
            prepare_teacher=teacher.prepare,
        )

    return tap


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
    what = f"with its teacher ({objective.name})" if objective.terms else "without a teacher"
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
