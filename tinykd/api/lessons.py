"""What a student learns from: samples in all their views, and what its teachers say of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinykd.api.data import Split
from tinykd.api.teacher import Given, ask_views, check_logits
from tinykd.config import DistillConfig
from tinykd.datasets import check_pool
from tinykd.errors import ConfigError, TeacherError
from tinykd.losses import Objective
from tinykd.pools import mix_in
from tinykd.taps import make_taps
from tinykd.tasks import Task
from tinykd.tasks.combine import COMBINATIONS
from tinykd.tasks.view_targets import teach_views
from tinykd.training import Rows, Trainee
from tinykd.views import make_views

Combination = Literal["probabilities", "logits", "confidence"]


def check_unlabelled(unlabelled: Any, task: Task, teachers: Sequence[Given]) -> None:
    """Somebody answers for the samples that nobody labelled, if there are any.

    Raises:
        ConfigError: If the task does not learn from them, or there is no teacher.
        TeacherError: If a teacher is an array, which has no answers to them.
    """
    if unlabelled is None:
        return
    if not task.learns_unlabelled:
        raise ConfigError(
            f"unlabelled: samples without labels are for classes, and the task is "
            f"{task.name}. Leave them out."
        )
    if not teachers:
        raise ConfigError(
            "unlabelled: without a teacher nobody answers for these samples. Give one, or leave "
            "them out."
        )
    if any(teacher.is_array for teacher in teachers):
        raise TeacherError(
            "teacher: an array of logits knows nothing of unlabelled samples. Give the model "
            "itself, or leave them out."
        )


def learn_from(
    split: Split,
    teachers: Sequence[Given],
    config: DistillConfig,
    classes: int,
    combine: Combination,
    unlabelled: Any = None,
) -> Rows:
    """The training samples in all their views, with what the teachers say of them.

    Args:
        split: Samples and labels.
        teachers: As ``as_list`` gives them; without one the rows have labels alone.
        config: Its views, and how a pool joins them.
        classes: Number of logits.
        combine: What several teachers say together.
        unlabelled: A pool, [n, ...], that ``check_unlabelled`` has seen.

    Raises:
        TeacherError: If a teacher does not fit.
        ConfigError: If there is no such combination for the task.
        DataError: If the samples of the pool are not like the others.
    """
    _check_combination(combine, split.task)
    views = make_views(split.x, config.views)
    labels = split.labels_of(views.x)
    if not teachers:
        return Rows.of_views(views.x, labels, None, views.mixture)
    pool = None
    if unlabelled is not None:
        pool = make_views(check_pool(unlabelled, split.x.shape[1:], "unlabelled"), config.views).x
    names = _names(teachers)
    tables = [
        _soft_targets(teacher, split, views.x, classes, name)
        for teacher, name in zip(teachers, names, strict=True)
    ]
    logits = split.task.combine(tables, combine, np.concatenate([split.y] * len(views.x)))
    logits = teach_views(logits, config.view_targets, len(views.x), split.task)
    rows = Rows.of_views(views.x, labels, logits, views.mixture)
    if pool is None:
        return rows
    tables = [
        _ask(teacher, pool, split, classes, name)
        for teacher, name in zip(teachers, names, strict=True)
    ]
    of_pool = split.task.combine(tables, combine, None)
    of_pool = teach_views(of_pool, config.view_targets, len(pool), split.task)
    return mix_in(rows, pool, of_pool, config)


def _check_combination(combine: Combination, task: Task) -> None:
    if combine not in COMBINATIONS:
        raise ConfigError(f"combine: there is no '{combine}'. One of: {', '.join(COMBINATIONS)}.")
    if combine not in task.combinations:
        raise ConfigError(f"combine: '{combine}' needs classes, and the task is {task.name}.")


def _names(teachers: Sequence[Given]) -> list[str]:
    """What to call each in an error."""
    if len(teachers) == 1:
        return ["teacher"]
    return [f"teacher {number}" for number, _teacher in enumerate(teachers, 1)]


def _soft_targets(
    teacher: Given, split: Split, views: Sequence[NDArray[Any]], classes: int, name: str
) -> NDArray[np.float32]:
    """One teacher's logits for every view, [views * samples, classes].

    Raises:
        TeacherError: If an array of logits does not fit the samples, or their views.
    """
    if not teacher.is_array:
        return _ask(teacher, views, split, classes, name)
    if len(views) > 1:
        raise TeacherError(
            f"{name}: an array of logits knows nothing of augmented samples. Give the model "
            "itself, or augment='none'."
        )
    samples = len(split.kept)
    answers = check_logits(teacher.opened, samples, classes, name=name, read=split.as_logits)
    return answers[split.kept]


def _ask(
    teacher: Given, views: Sequence[NDArray[Any]], split: Split, classes: int, name: str
) -> NDArray[np.float32]:
    return ask_views(
        teacher.opened, views, classes, name=name, read=split.as_logits, identity=teacher.identity
    )


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
