"""The run directory: every stage's output is stored under the hash of what it depends on.

A stage writes into a ``.partial`` folder, which is renamed when it is complete; so a folder with
its final name is always whole. A stage that was stopped finds its partial folder again and goes on
from the checkpoint in it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from filelock import FileLock, Timeout
from pydantic import BaseModel, ValidationError

from tinykd.errors import ArtifactError, DirectoryInUseError
from tinykd.results import Artifact

R = TypeVar("R", bound=BaseModel)

STAGES_FOLDER = ".stages"
RECORD = "stage.json"
"""Written last into a stage's folder: its result, and the hash of every file."""

KEPT_OUTPUTS = 3
"""Of each stage, so that one may switch back to a setting, and to the one before it."""

REMOVED = ".removed"
"""Ends the name of a folder that is being removed: it is never taken for a stage again."""

PACKAGES_IN_KEY = ("tinykd", "firmware_export")


@dataclass(frozen=True)
class Stage(Generic[R]):
    """A finished stage.

    Attributes:
        name: Of the stage.
        result: What it found out.
        folder: Where its files are; not to be written to.
        key: Hash of everything that it depends on.
        seconds: Wall time when it ran.
        reused: It had run before.
    """

    name: str
    result: R
    folder: Path
    key: str
    seconds: float
    reused: bool

    def file(self, name: str) -> Path:
        """Path of one of its files."""
        return self.folder / name


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
        stored = _read_stage(name, result_type, folder, key)
        if stored is not None:
            os.utime(folder)  # used last, whenever it was computed
            return stored
        partial = folder.with_suffix(".partial")
        try:
            partial.mkdir(exist_ok=True)
            started = time.monotonic()
            result = compute(partial)
            seconds = time.monotonic() - started
            _write_record(partial, result, seconds)
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


def fingerprint(value: Mapping[str, object]) -> str:
    """SHA-256 of a mapping's canonical JSON; pydantic values count by their fields."""
    text = json.dumps(value, sort_keys=True, default=_as_json)
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def code_fingerprint() -> str:
    """SHA-256 of our own source, apart from the command line and the report's layout.

    Stored results of other code are not reused: a figure in a report always comes from the code
    that reports it.
    """
    digest = hashlib.sha256()
    root = Path(__file__).parent.parent
    for package in PACKAGES_IN_KEY:
        for file in sorted((root / package).rglob("*")):
            is_ours = file.suffix in {".py", ".c", ".h", ".ld", ".toml", ".j2"}
            if is_ours and not {"cli", "report"} & set(file.relative_to(root).parts):
                digest.update(file.relative_to(root).as_posix().encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()


def write_atomically(path: Path, data: bytes | str) -> None:
    """Write a file under a temporary name in the same folder, then rename it.

    Raises:
        ArtifactError: If it cannot be written; an earlier file of that name is then still whole.
    """
    content = data.encode() if isinstance(data, str) else data
    temporary = _temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise ArtifactError(f"{path}: cannot be written ({error.strerror or error}).") from None


def describe_files(root: Path, paths: list[str]) -> tuple[Artifact, ...]:
    """Hash and size of files below ``root``, in the given order."""
    return tuple(
        Artifact(path=path, sha256=_sha256(root / path), size_bytes=(root / path).stat().st_size)
        for path in paths
    )


def _temporary(path: Path) -> Path:
    """Where a file is written before it gets its name."""
    return path.with_name(f".{path.name}.tmp")


def _as_json(value: object) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} has no canonical form")


def _is_stage(folder: Path) -> bool:
    """Whether a folder has the final name of a stage's output."""
    return re.fullmatch(r"\w+-[0-9a-f]{16}", folder.name) is not None


def _read_stage(name: str, result_type: type[R], folder: Path, key: str) -> Stage[R] | None:
    """A stored stage, if it is there, whole, and of this version."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if any(_sha256(folder / file) != digest for file, digest in record["files"].items()):
            return None
        result = result_type.model_validate_json(json.dumps(record["result"]))
        return Stage(name, result, folder, key, float(record["seconds"]), reused=True)
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return None  # damaged or of another version: computed anew


def _write_record(folder: Path, result: BaseModel, seconds: float) -> None:
    files = {
        file.relative_to(folder).as_posix(): _sha256(file)
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name not in {RECORD, _temporary(folder / RECORD).name}
    }
    record = {"result": result.model_dump(mode="json"), "seconds": seconds, "files": files}
    write_atomically(folder / RECORD, json.dumps(record, indent=1))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
