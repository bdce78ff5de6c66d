"""What can be said of a teacher's file without loading Keras."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tinykd.errors import TeacherError

SUFFIXES = (".keras", ".h5")


def check_teacher_file(path: str) -> Path:
    """A file of a known kind.

    Raises:
        TeacherError: If it is missing, or of another kind.
    """
    file = Path(path)
    if file.suffix not in SUFFIXES:
        raise TeacherError(
            f"teacher.path: '{path}' is not a {' or '.join(SUFFIXES)} file. "
            "Save the model with model.save('teacher.keras')."
        )
    if not file.is_file():
        raise TeacherError(f"teacher.path: there is no file '{path}'.")
    return file


def hash_file(file: Path) -> str:
    """SHA-256 of a file's bytes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
