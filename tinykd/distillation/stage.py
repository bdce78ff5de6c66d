"""The distil stage: the same student twice, with its teacher and without, and the better of both.

Both start from the same weights and see the same samples in the same order for the same number of
steps; the teacher is the only difference. Plain distillation often hurts very small students, so
the comparison is part of the product: if the student without a teacher is better on validation, it
is the one that goes on. Where the loss is ``auto``, the candidates race first, and the winner's
training goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tinykd.config import DistillConfig, StudentConfig
from tinykd.datasets import Dataset
from tinykd.distillation.auto import is_raced, race_losses
from tinykd.distillation.chain import Teach, assistant_widths, describe_chain, follow_chain
from tinykd.distillation.pupil import Pupil
from tinykd.distillation.race import SCRATCH, Right
from tinykd.distillation.rows import training_rows
from tinykd.distillation.run import Run
from tinykd.losses import Objective, choose_objective, settle
from tinykd.progress import Progress
from tinykd.results import DistillResult, Race
from tinykd.students.cost import summarize_student
from tinykd.students.files import save_student
from tinykd.taps import make_taps
from tinykd.training import Rows, Trainee, Watch

STUDENT_FILES: dict[Literal["scratch", "student"], str] = {
    "scratch": "scratch.h5",
    "student": "student.h5",
}

Tap = Callable[[Trainee], Trainee]
"""Lays the layers of a student open that are compared with its teacher's."""


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
    run = Run(config, student, dataset, seed, folder, progress)
    objective = choose_objective(config, dataset.classes, dataset.task.name)
    tap = _tapping(objective, config, open_teacher, seed)
    tap(run.new_student())  # what cannot be compared is refused before any training
    rows = training_rows(dataset, config, soft_targets)

    alone = run.teach(
        run.new_student(SCRATCH),
        objective.without_teacher(),
        rows.without_pool(),
        taught_by="labels",
    )
    save_student(alone.trainee.model, folder / STUDENT_FILES["scratch"])
    race = _race(run, rows) if is_raced(config) else None
    if race is not None:
        settled = settle(config, race.chosen)
        objective = choose_objective(settled, dataset.classes, dataset.task.name)
    winner = "" if race is None else race.chosen
    direct = run.teach(tap(run.new_student()), objective, rows, checkpoint=winner)
    summary = summarize_student(direct.trainee.model, student)
    widths = assistant_widths(config, student, summary.parameters, lambda: open_teacher().model)
    best, pupils = follow_chain(
        config,
        student,
        direct,
        rows,
        widths=widths,
        seed=seed,
        teach=_teaching(run, objective.on_logits()),
        task=dataset.task,
    )
    save_student(best.trainee.model, folder / STUDENT_FILES["student"])
    run.discard_checkpoints()
    is_beaten = alone.validation_accuracy > best.validation_accuracy
    return DistillResult(
        student=summary,
        loss=objective.name,
        temperature=objective.temperature,
        alpha=objective.alpha,
        weights=objective.weights,
        scratch_validation_accuracy=alone.validation_accuracy,
        student_validation_accuracy=best.validation_accuracy,
        shipped="scratch" if is_beaten else "student",
        curves=(alone.curve, best.curve.model_copy(update={"name": "student"})),
        race=race,
        chain=describe_chain(best, pupils),
        augment=config.views,
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
    run = Run(config, student, dataset, seed, folder, progress)
    trainee = run.new_student()
    run.train(
        trainee,
        choose_objective(config, dataset.classes, dataset.task.name),
        training_rows(dataset, config, soft_targets),
        checkpoint=trainee.name,
        watch=watch,
    )
    run.discard_checkpoints()
    return run.validation_accuracy(trainee)


def _race(run: Run, rows: Rows) -> Race:
    """Let ``auto`` choose a loss; every candidate pauses at its checkpoint."""
    classes, task = run.dataset.classes, run.dataset.task.name

    def learn(name: str, until: int) -> Right:
        if name != SCRATCH:  # which was trained to the end before
            objective = choose_objective(settle(run.config, name), classes, task)
            run.train(run.new_student(), objective, rows, checkpoint=name, until=until)
        return run.right_answers(name)

    return race_losses(
        run.config,
        learn,
        classes=classes,
        samples=rows.samples,
        parameters=run.new_student().model.count_params(),
        task=task,
    )


def _teaching(run: Run, objective: Objective) -> Teach:
    """How the networks of a chain are trained."""

    def teach(
        name: str, taught_by: str, architecture: StudentConfig, seed: int, rows: Rows
    ) -> Pupil:
        another = run.another(architecture, seed)
        return another.teach(another.new_student(name), objective, rows, taught_by=taught_by)

    return teach


def _tapping(
    objective: Objective, config: DistillConfig, open_teacher: Callable[[], Trainee], seed: int
) -> Tap:
    """How a student's layers are compared with the teacher's; not, where logits are enough."""
    if not objective.compares_features:
        return lambda trainee: trainee
    teacher = open_teacher()

    def tap(trainee: Trainee) -> Trainee:
        taps = make_taps(
            trainee.model,
            teacher.model,
            config.features,
            adapt=objective.needs("hints"),
            maps=objective.needs("maps"),
            seed=seed,
            prepare_teacher=teacher.prepare,
        )
        return replace(trainee, taps=taps)

    return tap
