"""The distil stage: the same student twice, with its teacher and without, and the better of both.

Both start from the same weights and see the same samples in the same order for the same number of
steps; the teacher is the only difference. Plain distillation often hurts very small students, so
the comparison is part of the product: if the student without a teacher is better on validation, it
is the one that goes on. Where the loss is ``auto``, the candidates race first, and the winner's
training goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinykd.config import DistillConfig, StudentConfig
from tinykd.datasets import Dataset
from tinykd.distillation.auto import is_raced, race_losses
from tinykd.distillation.chain import Pupil, assistant_widths, follow_chain
from tinykd.distillation.race import SCRATCH, Right
from tinykd.losses import Objective, choose_objective, settle
from tinykd.pools import mix_in
from tinykd.progress import Progress
from tinykd.results import DistillResult, Race, TrainingCurve
from tinykd.students.architectures import build_student
from tinykd.students.cost import summarize_student
from tinykd.students.files import save_student
from tinykd.taps import Taps, make_taps
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
        progress: Shows every training.

    Raises:
        ConfigError: If a loss does not suit the data, or layers cannot be compared.
    """
    objective = choose_objective(config, dataset.classes, dataset.task.name)
    rows = training_rows(dataset, config, soft_targets)
    goals = {"scratch": objective.without_teacher(), "student": objective}
    lessons = {"scratch": rows.without_pool(), "student": rows}
    tap = _tapping(objective, config, open_teacher, seed)
    if objective.compares_features:  # what cannot be compared is refused before any training
        tap(_new_student(student, dataset, seed))
    race, curves, accuracies = None, [], []
    for name, file in STUDENT_FILES.items():
        if name == "student" and is_raced(config):
            race = _race(config, student, rows, dataset, seed, folder, progress)
            settled = settle(config, race.chosen)
            goals[name] = choose_objective(settled, dataset.classes, dataset.task.name)
        model = _new_student(student, dataset, seed)
        taps = tap(model) if name == "student" else None
        trainee = Trainee(name, model, dataset.input_scale, taps=taps)
        run = name if name == "scratch" or race is None else race.chosen
        curves.append(
            _train(
                trainee, goals[name], lessons[name], dataset, config, seed, folder / run, progress
            )
        )
        save_student(trainee.model, folder / file)
        logits = predict(trainee, dataset.x_validation)
        accuracies.append(dataset.task.score(logits, dataset.y_validation))
    objective = goals["student"]
    summary = summarize_student(trainee.model, student)
    direct = Pupil("student", "teacher", trainee, curves[-1], accuracies[-1])

    def teach(
        name: str, taught_by: str, architecture: StudentConfig, seed: int, rows: Rows
    ) -> Pupil:
        model = _new_student(architecture, dataset, seed)
        trainee = Trainee(name, model, dataset.input_scale)
        goal = objective.on_logits()
        curve = _train(trainee, goal, rows, dataset, config, seed, folder / name, progress)
        logits = predict(trainee, dataset.x_validation)
        score = dataset.task.score(logits, dataset.y_validation)
        return Pupil(name, taught_by, trainee, curve, score)

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
        race=race,
        chain=tuple(links),
        taught_by=best.taught_by,
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
    objective = choose_objective(config, dataset.classes, dataset.task.name)
    rows = training_rows(dataset, config, soft_targets)
    trainee = Trainee("student", _new_student(student, dataset, seed), dataset.input_scale)
    run = folder / "student"
    _train(trainee, objective, rows, dataset, config, seed, run, progress, watch=watch)
    for checkpoint in folder.glob("*.checkpoint.npz"):
        checkpoint.unlink()
    return dataset.task.score(predict(trainee, dataset.x_validation), dataset.y_validation)


def training_rows(
    dataset: Dataset, config: DistillConfig, soft_targets: NDArray[np.float32]
) -> Rows:
    """The views of the training samples, and of a pool, beside what the teacher says of them.

    Raises:
        DataError: If the teacher is not sure enough of any sample of the pool.
    """
    views = VIEWS[config.augment](dataset.x_train)
    labelled = len(views) * len(dataset.x_train)
    rows = Rows.of_views(views, dataset.labels_of(views), soft_targets[:labelled])
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
    shape = dataset.input_shape
    return build_student(student, shape, dataset.classes, seed=seed, start=dataset.start)


def _race(
    config: DistillConfig,
    student: StudentConfig,
    rows: Rows,
    dataset: Dataset,
    seed: int,
    folder: Path,
    progress: Progress,
) -> Race:
    """Let ``auto`` choose a loss; every candidate pauses at its checkpoint."""

    def learn(name: str, until: int) -> Right:
        if name != SCRATCH:  # which was trained to the end before
            settled = settle(config, name)
            objective = choose_objective(settled, dataset.classes, dataset.task.name)
            trainee = Trainee("student", _new_student(student, dataset, seed), dataset.input_scale)
            run = folder / name
            _train(trainee, objective, rows, dataset, config, seed, run, progress, until)
        return right_answers(_checkpoint(folder / name), len(dataset.y_validation))

    return race_losses(
        config,
        learn,
        classes=dataset.classes,
        samples=len(dataset.y_train),
        parameters=_new_student(student, dataset, seed).count_params(),
        task=dataset.task.name,
    )


def _checkpoint(run: Path) -> Path:
    return run.with_name(f"{run.name}.checkpoint.npz")


def _train(
    trainee: Trainee,
    objective: Objective,
    rows: Rows,
    dataset: Dataset,
    config: DistillConfig,
    seed: int,
    run: Path,
    progress: Progress,
    until: int | None = None,
    watch: Watch | None = None,
) -> TrainingCurve:
    what = f"with its teacher ({objective.name})" if objective.terms else "without a teacher"
    if until is not None:
        what = f"race, {run.name}"
    with progress.task(f"student: {what}", until or config.epochs) as advance:
        return train(
            trainee,
            objective,
            rows,
            validation=(dataset.x_validation, dataset.y_validation),
            schedule=Schedule.of_student(config),
            seed=seed,
            checkpoint=_checkpoint(run),
            advance=advance,
            until=until,
            watch=watch,
            task=dataset.task,
        )
