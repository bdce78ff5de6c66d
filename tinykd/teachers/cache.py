"""Answers of teachers on disk, shared by all builds of a user: a teacher is asked once.

A table is named by the hash of all that it depends on: the teacher, the very samples, and the
versions of what computes. It is written in chunks under another name and renamed when it is whole;
one that was stopped goes on after its last whole chunk, to the same bytes. Its SHA-256 lies beside
it: a damaged table is as good as none.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from tinykd.artifacts import fingerprint, write_atomically
from tinykd.errors import ArtifactError
from tinykd.progress import Advance
from tinykd.teachers.files import hash_file

Table = NDArray[np.float32]

LAYOUT = 1
"""Raised when the same teacher's answers to the same samples would be other ones."""

CHUNK = 4096
"""Rows between two writes, a multiple of a batch; a stop loses as many answers."""

COMPUTED_BY = ("tensorflow", "keras", "tf-keras", "ai-edge-litert")
"""Packages whose version can change an answer."""

VARIABLE = "TINYKD_CACHE"
"""Environment variable with another folder; empty, nothing is kept."""


def cache_folder() -> Path | None:
    """Where answers are kept: ``TINYKD_CACHE``, or ``tinykd`` in the user's cache folder.

    Returns:
        None where the variable is empty.
    """
    chosen = os.environ.get(VARIABLE)
    if chosen is not None:
        return Path(chosen) if chosen else None
    home = Path(os.path.expanduser("~"))  # noqa: PTH111  # Path raises where there is no home
    if sys.platform == "win32":
        default = os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local"
    elif sys.platform == "darwin":
        default = home / "Library" / "Caches"
    else:
        default = os.environ.get("XDG_CACHE_HOME") or home / ".cache"
    return Path(default) / "tinykd"


def user_cache() -> AnswerCache | None:
    """The cache of this user; None where nothing shall, or by default can, be kept."""
    folder = cache_folder()
    if folder is None or (not os.environ.get(VARIABLE) and not is_writable(folder)):
        return None
    return AnswerCache(folder)


def is_writable(folder: Path) -> bool:
    """Whether a folder can be written, or made."""
    there = next((place for place in (folder, *folder.parents) if place.exists()), None)
    return there is not None and there.is_dir() and os.access(there, os.W_OK)


def hash_samples(x: NDArray[Any]) -> str:
    """SHA-256 of an array's type, shape and values."""
    digest = hashlib.sha256(f"{x.dtype.str}{x.shape}".encode())
    digest.update(np.ascontiguousarray(x).data)
    return digest.hexdigest()


@dataclass(frozen=True)
class AnswerCache:
    """A folder of tables, each float32 [n, classes].

    Attributes:
        folder: Made when something is kept; several processes may use it at once.
    """

    folder: Path

    def ask(
        self,
        answer: Callable[[NDArray[Any]], Table],
        x: NDArray[Any],
        *,
        classes: int,
        depends_on: Mapping[str, object],
        advance: Advance = lambda _done: None,
    ) -> Table:
        """What a teacher says of samples, from disk where it has been asked before.

        Args:
            answer: Asks the teacher about a chunk of samples.
            x: Samples, [n, ...].
            classes: Columns of the table.
            depends_on: What tells this teacher from all others.
            advance: Told the number of samples that are answered.

        Returns:
            The table, mapped into memory, read only.

        Raises:
            ArtifactError: If the folder cannot be written.
        """
        versions = {package: metadata.version(package) for package in COMPUTED_BY}
        key = fingerprint(
            {
                "layout": LAYOUT,
                "samples": hash_samples(x),
                "classes": classes,
                "versions": versions,
                **depends_on,
            }
        )
        file = self.folder / f"{key}.npy"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(file.with_suffix(".lock")):  # another build may be asking: wait for it
                if not _is_whole(file):
                    _fill(file, answer, x, classes, advance)
        except OSError as error:
            raise ArtifactError(
                f"{self.folder}: cannot keep the teacher's answers ({error.strerror or error}). "
                f"Set {VARIABLE} to another folder, or to nothing to keep none."
            ) from None
        advance(len(x))
        table: Table = np.load(file, mmap_mode="r", allow_pickle=False)
        return table


def _is_whole(file: Path) -> bool:
    """Whether a table is there, with the bytes that were written."""
    try:
        return hash_file(file) == file.with_suffix(".sha256").read_text(encoding="ascii")
    except (OSError, ValueError):
        return False


def _fill(
    file: Path,
    answer: Callable[[NDArray[Any]], Table],
    x: NDArray[Any],
    classes: int,
    advance: Advance,
) -> None:
    """Ask for every chunk that an earlier attempt did not finish, then give the file its name."""
    partial = file.with_suffix(".partial")
    header = _header((len(x), classes))
    with suppress(FileNotFoundError):
        file.unlink()  # a damaged one
    with partial.open("a+b") as table:
        done = _finished_rows(partial, header, 4 * classes)
        table.truncate(len(header) + 4 * classes * done if done else 0)
        if not done:
            table.write(header)
        for start in range(done, len(x), CHUNK):
            advance(start)
            table.write(np.ascontiguousarray(answer(x[start : start + CHUNK]), "<f4").data)
            table.flush()
            os.fsync(table.fileno())
    write_atomically(file.with_suffix(".sha256"), hash_file(partial))
    partial.replace(file)


def _finished_rows(partial: Path, header: bytes, row_bytes: int) -> int:
    """Rows of the whole chunks that an earlier attempt left."""
    content_bytes = partial.stat().st_size - len(header)
    with partial.open("rb") as table:
        if table.read(len(header)) != header:
            return 0
    return content_bytes // (row_bytes * CHUNK) * CHUNK


def _header(shape: tuple[int, int]) -> bytes:
    """What an ``.npy`` file of float32 starts with."""
    start = BytesIO()
    description = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(start, description)
    return start.getvalue()
