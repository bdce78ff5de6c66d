"""Put exported files on disk, whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from firmware_export.errors import TinykdError


def write_files(files: Mapping[str, str], folder: Path) -> tuple[Path, ...]:
    """Write files into a folder, each one atomically; other files there stay.

    Args:
        files: Relative path, with ``/``, to text.
        folder: Made if it is missing.

    Returns:
        The paths that were written, in the order of ``files``.

    Raises:
        TinykdError: A path leads outside ``folder``, or it cannot be written.
    """
    try:
        return tuple(_write_file(_inside(folder, name), text) for name, text in files.items())
    except OSError as error:
        raise TinykdError(_cannot_write(folder, error)) from error


def write_folder(files: Mapping[str, str], folder: Path) -> tuple[Path, ...]:
    """Replace a folder by one that holds exactly ``files``.

    Everything is written beside it first; the swap is two renames, so that a run that is stopped
    leaves the old folder, or the new one, or for a moment the old one under another name.

    Args:
        files: Relative path, with ``/``, to text.
        folder: What was in it is removed.

    Returns:
        The paths that were written, in the order of ``files``.

    Raises:
        TinykdError: A path leads outside ``folder``, or it cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as beside:
            new, old = Path(beside, "new"), Path(beside, "old")
            new.mkdir()
            for name, text in files.items():
                _write_file(_inside(new, name), text)
            if folder.exists():
                folder.rename(old)
            new.rename(folder)
    except OSError as error:
        raise TinykdError(_cannot_write(folder, error)) from error
    return tuple(folder / name for name in files)


def _write_file(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary_name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    temporary = Path(temporary_name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)  # mkstemp makes it private
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return path


def _inside(folder: Path, name: str) -> Path:
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts:
        raise TinykdError(f"'{name}' leads outside the output folder. Use a relative path.")
    return folder / relative


def _cannot_write(folder: Path, error: OSError) -> str:
    return f"cannot write to '{folder}': {error.strerror or error}. Choose another folder."
