"""Arrays in ``.npz`` files, and what samples must be."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.errors import DataError

Arrays = dict[str, NDArray[Any]]


def read_archive(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> Arrays:
    """Read arrays of an ``.npz`` archive; nothing in it is ever unpickled.

    Samples of two equal sides, [n, side, side] in an array ``x`` or ``x_...``, are grey images, and
    get their axis of channels; all others of three axes are signals, [n, length, channels].

    Raises:
        DataError: If it is damaged, holds objects, or lacks a required array.
    """
    if not zipfile.is_zipfile(path):
        raise DataError(
            f"{path}: is not an .npz archive, or is cut short. Write it with numpy.savez."
        )
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            wanted = [key for key in (*required, *optional) if key in archive.files]
            arrays = {key: archive[key] for key in wanted}
    except Exception as error:  # zipfile, zlib, tokenize or NumPy, as the damage will have it
        if "allow_pickle" in str(error):
            raise DataError(
                f"{path}: holds pickled objects, which could run code and are not read. "
                "Save plain numeric arrays."
            ) from None
        raise DataError(f"{path}: is damaged ({error}). Write it again.") from None
    missing = [key for key in required if key not in arrays]
    if missing:
        raise DataError(f"{path}: lacks {', '.join(missing)}. Needed: {', '.join(required)}.")
    foreign = [key for key, value in arrays.items() if not isinstance(value, np.ndarray)]
    if foreign:
        raise DataError(f"{path}: {foreign[0]} is not a NumPy array. Write it with numpy.savez.")
    return {key: _with_channels(key, value) for key, value in arrays.items()}


def _with_channels(key: str, array: NDArray[Any]) -> NDArray[Any]:
    is_grey = array.ndim == 3 and array.shape[1] == array.shape[2]
    return array[..., np.newaxis] if is_grey and key.split("_")[0] == "x" else array


def check_samples(samples: NDArray[Any], where: str) -> None:
    """Numbers that a network can be trained on.

    Raises:
        DataError: If they are not numeric, not finite, empty, or zero everywhere.
    """
    if samples.dtype.kind not in "iuf":
        raise DataError(f"{where} is {samples.dtype}; numbers are needed.")
    if not 2 <= samples.ndim <= 4:
        raise DataError(
            f"{where} has shape {samples.shape}; needed: [samples, features], "
            "[samples, length, channels] or [samples, height, width, channels]."
        )
    if samples.size == 0:
        raise DataError(f"{where} is empty.")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinity
        finite = np.isfinite(training_dtype(samples))
    if not finite.all():
        first = int(np.argmin(finite.reshape(len(samples), -1).all(axis=1)))
        raise DataError(
            f"{where} holds NaN, infinity or more than float32 can hold, first in sample {first}. "
            "Remove it."
        )
    if not samples.any():
        raise DataError(f"{where} is zero everywhere.")


def training_dtype(samples: NDArray[Any]) -> NDArray[Any]:
    """64-bit and half-precision values become float32; the others stay as the sensor gave them."""
    if samples.dtype.itemsize > 4 or samples.dtype == np.float16:
        return samples.astype(np.float32)
    return samples
