"""How a stage tells that it goes on. Stages get a ``Progress``; the command line shows bars."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

Advance = Callable[[int], None]
"""Says how many steps of the task are done, from 0 to its total."""


class Progress(Protocol):
    """Shows tasks while they run."""

    @contextmanager
    def task(self, description: str, total: int | None = None) -> Iterator[Advance]:
        """Show a task; without ``total``, only that it goes on."""
        ...


class Silent:
    """Shows nothing."""

    @contextmanager
    def task(self, description: str, total: int | None = None) -> Iterator[Advance]:
        """Run the task without a word."""
        yield lambda _done: None


class Prefixed:
    """Says before each task which of several runs it belongs to."""

    def __init__(self, progress: Progress, prefix: str) -> None:
        self._progress = progress
        self._prefix = prefix

    @contextmanager
    def task(self, description: str, total: int | None = None) -> Iterator[Advance]:
        """Show the task with the prefix."""
        with self._progress.task(f"{self._prefix}{description}", total) as advance:
            yield advance
