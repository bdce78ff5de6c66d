"""What a student learns from: samples in all their views, and what its teachers say of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinykd.api.data import Split
from tinykd.api.teacher import ask_teacher, check_logits
from tinykd.config import DistillConfig
from tinykd.datasets import check_pool
from tinykd.errors import ConfigError, TeacherError
from tinykd.losses import Objective
from tinykd.pools import mix_in
from tinykd.taps import make_taps
from tinykd.tasks.combine import COMBINATIONS, combine_logits
from tinykd.training import Rows, Trainee
from tinykd.views import make_views

Combination = Literal["probabilities", "logits", "confidence"]


def learn_from(
    split: Split,
    teachers: list[Any],
    config: DistillConfig,
    classes: int,
    combine: Combination,
) -> Rows:
    """The training samples in all their views, with what the teachers say of them.

    Raises:
        TeacherError: If a teacher does not fit.
    """
    views = make_views(split.x, config.views)
    logits = _combined(teachers, split, views.x, classes, combine)
    return Rows.of_views(views.x, split.labels_of(views.x), logits, views.mixture)


def _combined(
    teachers: list[Any],
    split: Split,
    views: Sequence[NDArray[Any]],
    classes: int,
    combine: Combination,
) -> NDArray[np.float32]:
    """What all teachers say of every view together, [views * samples, classes].

    Raises:
        TeacherError: If one does not fit, by its number; or there is no such combination.
    """
    if combine not in COMBINATIONS:
        raise ConfigError(f"combine: there is no '{combine}'. One of: {', '.join(COMBINATIONS)}.")
    if combine not in split.task.combinations:
        raise ConfigError(f"combine: '{combine}' needs classes, and the task is {split.task.name}.")
    names = (
        ["teacher"] if len(teachers) == 1 else [f"teacher {n + 1}" for n in range(len(teachers))]
    )
    tables = [
        _soft_targets(teacher, split, views, classes, name)
        for teacher, name in zip(teachers, names, strict=True)
    ]
    return split.task.combine(tables, combine, np.concatenate([split.y] * len(views)))


def _soft_targets(
    teacher: Any, split: Split, views: Sequence[NDArray[Any]], classes: int, name: str
) -> NDArray[np.float32]:
    """One teacher's logits for every view, [views * samples, classes].

    Raises:
        TeacherError: If an array of logits does not fit the samples, or their views.
    """
    if not isinstance(teacher, np.ndarray):
        samples = np.concatenate(views)
        return ask_teacher(teacher, samples, classes, name=name, read=split.as_logits)
    if len(views) > 1:
        raise TeacherError(
            f"{name}: an array of logits knows nothing of augmented samples. Give the model "
            "itself, or augment='none'."
        )
    answers = check_logits(teacher, len(split.kept), classes, name=name, read=split.as_logits)
    return answers[split.kept]


def with_unlabelled(
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
    pool = make_views(check_pool(unlabelled, rows.x.shape[1:], "unlabelled"), config.views)
    if any(isinstance(teacher, np.ndarray) for teacher in teachers):
        raise TeacherError(
            "teacher: an array of logits knows nothing of unlabelled samples. Give the model "
            "itself, or leave them out."
        )
    samples = np.concatenate(pool.x)
    tables = [ask_teacher(teacher, samples, classes) for teacher in teachers]
    return mix_in(rows, pool.x, combine_logits(tables, combine), config)


def with_taps(
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
