"""Progress bars on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tinykd.progress import Advance, Progress, Silent


class Bars:
    """Progress bars on standard error, each with the time left; a finished one stays."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._console = Console(stderr=True)
        self._columns = (
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )

    @contextmanager
    def task(self, description: str, total: int | None = None) -> Iterator[Advance]:
        """Show a bar until the task ends."""
        from rich.progress import Progress as RichProgress

        bars = RichProgress(*self._columns, console=self._console)
        bar = bars.add_task(description, total=total)
        bars.start()
        try:
            yield lambda done: bars.update(bar, completed=done)
        except BaseException:  # what failed is said by its error alone: the bar goes without a line
            bars.live.transient = True
            bars.live.stop()
            raise
        bars.update(bar, total=total or 1, completed=total or 1)
        bars.stop()


def choose_progress(*, quiet: bool) -> Progress:
    """Bars, unless the user wants none."""
    return Silent() if quiet else Bars()
