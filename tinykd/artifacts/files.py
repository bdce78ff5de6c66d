"""Files that are whole or not there, and their hashes."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from tinykd.errors import ArtifactError
from tinykd.results import Artifact


def write_atomically(path: Path, data: bytes | str) -> None:
    """Write a file under a temporary name in the same folder, then rename it.

    Raises:
        ArtifactError: If it cannot be written; an earlier file of that name is then still whole.
    """
    content = data.encode() if isinstance(data, str) else data
    temporary = temporary_path(path)
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
        Artifact(
            path=path, sha256=file_sha256(root / path), size_bytes=(root / path).stat().st_size
        )
        for path in paths
    )


def temporary_path(path: Path) -> Path:
    """Where a file is written before it gets its name."""
    return path.with_name(f".{path.name}.tmp")


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
