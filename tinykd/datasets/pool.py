"""Samples that nobody labelled: a teacher's answers to them are data that costs nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.artifacts import file_sha256
from tinykd.config import DataConfig
from tinykd.datasets.archive import Arrays, check_samples, read_archive, training_dtype
from tinykd.errors import DataError

POOL_KEY = "x_unlabelled"
"""Name of the pool in a data set's own file; in a file of its own it is ``x``."""


def find_pool(config: DataConfig, arrays: Arrays) -> NDArray[Any] | None:
    """The pool that a configuration names, or that stands beside the data; None without one.

    Args:
        config: The ``data`` section.
        arrays: Of the data set, checked.

    Raises:
        DataError: If there are two pools, or the samples are not like those of the data.
    """
    where = f"{config.source}: {POOL_KEY}"
    pool = arrays.get(POOL_KEY)
    if config.unlabelled:
        if pool is not None:
            raise DataError(f"{where}: data.unlabelled names another pool. Give one of the two.")
        where = f"{config.unlabelled}: x"
        pool = read_archive(_pool_file(config.unlabelled), ("x",))["x"]
    return None if pool is None else check_pool(pool, arrays["x_train"].shape[1:], where)


def check_pool(pool: Any, input_shape: tuple[int, ...], where: str) -> NDArray[Any]:
    """Samples like those of the data, ready for training.

    Args:
        pool: [n, ...].
        input_shape: Of one sample of the data.
        where: What to call it in an error.

    Raises:
        DataError: If it is empty, not numeric, or of another shape.
    """
    samples = np.asarray(pool)
    check_samples(samples, where)
    if samples.shape[1:] != input_shape:
        raise DataError(
            f"{where} has samples of {samples.shape[1:]}, the data of {input_shape}. "
            "They must be equal."
        )
    return training_dtype(samples)


def hash_pool(config: DataConfig) -> str:
    """Hash of the pool's file, after a space; empty where no file is named.

    Raises:
        DataError: If the file is not there.
    """
    if not config.unlabelled:
        return ""
    return f" {file_sha256(_pool_file(config.unlabelled))}"


def count_shared(pool: NDArray[Any] | None, samples: NDArray[Any]) -> int:
    """How many samples of a pool are among other samples too, by a hash of their values."""
    if pool is None:
        return 0
    known = {_hash(sample) for sample in samples}
    return sum(_hash(sample) in known for sample in pool)


def _hash(sample: NDArray[Any]) -> bytes:
    """The same for equal values, whatever their type."""
    return hashlib.sha256(np.ascontiguousarray(sample, np.float64).tobytes()).digest()


def _pool_file(name: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise DataError(
            f"data.unlabelled: there is no file '{name}'. Write one with numpy.savez(file, x=x)."
        )
    return path
