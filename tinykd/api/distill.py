"""``tinykd.distill``: one call from a teacher and a Keras student to a better student."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tinykd.api.data import read_data
from tinykd.api.lessons import Combination, check_unlabelled, learn_from, with_taps
from tinykd.api.run import Learned, Run, Watch, ignore
from tinykd.api.settings import read_settings
from tinykd.api.student import count_classes, examine_student, learning_in_network_units
from tinykd.api.teacher import as_list
from tinykd.backend import load_tensorflow
from tinykd.config import TaskName
from tinykd.distillation.auto import is_raced, race_losses
from tinykd.distillation.race import SCRATCH, Right
from tinykd.errors import ConfigError
from tinykd.keras_models import check_distinct
from tinykd.losses import Objective, choose_objective, settle
from tinykd.notes import mixup_note
from tinykd.progress import Progress, Silent
from tinykd.results import ChainLink, DistillComparison, Race
from tinykd.tasks import TASKS
from tinykd.tasks.view_targets import teach_views
from tinykd.teachers.ensemble import check_features
from tinykd.training import make_deterministic, predict, right_answers


def distill(
    teacher: Any,
    student: Any,
    data: Any,
    *,
    task: TaskName = "classification",
    unlabelled: Any = None,
    combine: Combination = "probabilities",
    baseline: bool = True,
    validation_every: int = 5,
    seed: int = 0,
    folder: Path | str | None = None,
    progress: Progress | None = None,
    watch: Watch = ignore,
    **settings: Any,
) -> Any:
    """Train a Keras student with a teacher and without, and return it with the better weights.

    Args:
        teacher: Keras model; path of a ``.keras``, ``.h5``, ``.tflite`` or SavedModel; or an array
            of its logits or probabilities for the training samples, [n, classes]. A list of
            several of them teaches together.
        student: Keras 3 or ``tf_keras`` model from samples to logits or probabilities,
            [n, classes]. It is trained in place.
        data: (x, y), of which every ``validation_every``-th sample is kept for validation;
            (x_train, y_train, x_validation, y_validation); a ``tf.data.Dataset`` of batches
            (x, y); or a tinykd ``Dataset``.
        task: Row of ``TASKS``; a ``Dataset`` has its own. Of a ``regression`` y is real targets,
            [n] or [n, targets], which student and teacher give in their unit; of ``multi_label``
            0 or 1, [n, labels]; of ``anomaly`` anything: student and teacher rebuild x as
            [n, values].
        unlabelled: Samples that nobody labelled, [n, ...]: the teacher answers for them, and as
            many as have labels are mixed into every step. The student without a teacher takes the
            same steps without them.
        combine: What several teachers say together: the mean of their ``probabilities``, of their
            ``logits``, or weighted by ``confidence`` on the label.
        baseline: Train without the teacher too, from the same weights on the same batches, and
            return whichever is better on validation.
        validation_every: See ``data``.
        seed: Of the order of the samples, of dropout and of adaptors.
        folder: Where the state is kept while training: the same call goes on from there. None
            forgets it.
        progress: Shows every training.
        watch: Called after each epoch with the name of the training (``scratch``, a loss in a race,
            ``generation_2``), its finished epochs and its score on validation, such as accuracy.
        settings: Keys of the ``[distill]`` section, such as ``epochs=40``,
            ``losses={"dist": 1.0, "labels": 1.0}``, ``features={"stem_relu": "conv_1"}``.

    Returns:
        ``student``; its attribute ``distillation`` is a ``DistillComparison``. Interrupted, it
        keeps the best weights of all trainings so far.

    Raises:
        TinykdError: If teacher, student, data and settings do not fit each other.
    """
    progress = progress or Silent()
    load_tensorflow(progress)
    config = read_settings("distill", seed, validation_every, distill=settings).distill
    if config.assistants != "none":
        raise ConfigError(
            "distill: assistants are wider students of the pipeline. Distil a wider model first, "
            "and give it as the teacher."
        )
    make_deterministic(seed)
    if task not in TASKS:
        raise ConfigError(f"task: there is no '{task}'. One of: {', '.join(TASKS)}.")
    split = read_data(data, validation_every=validation_every, task=TASKS[task])
    trainee = examine_student(student, split)
    classes = count_classes(trainee, split)
    objective = choose_objective(config, classes, split.task.name)
    teachers = as_list(teacher)
    check_distinct(student, [teacher.opened for teacher in teachers])
    check_unlabelled(unlabelled, split.task, teachers)
    if objective.compares_features:
        check_features(len(teachers))
    with progress.task("teacher: answering"):
        rows = learn_from(split, teachers, config, classes, combine, unlabelled)
    trainee = with_taps(trainee, teachers[0].opened, objective, config, seed)
    with learning_in_network_units(student, split):
        start = tuple(np.array(array) for array in student.get_weights())
        run = Run(trainee, rows, split, config, classes, seed, start, progress, watch)
        try:
            with run.resumable(folder, objective) as place:
                return _choose(run, objective, place, baseline=baseline)
        except KeyboardInterrupt:
            student.set_weights(run.best.weights or list(run.start))
            raise


def _choose(run: Run, objective: Objective, place: Path, *, baseline: bool) -> Any:
    """Train with the teacher, then without, and give the student the better weights.

    Where the loss is ``auto``, the candidates race first.
    """
    student, race, start = run.trainee.model, None, "student"
    if is_raced(run.config):
        race = _race(run, objective, place, scratch=baseline)
        start = race.chosen
        settled = settle(run.config, start)
        objective = choose_objective(settled, run.classes, run.split.task.name)
    first = run.learn("student", objective, place / f"{start}.npz")
    taught, chain = _born_again(run, first, objective, place)
    alone = None
    if baseline:
        alone = run.learn(SCRATCH, objective.without_teacher(), place / f"{SCRATCH}.npz")
    is_beaten = alone is not None and alone.validation_accuracy > taught.validation_accuracy
    student.set_weights(alone.weights if alone is not None and is_beaten else taught.weights)
    note = mixup_note(run.config.views, student.count_params())
    student.distillation = DistillComparison(
        loss=objective.name,
        weights=objective.weights,
        student_validation_accuracy=taught.validation_accuracy,
        scratch_validation_accuracy=None if alone is None else alone.validation_accuracy,
        shipped="scratch" if is_beaten else "student",
        curves=(taught.curve,) if alone is None else (taught.curve, alone.curve),
        race=race,
        chain=chain,
        notes=() if note is None else (note,),
    )
    return student


def _race(run: Run, objective: Objective, place: Path, *, scratch: bool) -> Race:
    """Let ``auto`` choose a loss; every candidate pauses at its checkpoint."""

    def learn(name: str, until: int) -> Right:
        checkpoint = place / f"{name}.npz"
        if name == SCRATCH:
            run.learn(SCRATCH, objective.without_teacher(), checkpoint, until)
        else:
            settled = settle(run.config, name)
            chosen = choose_objective(settled, run.classes, run.split.task.name)
            run.learn("student", chosen, checkpoint, until)
        return right_answers(checkpoint, len(run.split.y_validation))

    return race_losses(
        run.config,
        learn,
        classes=run.classes,
        samples=run.rows.samples,
        parameters=sum(array.size for array in run.start),
        scratch=scratch,
        task=run.split.task.name,
    )


def _born_again(
    run: Run, first: Learned, objective: Objective, place: Path
) -> tuple[Learned, tuple[ChainLink, ...]]:
    """Let each student teach the next, from the same start.

    Returns:
        The best on validation, and every generation where there are several.

    Source: Furlanello et al., "Born-Again Neural Networks", ICML 2018, section 3.1.
    """
    best = last = first
    generations = {"student": first}
    for generation in range(2, run.config.generations + 1):
        run.trainee.model.set_weights(last.weights)
        rows = run.rows.answered_by(
            lambda x: teach_views(
                predict(run.trainee, x), run.config.view_targets, run.rows.views, run.split.task
            )
        )
        name = f"generation_{generation}"
        again = replace(run, rows=rows)
        last = again.learn("student", objective.on_logits(), place / f"{name}.npz")
        generations[name] = last
        best = last if last.validation_accuracy > best.validation_accuracy else best
    if len(generations) == 1:
        return best, ()
    teachers = ("teacher", *generations)
    parameters = sum(array.size for array in run.start)
    return best, tuple(
        ChainLink(
            name=name,
            taught_by=taught_by,
            parameters=parameters,
            validation_accuracy=learned.validation_accuracy,
            is_kept=learned is best,
        )
        for (name, learned), taught_by in zip(generations.items(), teachers, strict=False)
    )
