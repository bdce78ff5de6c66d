"""Runs that are kept as soon as they are known, so that a long table can be finished in pieces."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Runs:
    """A JSON file of finished runs, each with the hash of all that it depends on.

    Attributes:
        path: The file; a run that is in it is not repeated.
    """

    path: Path

    def get(self, name: str, depends_on: object, compute: Callable[[], dict[str, Any]]) -> Any:
        """The result of a run, computed unless it is there.

        Args:
            name: Of the run, readable, such as ``570 parameters, ls_kd, seed 0``.
            depends_on: Everything that can change the result; its ``repr`` is hashed.
            compute: Gives numbers and strings.
        """
        key = hashlib.sha256(repr(depends_on).encode()).hexdigest()[:16]
        known = self.read().get(name)
        if known is not None and known["depends_on"] == key:
            return known
        result = {"depends_on": key, **compute()}
        self._write({**self.read(), name: result})
        print(f"{name}: {_line(result)}", flush=True)
        return result

    def read(self) -> dict[str, Any]:
        """Every run by name."""
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    def _write(self, runs: Mapping[str, Any]) -> None:
        temporary = self.path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps(dict(sorted(runs.items())), indent=1) + "\n")
        temporary.replace(self.path)


def _line(result: Mapping[str, Any]) -> str:
    """What a run came to, without its longer parts."""
    values = {k: v for k, v in result.items() if isinstance(v, float | int | str)}
    values.pop("depends_on")
    return ", ".join(
        f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in values.items()
    )
