"""``tinykd.adapt``: a teacher from one domain, a student for another that nobody has labelled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.api.data import Split, check_pair, read_data
from tinykd.api.run import Run
from tinykd.api.settings import read_settings
from tinykd.api.student import count_classes, examine_student
from tinykd.api.teacher import ask_views, open_any_teacher
from tinykd.backend import load_tensorflow
from tinykd.config import DistillConfig
from tinykd.datasets import check_pool
from tinykd.domains.gate import class_balanced
from tinykd.domains.reading import Reading, choose_reading, shown
from tinykd.errors import ConfigError, DataError
from tinykd.keras_models import check_distinct, library_of
from tinykd.losses import Objective, choose_objective
from tinykd.progress import Progress, Silent
from tinykd.results import AdaptationResult
from tinykd.training import Rows, Trainee, accuracy, make_deterministic, predict
from tinykd.views import make_views

Pair = tuple[NDArray[Any], NDArray[np.int32]]

RAMP = 0.3
"""Share of the epochs in which the weight of the teacher's part rises from zero."""


def adapt(
    teacher: Any,
    student: Any,
    source: Any,
    target: Any,
    *,
    labelled_target: Any = None,
    target_test: Any = None,
    confidence: float = 0.8,
    validation_every: int = 5,
    seed: int = 0,
    folder: Path | str | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Any:
    """Train a student for a domain without labels, with a teacher of a domain that has them.

    The student learns the labels of the source, and what the teacher says of both domains; that
    part comes in slowly. For the target the teacher is shown the samples in the way that tells it
    most: with its batch normalization re-estimated or not, values mirrored or not. Answers that
    it is not sure of are left out. Afterwards the teacher is what it was.

    Nothing tells without labels whether the target came out well: the adapted student is what
    comes back. Keep some labelled target samples as ``target_test``.

    Args:
        teacher: Keras model, or the path of one, for samples of the source.
        student: Keras model from samples to logits or probabilities; trained in place.
        source: (x, y), or another form of data that ``tinykd.distill`` takes.
        target: Samples of the other domain, [n, ...], without labels.
        labelled_target: A few of its samples with labels, (x, y), that are learned from too.
        target_test: (x, y) of the target, to report on only.
        confidence: Probability from which an answer to a target sample is believed; of every class
            the surest fifth is believed in any case.
        validation_every: Every n-th source sample is kept for the curves.
        seed: Of the order of the samples, and of dropout.
        folder: Where the state is kept while training: the same call goes on from there. None
            forgets it.
        progress: Shows both trainings.
        settings: Keys of the ``[distill]`` section; without a loss the teacher's part is ``kd``, as
            much as the labels. Losses on features, generations and assistants are not for it.

    Returns:
        ``student``; its attribute ``adaptation`` is an ``AdaptationResult``. Interrupted, it keeps
        the best weights of the training that ran.

    Raises:
        TinykdError: If teacher, student, data and settings do not fit each other.

    Source: Li et al., 2016, for the teacher's normalization; Laine and Aila, "Temporal Ensembling
    for Semi-Supervised Learning", ICLR 2017, section 2.1, for the ramp.
    """
    progress = progress or Silent()
    load_tensorflow(progress)
    config = _configure(settings, seed, validation_every)
    if not 0.0 <= confidence <= 1.0:
        raise ConfigError(f"adapt: confidence is a probability, from 0 to 1; got {confidence:g}.")
    make_deterministic(seed)
    split = read_data(source, validation_every=validation_every)
    if not split.task.says_class:
        raise DataError(f"source: adaptation is for classes, and its task is {split.task.name}.")
    opened = open_any_teacher(teacher)
    check_distinct(student, [opened])
    library_of(opened)  # a file of another kind has no normalization to re-estimate
    trainee = examine_student(student, split)
    classes = count_classes(trainee, split)
    shape = split.x.shape[1:]
    few, test = (
        None if pair is None else _read_pair(pair, shape, classes, what)
        for pair, what in ((labelled_target, "labelled_target"), (target_test, "target_test"))
    )
    objective = _objective(config, classes)
    guide = _Guide(opened, (float(split.x.min()), float(split.x.max())), classes)
    with progress.task("teacher: looking at the target"):
        pool = check_pool(target, shape, "target")
        reading = choose_reading(opened, pool, guide.limits, guide.answer)
        kept = class_balanced(reading.logits, confidence)
        rows = guide.source_rows(split, few, pool, reading, config)
        rows = guide.with_target(rows, pool, kept, reading, config)
    start = tuple(np.array(array) for array in student.get_weights())
    run = Run(trainee, rows, split, config, classes, seed, start, progress)
    with run.resumable(folder, objective) as place:
        alone = run.learn("scratch", objective.without_teacher(), place / "scratch.npz")
        alone_accuracy = _accuracy(trainee, test)
        adapted = run.learn("student", objective, place / "student.npz")
    student.adaptation = AdaptationResult(
        mirrored=reading.mirrored,
        renormalized=reading.renormalized,
        information=reading.information,
        believed=tuple(np.bincount(reading.logits[kept].argmax(axis=1), minlength=classes)),
        teacher_accuracy_before=None if test is None else accuracy(guide.answer(test[0]), test[1]),
        teacher_accuracy=None if test is None else guide.accuracy(test, pool, reading),
        source_only_accuracy=alone_accuracy,
        adapted_accuracy=_accuracy(trainee, test),
        curves=(alone.curve, adapted.curve),
    )
    return student


@dataclass(frozen=True)
class _Guide:
    """The teacher, asked about two domains.

    Attributes:
        teacher: Keras model.
        limits: Smallest and largest value of the source.
        classes: Of the student.
    """

    teacher: Any
    limits: tuple[float, float]
    classes: int

    def answer(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """Logits as it is, [n, classes]."""
        return ask_views(self.teacher, [x], self.classes)

    def about(self, x: NDArray[Any], pool: NDArray[Any], reading: Reading) -> NDArray[np.float32]:
        """Logits of target samples, shown as was found best for the pool."""
        return shown(self.teacher, x, pool, self.limits, self.answer, reading)

    def source_rows(
        self, split: Split, few: Pair | None, pool: NDArray[Any], reading: Reading, config: Any
    ) -> Rows:
        """What has labels: the source, and the few of the target."""
        views = make_views(split.x, config.views).x
        logits = [self.answer(view) for view in views]
        if few is None:
            return Rows.of_views(views, split.y, np.concatenate(logits))
        ours = make_views(few[0], config.views).x
        joined = [np.concatenate(pair) for pair in zip(views, ours, strict=True)]
        said = [self.about(view, pool, reading) for view in ours]
        answers = [np.concatenate(pair) for pair in zip(logits, said, strict=True)]
        labels = np.concatenate([split.y, few[1]])
        return Rows.of_views(joined, labels, np.concatenate(answers))

    def with_target(
        self,
        rows: Rows,
        pool: NDArray[Any],
        kept: NDArray[np.bool_],
        reading: Reading,
        config: DistillConfig,
    ) -> Rows:
        """What has none: the target samples that the teacher is believed about."""
        views = [view[kept] for view in make_views(pool, config.views).x]
        logits = [reading.logits[kept], *(self.about(view, pool, reading) for view in views[1:])]
        return rows.with_pool(views, np.concatenate(logits), ratio=config.unlabelled_ratio)

    def accuracy(self, test: Pair, pool: NDArray[Any], reading: Reading) -> float:
        """On labelled target samples, shown as the others."""
        return accuracy(self.about(test[0], pool, reading), test[1])


def _configure(settings: dict[str, Any], seed: int, validation_every: int) -> DistillConfig:
    """Labels and soft targets alike, unless something else is asked for."""
    config = read_settings("adapt", seed, validation_every, distill=settings).distill
    if config.generations > 1 or config.assistants != "none":
        raise ConfigError(
            "adapt: generations and assistants are ways from one teacher to a student of its own "
            "domain. Leave them out."
        )
    if config.unlabelled_confidence > 0.0:
        raise ConfigError(
            "adapt: what is believed of the target is confidence, not "
            "unlabelled_confidence. Leave it out."
        )
    if "mixup" in config.views:
        raise ConfigError(
            "adapt: mixup would mix what the teacher is told to believe with what it is not. "
            "Leave it out of augment."
        )
    if config.view_targets != "own":
        raise ConfigError(
            "adapt: the teacher is shown each view of the target as it understands it best, and "
            "answers for that view. Leave view_targets out."
        )
    if config.losses is not None or config.loss != "auto":
        return config
    taught = {"weight": 1.0, "warmup_epochs": RAMP * config.epochs}
    return config.model_copy(update={"losses": {"labels": 1.0, "kd": taught}, "alpha": None})


def _objective(config: DistillConfig, classes: int) -> Objective:
    """What the student learns, on logits alone."""
    objective = choose_objective(config, classes)
    if objective.compares_features:
        raise ConfigError(
            f"adapt: '{objective.name}' compares features, and the teacher is shown the target in "
            "a way of its own. Use losses on logits, such as 'kd'."
        )
    return objective


def _read_pair(pair: Any, shape: tuple[int, ...], classes: int, what: str) -> Pair:
    """Labelled samples of the target.

    Raises:
        DataError: If they are no pair, or not like those of the source.
    """
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise DataError(f"{what} is {type(pair).__name__}; needed: (x, y).")
    x, y = check_pair(pair[0], pair[1], what)
    if y.max() >= classes:
        raise DataError(f"{what} has label {y.max()}; the student has classes 0 to {classes - 1}.")
    return check_pool(x, shape, what), y


def _accuracy(trainee: Trainee, test: Pair | None) -> float | None:
    return None if test is None else accuracy(predict(trainee, test[0]), test[1])
