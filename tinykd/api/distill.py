"""``tinykd.distill``: one call from a teacher and a Keras student to a better student."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinykd.api.data import Split, read_data
from tinykd.api.student import count_classes, examine_student
from tinykd.api.teacher import as_list, ask_teacher, check_logits
from tinykd.backend import load_tensorflow
from tinykd.config import DistillConfig, parse_config
from tinykd.datasets import check_pool
from tinykd.distillation.auto import is_raced, race_losses
from tinykd.distillation.race import SCRATCH, Right
from tinykd.errors import ConfigError, TeacherError
from tinykd.losses import Objective, choose_objective, settle
from tinykd.pools import mix_in
from tinykd.progress import Progress, Silent
from tinykd.results import DistillComparison, Race, TrainingCurve
from tinykd.taps import make_taps
from tinykd.tasks.combine import COMBINATIONS, combine_logits
from tinykd.teachers.ensemble import check_features
from tinykd.training import (
    Rows,
    Schedule,
    Trainee,
    accuracy,
    make_deterministic,
    predict,
    right_answers,
    train,
)
from tinykd.views import VIEWS

Combination = Literal["probabilities", "logits", "confidence"]


def distill(
    teacher: Any,
    student: Any,
    data: Any,
    *,
    unlabelled: Any = None,
    combine: Combination = "probabilities",
    baseline: bool = True,
    validation_every: int = 5,
    seed: int = 0,
    folder: Path | str | None = None,
    progress: Progress | None = None,
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
        settings: Keys of the ``[distill]`` section, such as ``epochs=40``,
            ``losses={"dist": 1.0, "labels": 1.0}``, ``features={"stem_relu": "conv_1"}``.

    Returns:
        ``student``; its attribute ``distillation`` is a ``DistillComparison``. Interrupted, it
        keeps the best weights so far.

    Raises:
        TinykdError: If teacher, student, data and settings do not fit each other.
    """
    progress = progress or Silent()
    load_tensorflow(progress)
    config = parse_config({"distill": {"augment": "none", **settings}}, source="distill").distill
    if config.assistants != "none":
        raise ConfigError(
            "distill: assistants are wider students of the pipeline. Distil a wider model first, "
            "and give it as the teacher."
        )
    make_deterministic(seed)
    split = read_data(data, validation_every=validation_every)
    trainee = examine_student(student, split)
    classes = count_classes(trainee, split)
    objective = choose_objective(config, classes)
    views = VIEWS[config.augment](split.x)
    teachers = as_list(teacher)
    if objective.compares_features:
        check_features(len(teachers))
    with progress.task("teacher: answering"):
        logits = _combined(teachers, split, views, classes, combine)
        rows = Rows.of_views(views, split.y, logits)
        if unlabelled is not None:
            rows = _mix_in(rows, unlabelled, teachers, config, classes, combine)
    run = Run(
        trainee=_with_taps(trainee, teachers[0], objective, config, seed),
        rows=rows,
        split=split,
        config=config,
        classes=classes,
        seed=seed,
        start=tuple(np.array(array) for array in student.get_weights()),
        progress=progress,
    )
    with _checkpoints(folder, run, objective) as place:
        return _choose(run, objective, place, baseline=baseline)


@dataclass(frozen=True)
class Run:
    """Everything that all trainings share."""

    trainee: Trainee
    rows: Rows
    split: Split
    config: DistillConfig
    classes: int
    seed: int
    start: tuple[NDArray[Any], ...]
    progress: Progress

    def learn(
        self,
        name: Literal["student", "scratch"],
        objective: Objective,
        checkpoint: Path,
        until: int | None = None,
    ) -> Learned:
        """Train once from the start, or from the checkpoint if it is there."""
        config, model = self.config, self.trainee.model
        model.set_weights(list(self.start))
        make_deterministic(self.seed)
        taps = self.trainee.taps if objective.compares_features else None
        trainee = replace(self.trainee, name=name, taps=taps)
        validation = (self.split.x_validation, self.split.y_validation)
        what = f"with its teacher ({objective.name})" if objective.terms else "without a teacher"
        if until is not None:
            what = f"race, {checkpoint.stem}"
        with self.progress.task(f"student: {what}", until or config.epochs) as advance:
            curve = train(
                trainee,
                objective,
                self.rows if objective.terms else self.rows.without_pool(),
                validation=validation,
                schedule=Schedule.of_student(config),
                seed=self.seed,
                checkpoint=checkpoint,
                advance=advance,
                until=until,
            )
        return Learned(
            curve, accuracy(predict(trainee, validation[0]), validation[1]), model.get_weights()
        )


@dataclass(frozen=True)
class Learned:
    """What one training came to."""

    curve: TrainingCurve
    validation_accuracy: float
    weights: list[NDArray[Any]]


def _choose(run: Run, objective: Objective, place: Path, *, baseline: bool) -> Any:
    """Train with the teacher, then without, and give the student the better weights.

    Where the loss is ``auto``, the candidates race first.
    """
    student, race, start = run.trainee.model, None, "student"
    if is_raced(run.config):
        race = _race(run, objective, place, scratch=baseline)
        start = race.chosen
        objective = choose_objective(settle(run.config, start), run.classes)
    first = run.learn("student", objective, place / f"{start}.npz")
    taught = _born_again(run, first, objective, place)
    alone = None
    if baseline:
        try:
            alone = run.learn(SCRATCH, objective.without_teacher(), place / f"{SCRATCH}.npz")
        except KeyboardInterrupt:  # what the teacher taught is there already
            student.set_weights(taught.weights)
            raise
    is_beaten = alone is not None and alone.validation_accuracy > taught.validation_accuracy
    student.set_weights(alone.weights if alone is not None and is_beaten else taught.weights)
    student.distillation = DistillComparison(
        loss=objective.name,
        weights=objective.weights,
        student_validation_accuracy=taught.validation_accuracy,
        scratch_validation_accuracy=None if alone is None else alone.validation_accuracy,
        shipped="scratch" if is_beaten else "student",
        curves=(taught.curve,) if alone is None else (taught.curve, alone.curve),
        race=race,
    )
    for checkpoint in place.glob("*.npz"):
        checkpoint.unlink()
    return student


def _race(run: Run, objective: Objective, place: Path, *, scratch: bool) -> Race:
    """Let ``auto`` choose a loss; every candidate pauses at its checkpoint."""

    def learn(name: str, until: int) -> Right:
        checkpoint = place / f"{name}.npz"
        if name == SCRATCH:
            run.learn(SCRATCH, objective.without_teacher(), checkpoint, until)
        else:
            chosen = choose_objective(settle(run.config, name), run.classes)
            run.learn("student", chosen, checkpoint, until)
        return right_answers(checkpoint, len(run.split.y_validation))

    return race_losses(
        run.config,
        learn,
        classes=run.classes,
        samples=run.rows.samples,
        parameters=sum(array.size for array in run.start),
        scratch=scratch,
    )


def _born_again(run: Run, first: Learned, objective: Objective, place: Path) -> Learned:
    """Let each student teach the next, from the same start; the best on validation.

    Source: Furlanello et al., "Born-Again Neural Networks", ICML 2018, section 3.1.
    """
    best = last = first
    for generation in range(2, run.config.generations + 1):
        run.trainee.model.set_weights(last.weights)
        rows = run.rows.answered_by(lambda x: predict(run.trainee, x))
        again = replace(run, rows=rows)
        try:
            checkpoint = place / f"generation_{generation}.npz"
            last = again.learn("student", objective.on_logits(), checkpoint)
        except KeyboardInterrupt:
            run.trainee.model.set_weights(best.weights)
            raise
        best = last if last.validation_accuracy > best.validation_accuracy else best
    return best


def _combined(
    teachers: list[Any],
    split: Split,
    views: list[NDArray[Any]],
    classes: int,
    combine: Combination,
) -> NDArray[np.float32]:
    """What all teachers say of every view together, [views * samples, classes].

    Raises:
        TeacherError: If one does not fit, by its number; or there is no such combination.
    """
    if combine not in COMBINATIONS:
        raise ConfigError(f"combine: there is no '{combine}'. One of: {', '.join(COMBINATIONS)}.")
    names = (
        ["teacher"] if len(teachers) == 1 else [f"teacher {n + 1}" for n in range(len(teachers))]
    )
    tables = [
        _soft_targets(teacher, split, views, classes, name)
        for teacher, name in zip(teachers, names, strict=True)
    ]
    return combine_logits(tables, combine, np.tile(split.y, len(views)))


def _soft_targets(
    teacher: Any, split: Split, views: list[NDArray[Any]], classes: int, name: str
) -> NDArray[np.float32]:
    """One teacher's logits for every view, [views * samples, classes].

    Raises:
        TeacherError: If an array of logits does not fit the samples, or their views.
    """
    if not isinstance(teacher, np.ndarray):
        return ask_teacher(teacher, np.concatenate(views), classes, name=name)
    if len(views) > 1:
        raise TeacherError(
            f"{name}: an array of logits knows nothing of augmented samples. Give the model "
            "itself, or augment='none'."
        )
    return check_logits(teacher, len(split.kept), classes, name=name)[split.kept]


def _mix_in(
    rows: Rows,
    unlabelled: Any,
    teachers: list[Any],
    config: DistillConfig,
    classes: int,
    combine: Combination,
) -> Rows:
    """The rows with a pool that the teachers answer for.

    Raises:
        DataError: If the samples of the pool are not like the others.
        TeacherError: If a teacher is an array, which has no answers to them.
    """
    pool = VIEWS[config.augment](check_pool(unlabelled, rows.x.shape[1:], "unlabelled"))
    if any(isinstance(teacher, np.ndarray) for teacher in teachers):
        raise TeacherError(
            "teacher: an array of logits knows nothing of unlabelled samples. Give the model "
            "itself, or leave them out."
        )
    samples = np.concatenate(pool)
    tables = [ask_teacher(teacher, samples, classes) for teacher in teachers]
    return mix_in(rows, pool, combine_logits(tables, combine), config)


def _with_taps(
    trainee: Trainee, teacher: Any, objective: Objective, config: DistillConfig, seed: int
) -> Trainee:
    """The trainee with its layers laid open, where the objective compares them.

    Raises:
        ConfigError: If the teacher has no layers, or two layers cannot be compared.
    """
    if not objective.compares_features:
        return trainee
    if not hasattr(teacher, "layers"):
        raise ConfigError(
            f"'{objective.name}' compares features, which this teacher does not show. Give a Keras "
            "model, or use a loss on logits such as 'ls_kd'."
        )
    taps = make_taps(
        trainee.model,
        teacher,
        config.features,
        adapt=objective.needs("hints"),
        maps=objective.needs("maps"),
        seed=seed,
        prepare_teacher=Trainee("teacher", teacher, 1.0).prepare,
    )
    return replace(trainee, taps=taps)


@contextmanager
def _checkpoints(folder: Path | str | None, run: Run, objective: Objective) -> Iterator[Path]:
    """A folder for the state, named by all that the training depends on."""
    if folder is None:
        with tempfile.TemporaryDirectory() as temporary:
            yield Path(temporary)
        return
    place = Path(folder) / _fingerprint(run, objective)
    place.mkdir(parents=True, exist_ok=True)
    yield place
    place.rmdir()


def _fingerprint(run: Run, objective: Objective) -> str:
    digest = hashlib.sha256(f"{run.config!r} {objective!r} {run.seed}".encode())
    split = run.split
    arrays: tuple[NDArray[Any], ...] = (run.rows.x, run.rows.labels, run.rows.teacher_logits)
    if run.rows.pool is not None:
        arrays += (run.rows.pool.x, run.rows.pool.teacher_logits)
    for array in (*arrays, split.x_validation, split.y_validation, *run.start):
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]
