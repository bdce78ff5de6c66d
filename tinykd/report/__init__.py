"""What one build found out, for people and for machines: the terminal, JSON and HTML.

A format is a pure function from a ``Report`` to text. Each one is imported when it is first
asked for, so that importing this package costs nothing to commands that write no report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from tinykd.results import Report

__all__ = ["FORMATS", "read_report", "render_terminal"]


def read_report(path: Path) -> Report:
    """Read a ``report.json``; see ``tinykd.report.json_format.read_report``."""
    from tinykd.report import json_format

    return json_format.read_report(path)


def render_terminal(report: Report, console: Console, *, directory: str | None = None) -> None:
    """Show a report on a terminal; see ``tinykd.report.terminal.render_terminal``."""
    from tinykd.report import terminal

    terminal.render_terminal(report, console, directory=directory)


def _json(report: Report) -> str:
    from tinykd.report.json_format import to_json

    return to_json(report)


def _terminal(report: Report) -> str:
    from tinykd.report.terminal import to_text

    return to_text(report)


def _html(report: Report) -> str:
    from tinykd.report.html import to_html

    return to_html(report)


FORMATS: Mapping[str, Callable[[Report], str]] = {
    "terminal": _terminal,  # plain text, 80 columns
    "json": _json,  # what `read_report` reads
    "html": _html,  # one file that opens offline
}
