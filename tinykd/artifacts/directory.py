"""The output directory of one build, with the stages that it has stored."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tinykd.artifacts.fingerprints import code_fingerprint, fingerprint
from tinykd.artifacts.record import R, Stage, read_stage, write_record
from tinykd.errors import ArtifactError, DirectoryInUseError

STAGES_FOLDER = ".stages"

KEPT_OUTPUTS = 3
"""Of each stage, so that one may switch back to a setting, and to the one before it."""

REMOVED = ".removed"
"""Ends the name of a folder that is being removed: it is never taken for a stage again."""


class RunDirectory:
    """The output directory of one build; one process at a time may use it.

    Args:
        path: Created if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def locked(self, *, wait: bool = False) -> Iterator[RunDirectory]:
        """Hold the directory for this process; the lock falls with the process.

        Args:
            wait: Until another process lets go of it, instead of giving up.

        Raises:
            ArtifactError: If it cannot be written.
            DirectoryInUseError: If another build holds it.
        """
        try:
            (self.path / STAGES_FOLDER).mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / STAGES_FOLDER / "lock")
            lock.acquire(timeout=-1 if wait else 0)
        except Timeout:
            raise DirectoryInUseError(
                f"{self.path}: is in use by another build. Wait for it, or choose another --out."
            ) from None
        except OSError as error:
            raise ArtifactError(
                f"{self.path}: cannot be written ({error.strerror}). Choose another --out."
            ) from None
        try:
            yield self
        finally:
            lock.release()

    def stage(
        self,
        name: str,
        result_type: type[R],
        compute: Callable[[Path], R],
        *,
        depends_on: Mapping[str, object],
    ) -> Stage[R]:
        """Return a stage's output, computing it only if nothing stored fits.

        Args:
            name: Of the stage.
            result_type: Type of its result.
            compute: Writes files into the folder it is given, which may hold a checkpoint of an
                earlier attempt, and returns the result.
            depends_on: Everything that the output is a function of, besides our own code.

        Raises:
            ArtifactError: If the disk is full or cannot be written.
        """
        key = fingerprint({"stage": name, "code": code_fingerprint(), **depends_on})
        folder = self.path / STAGES_FOLDER / f"{name}-{key[:16]}"
        stored = read_stage(name, result_type, folder, key)
        if stored is not None:
            os.utime(folder)  # used last, whenever it was computed
            return stored
        partial = folder.with_suffix(".partial")
        try:
            partial.mkdir(exist_ok=True)
            started = time.monotonic()
            result = compute(partial)
            seconds = time.monotonic() - started
            write_record(partial, result, seconds)
            shutil.rmtree(folder, ignore_errors=True)  # a damaged one
            partial.replace(folder)
        except OSError as error:
            raise ArtifactError(
                f"{partial}: {error.strerror or error}. What was finished is kept; "
                "mend it and run the same command to go on."
            ) from None
        return Stage(name, result, folder, key, seconds, reused=False)

    def working_folder(self, key: str) -> Path:
        """A folder for unfinished work on ``key``, as an earlier attempt may have left it.

        Raises:
            ArtifactError: If it cannot be made.
        """
        folder = self.path / STAGES_FOLDER / f"{key[:16]}.partial"
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise ArtifactError(f"{folder}: cannot be made ({error.strerror}).") from None
        return folder

    def discard_partial_stages(self) -> None:
        """Remove what abandoned attempts left; called after a build that is complete."""
        for partial in (self.path / STAGES_FOLDER).glob("*.partial"):
            shutil.rmtree(partial)

    def discard_old_stages(self) -> None:
        """Of every stage, keep what the last builds used; called after a build that is complete.

        The present build's stages were used last. One that is stopped meanwhile leaves folders
        that are whole, or that the next one removes.
        """
        root = self.path / STAGES_FOLDER
        used_last = sorted(
            (folder for folder in root.iterdir() if _is_stage(folder)),
            key=lambda folder: folder.stat().st_mtime_ns,
            reverse=True,
        )
        seen: Counter[str] = Counter()
        for folder in used_last:
            stage = folder.name.rpartition("-")[0]
            seen[stage] += 1
            if seen[stage] > KEPT_OUTPUTS:
                folder.replace(folder.with_suffix(REMOVED))
        for folder in root.glob(f"*{REMOVED}"):
            shutil.rmtree(folder)


def _is_stage(folder: Path) -> bool:
    """Whether a folder has the final name of a stage's output."""
    return re.fullmatch(r"\w+-[0-9a-f]{16}", folder.name) is not None
