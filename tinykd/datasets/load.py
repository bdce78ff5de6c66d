"""Where data comes from, and the checks that every data set passes before any work starts."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.artifacts import file_sha256
from tinykd.config import DataConfig
from tinykd.datasets.archive import Arrays, check_samples, read_archive, training_dtype
from tinykd.datasets.dataset import Dataset, input_scale_for
from tinykd.datasets.pool import POOL_KEY, find_pool, hash_pool
from tinykd.datasets.sources import BUNDLED, SOURCES
from tinykd.datasets.split import HeldOut, hold_out
from tinykd.errors import DataError
from tinykd.tasks import TASKS


def fingerprint_source(config: DataConfig) -> str:
    """What the data depends on, without loading it: the file's hash, or the library's version.

    Raises:
        DataError: If the file cannot be read.
    """
    return _fingerprint_labelled(config) + hash_pool(config)


def _fingerprint_labelled(config: DataConfig) -> str:
    if config.source in BUNDLED:
        return f"scikit-learn {metadata.version('scikit-learn')}"
    if config.source in SOURCES:
        return config.source
    return file_sha256(_existing_file(config.source))


def _existing_file(source: str) -> Path:
    path = Path(source)
    if not path.is_file():
        known = ", ".join(sorted(SOURCES))
        raise DataError(
            f"data.source: there is no file '{source}'. Give an .npz file (--data FILE), or "
            f"one of: {known}."
        )
    return path


def load_dataset(config: DataConfig) -> Dataset:
    """Load, check and split a data set.

    Args:
        config: The ``data`` section of a configuration.

    Raises:
        DataError: If the file is missing or damaged, or the arrays do not make the task: wrong
            shapes, not-a-number, labels out of range, a single class.
    """
    if config.source in SOURCES:
        arrays = SOURCES[config.source]()
    else:
        path = _existing_file(config.source)
        optional = ("y_train", "class_names", POOL_KEY, config.group_by)
        arrays = read_archive(path, TASKS[config.task].needed, optional)
    return _split(_check(arrays, config), config)


def _check(arrays: Arrays, config: DataConfig) -> Arrays:
    """Refuse samples that cannot be trained on, and then what makes no such task."""
    source = config.source
    for split in ("train", "test"):
        check_samples(arrays[f"x_{split}"], f"{source}: x_{split}")
    if arrays["x_train"].shape[1:] != arrays["x_test"].shape[1:]:
        raise DataError(
            f"{source}: x_train has samples of {arrays['x_train'].shape[1:]}, "
            f"x_test of {arrays['x_test'].shape[1:]}. They must be equal."
        )
    return TASKS[config.task].read(arrays, source)


def _split(arrays: Arrays, config: DataConfig) -> Dataset:
    """Keep one training sample in n for validation, or one group of them."""
    x_train, y_train = _limit(arrays["x_train"], arrays["y_train"], config.max_train_samples)
    task, held_out = TASKS[config.task], _hold_out(y_train, arrays, config)
    kept = held_out.mask
    x_test = training_dtype(arrays["x_test"])
    x_validation, x_train = training_dtype(x_train[kept]), training_dtype(x_train[~kept])
    scale = input_scale_for(x_train)
    return Dataset(
        source=Path(config.source).name,
        class_names=tuple(str(name) for name in arrays["class_names"]),
        x_train=x_train,
        y_train=task.targets(x_train, y_train[~kept], scale),
        x_validation=x_validation,
        y_validation=task.targets(x_validation, y_train[kept], scale),
        x_test=x_test,
        y_test=arrays["y_test"],
        held_out=held_out,
        x_unlabelled=_pool(arrays, config),
        task=task,
        output_scale=task.output_scale(arrays, scale),
    )


def _hold_out(y_train: NDArray[Any], arrays: Arrays, config: DataConfig) -> HeldOut:
    """Which training samples are kept for validation.

    Raises:
        DataError: If something that training needs is left in none of the others.
    """
    groups, task = _groups(arrays, config), TASKS[config.task]
    held_out = hold_out(
        task.strata(y_train),
        config.validation_every,
        groups=None if groups is None else groups[: len(y_train)],
    )
    missing = task.check_kept(y_train[~held_out.mask], len(arrays["class_names"]))
    if missing:
        raise DataError(
            f"{config.source}: after one {'group' if config.group_by else 'sample'} in "
            f"{config.validation_every} was kept for validation, {missing}. Raise "
            "data.validation_every."
        )
    return held_out


def _pool(arrays: Arrays, config: DataConfig) -> NDArray[Any] | None:
    """Samples that nobody labelled, [n, ...]; None where there are none.

    Raises:
        DataError: If the task does not learn from them.
    """
    pool = find_pool(config, arrays)
    if pool is not None and not TASKS[config.task].learns_unlabelled:
        raise DataError(
            f"{config.source}: samples without labels are learned from in a classification alone. "
            f"Leave data.unlabelled and {POOL_KEY} out, or change data.task."
        )
    return pool


def _groups(arrays: Arrays, config: DataConfig) -> NDArray[np.int64] | None:
    """Number of the group of each training sample, [n]; None where nothing groups them.

    Raises:
        DataError: If there is no such array, or it does not say one thing of each sample.
    """
    samples, key = len(arrays["x_train"]), config.group_by
    if not key:
        return None
    if key not in arrays:
        raise DataError(
            f"data.group_by: {config.source} has no array '{key}'. Name one with an entry for each "
            "sample of x_train, or leave the key out."
        )
    groups = arrays[key]
    if groups.shape != (samples,) or groups.dtype.kind not in "iuU":
        raise DataError(
            f"data.group_by: '{key}' in {config.source} is {groups.dtype} {groups.shape}; needed: "
            f"an integer or a name for each of {samples} samples."
        )
    return np.unique(groups, return_inverse=True)[1]


def _limit(
    samples: NDArray[Any], labels: NDArray[Any], limit: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The first ``limit`` samples, or all."""
    return (samples[:limit], labels[:limit]) if limit else (samples, labels)
