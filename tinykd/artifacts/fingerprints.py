"""Hashes of what a stage depends on: its settings, and the code that computes it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

PACKAGES_IN_KEY = ("tinykd", "firmware_export")


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
    root = Path(__file__).parents[2]
    for package in PACKAGES_IN_KEY:
        for file in sorted((root / package).rglob("*")):
            is_ours = file.suffix in {".py", ".c", ".h", ".ld", ".toml", ".j2"}
            if is_ours and not {"cli", "report"} & set(file.relative_to(root).parts):
                digest.update(file.relative_to(root).as_posix().encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()


def _as_json(value: object) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} has no canonical form")
