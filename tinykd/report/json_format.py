"""``report.json``: the ``Report`` value itself, and back again."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError
from pydantic_core import from_json

from tinykd.errors import ArtifactError
from tinykd.results import SCHEMA_VERSION, Report
from tinykd.tasks import TASKS

_REBUILD = "Run `tinykd build` again to write a new one."


def to_json(report: Report) -> str:
    """Write ``report`` as indented JSON that ends in a newline."""
    return report.model_dump_json(indent=2) + "\n"


def read_report(path: Path) -> Report:
    """Read what ``to_json`` wrote.

    Args:
        path: A ``report.json``.

    Returns:
        The report, equal to the one that was written.

    Raises:
        ArtifactError: The file cannot be read, is not a report, or has another schema version.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ArtifactError(
            f"{path}: Cannot be read ({reason}). Expected the report.json of a build."
        ) from error
    _check_schema_version(path, data)
    try:
        report = Report.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ArtifactError(f"{path}: Damaged at '{where}': {first['msg']}. {_REBUILD}") from error
    _check_consistency(path, report)
    return report


def _check_schema_version(path: Path, data: bytes) -> None:
    try:
        value = from_json(data)
    except ValueError as error:
        raise ArtifactError(f"{path}: Not JSON ({error}). {_REBUILD}") from error
    version = value.get("schema_version") if isinstance(value, dict) else None
    if version is None:
        raise ArtifactError(f"{path}: Not a report: it has no schema_version. {_REBUILD}")
    if version != SCHEMA_VERSION:
        raise ArtifactError(
            f"{path}: schema_version is {version!r}, this tinykd reads {SCHEMA_VERSION}. "
            "Use the tinykd that wrote it, or run `tinykd build` again."
        )


def _check_consistency(path: Path, report: Report) -> None:
    """Refuse what the renderers could not draw, although every single field is well-formed."""
    classes = len(report.data.class_names)
    if report.board not in report.latency:
        raise ArtifactError(f"{path}: 'board' is not a key of 'latency'. {_REBUILD}")
    if report.data.task not in TASKS:
        known = ", ".join(TASKS)
        raise ArtifactError(f"{path}: 'data.task' is none of {known}. {_REBUILD}")
    sides = [len(row) for row in report.confusion]
    needed = [classes] * classes if TASKS[report.data.task].decides_classes else []
    if sides != needed:
        raise ArtifactError(f"{path}: 'confusion' must be {classes} x {classes}. {_REBUILD}")
