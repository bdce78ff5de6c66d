"""Going on where a call was stopped: its state is kept under all that the training depends on."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.api.data import Split
from tinykd.training import Rows


@contextmanager
def resumable(
    folder: Path | str | None,
    settings: Sequence[object],
    rows: Rows,
    split: Split,
    weights: Sequence[NDArray[Any]],
) -> Iterator[Path]:
    """A folder for the state of a call; it goes when the call is over, and stays if it is stopped.

    Args:
        folder: Where it is made; None forgets it even if the call is stopped.
        settings: What the training depends on beside the arrays; their ``repr`` is hashed.
        rows: What is learned from.
        split: What is validated on.
        weights: Those that the network starts from.
    """
    if folder is None:
        with tempfile.TemporaryDirectory() as temporary:
            yield Path(temporary)
        return
    arrays = [rows.x, rows.labels, rows.teacher_logits, split.x_validation, split.y_validation]
    if rows.pool is not None:
        arrays += [rows.pool.x, rows.pool.teacher_logits]
    place = Path(folder) / _fingerprint(settings, [*arrays, *weights])
    place.mkdir(parents=True, exist_ok=True)
    yield place
    shutil.rmtree(place)


def _fingerprint(settings: Sequence[object], arrays: Sequence[NDArray[Any]]) -> str:
    digest = hashlib.sha256(" ".join(map(repr, settings)).encode())
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]
