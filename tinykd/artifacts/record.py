"""A finished stage, and the record of it on disk."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from tinykd.artifacts.files import file_sha256, temporary_path, write_atomically

R = TypeVar("R", bound=BaseModel)

RECORD = "stage.json"
"""Written last into a stage's folder: its result, and the hash of every file."""


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


def read_stage(name: str, result_type: type[R], folder: Path, key: str) -> Stage[R] | None:
    """A stored stage; None if it is not there, not whole, or of another version."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if any(file_sha256(folder / file) != digest for file, digest in record["files"].items()):
            return None
        result = result_type.model_validate_json(json.dumps(record["result"]))
        return Stage(name, result, folder, key, float(record["seconds"]), reused=True)
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return None  # damaged or of another version: computed anew


def write_record(folder: Path, result: BaseModel, seconds: float) -> None:
    """Write what a stage found out, and the hash of every file that it left."""
    files = {
        file.relative_to(folder).as_posix(): file_sha256(file)
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name not in {RECORD, temporary_path(folder / RECORD).name}
    }
    record = {"result": result.model_dump(mode="json"), "seconds": seconds, "files": files}
    write_atomically(folder / RECORD, json.dumps(record, indent=1))
