"""What can be said of a teacher's file without loading Keras."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tinykd.artifacts import file_sha256
from tinykd.errors import DataError, TeacherError

SUFFIXES = (".keras", ".h5")

OTHER_SUFFIXES = (".tflite", ".npy")
"""Of what can only be asked: a ``.tflite``, and an array of logits."""

SAVED_MODEL = "saved_model.pb"
"""What a SavedModel's folder has in it."""


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


def check_teacher_source(path: str) -> Path:
    """A file or folder of any kind that can teach.

    Raises:
        TeacherError: If it is missing, or of another kind.
    """
    file = Path(path)
    if file.suffix in SUFFIXES:
        return check_teacher_file(path)
    if file.suffix not in OTHER_SUFFIXES and not (file / SAVED_MODEL).is_file():
        raise TeacherError(
            f"teacher.path: '{path}' is not a {' or '.join(SUFFIXES)} file, a .tflite, an array of "
            "logits (.npy) or the folder of a SavedModel. "
            "Save the model with model.save('teacher.keras')."
        )
    if not file.exists():
        raise TeacherError(f"teacher.path: there is no file '{path}'.")
    return file


def check_model_file(file: Path) -> None:
    """A file of a kind that can be scored.

    Raises:
        DataError: If it is missing, or of another kind.
    """
    if file.suffix not in {".tflite", *SUFFIXES}:
        raise DataError(f"{file}: is not a .tflite, {' or '.join(SUFFIXES)} file.")
    if not file.is_file():
        raise DataError(f"{file}: there is no such file.")


def hash_file(file: Path) -> str:
    """SHA-256 of a file's bytes; of a folder, that of the names and bytes of all files in it."""
    if file.is_dir():
        inside = sorted(path for path in file.rglob("*") if path.is_file())
        parts = [f"{path.relative_to(file).as_posix()} {hash_file(path)}\n" for path in inside]
        return hashlib.sha256("".join(parts).encode()).hexdigest()
    return file_sha256(file)
