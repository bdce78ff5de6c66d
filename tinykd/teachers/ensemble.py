"""Several teachers as one: files in any form, and networks that are trained here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.config import TeacherConfig
from tinykd.datasets import Dataset
from tinykd.errors import ConfigError, TeacherError
from tinykd.progress import Progress
from tinykd.results import TeacherResult
from tinykd.teachers.files import check_teacher_source
from tinykd.teachers.forms import open_any_form
from tinykd.teachers.teacher import (
    Teacher,
    discard_checkpoints,
    examine_teacher,
    member_file,
    open_trained,
    train_member,
)
from tinykd.training import Trainee

SEED_STEP = 1_000_003
"""Between the seeds of the teachers of one build: far from those of the next build's."""


@dataclass(frozen=True)
class Ensemble:
    """Teachers that answer together.

    Attributes:
        members: At least one.
        how: Row of ``COMBINATIONS``.
    """

    members: tuple[Teacher, ...]
    how: str = "probabilities"

    @property
    def parameters(self) -> int:
        """Number of weights of all of them."""
        return sum(member.parameters for member in self.members)

    @property
    def knows_all(self) -> bool:
        """Whether it can answer samples that are not in the training data."""
        return all(member.knows_all for member in self.members)

    @property
    def trainee(self) -> Trainee:
        """The one teacher whose layers are compared.

        Raises:
            ConfigError: If there are several, or it has no layers.
        """
        check_features(len(self.members))
        return self.members[0].trainee

    def combine(
        self, logits: Sequence[NDArray[np.float32]], labels: NDArray[Any] | None = None
    ) -> NDArray[np.float32]:
        """One table of the members' tables, each float32 [n, classes]."""
        return self.members[0].task.combine(logits, self.how, labels)

    def logits(self, x: NDArray[Any], *, progress: Progress, why: str) -> NDArray[np.float32]:
        """Answer raw samples [n, ...] whose labels nobody knows: float32 [n, classes]."""
        return self.combine([m.logits(x, progress=progress, why=why) for m in self.members])


def check_features(teachers: int) -> None:
    """Features are those of one network.

    Raises:
        ConfigError: If there are several teachers.
    """
    if teachers > 1:
        raise ConfigError(
            f"distill: a loss that compares features needs one teacher, and there are {teachers}: "
            "their features have no mean. Give one teacher, or use losses on logits alone."
        )


def check_arrays(config: TeacherConfig, *, views: int) -> None:
    """An array of logits has one row for each sample, not for each view of it.

    Raises:
        TeacherError: If samples are augmented.
    """
    arrays = [file for file in config.files if file.endswith(".npy")]
    if arrays and views > 1:
        raise TeacherError(
            f"{arrays[0]}: an array of logits knows nothing of augmented samples. Set "
            'distill.augment = "none", or give the model itself.'
        )


def check_combination(config: TeacherConfig, dataset: Dataset) -> None:
    """Several teachers are combined in a way that the task knows.

    Raises:
        ConfigError: If it does not.
    """
    known = dataset.task.combinations
    if count_teachers(config) > 1 and config.combine not in known:
        raise ConfigError(
            f"teacher.combine: '{config.combine}' needs classes, and data.task is "
            f"{dataset.task.name}. Use {' or '.join(known)}."
        )


def count_teachers(config: TeacherConfig) -> int:
    """Files, and networks that are trained here."""
    return len(config.files) + count_trained(config)


def count_trained(config: TeacherConfig) -> int:
    """Networks that are trained here: one, if nothing else is asked for and there is no file."""
    return config.ensemble or (0 if config.files else 1)


def prepare_teachers(
    config: TeacherConfig,
    dataset: Dataset,
    *,
    seed: int,
    folder: Path,
    progress: Progress,
) -> TeacherResult:
    """Check the user's teachers, train the others into ``folder``, and judge all together.

    Raises:
        TeacherError: If a file cannot be opened, or does not suit the data; before any training.
    """
    check_combination(config, dataset)
    given = _open_files(config, dataset)
    results = [examine_teacher(teacher, dataset, progress=progress) for teacher in given]
    for number in range(count_trained(config)):
        own_seed = (seed + SEED_STEP * number) % 2**31
        results.append(
            train_member(
                config, dataset, seed=own_seed, folder=folder, progress=progress, number=number
            )
        )
    if len(results) == 1:
        discard_checkpoints(folder)
        return results[0]
    together = Ensemble((*given, *_open_trained(config, folder, dataset)), config.combine)
    logits = together.logits(dataset.x_validation, progress=progress, why="validation")
    discard_checkpoints(folder)
    return TeacherResult(
        description=f"{len(results)} teachers, combined by {config.combine}",
        parameters=together.parameters,
        gives_probabilities=all(result.gives_probabilities for result in results),
        validation_accuracy=dataset.task.score(logits, dataset.y_validation),
        members=tuple(results),
    )


def open_given(config: TeacherConfig, dataset: Dataset) -> Ensemble:
    """The user's teachers alone, ready to be asked.

    Raises:
        TeacherError: If a file cannot be opened, or does not suit the data.
    """
    return Ensemble(_open_files(config, dataset), config.combine)


def open_teachers(config: TeacherConfig, dataset: Dataset, *, trained: Path) -> Ensemble:
    """All teachers, ready to be asked.

    Args:
        config: Its files, and how many were trained here.
        dataset: What they teach.
        trained: Folder that ``prepare_teachers`` was given.

    Raises:
        TeacherError: If a file cannot be opened, or does not suit the data.
    """
    given = _open_files(config, dataset)
    return Ensemble((*given, *_open_trained(config, trained, dataset)), config.combine)


def _open_files(config: TeacherConfig, dataset: Dataset) -> tuple[Teacher, ...]:
    return tuple(
        open_any_form(check_teacher_source(file), dataset, input_scale=scale)
        for file, scale in config.given
    )


def _open_trained(config: TeacherConfig, folder: Path, dataset: Dataset) -> tuple[Teacher, ...]:
    numbers = range(count_trained(config))
    return tuple(open_trained(folder / member_file(number), dataset) for number in numbers)
