"""Estimated latency on every board."""

from __future__ import annotations

from markupsafe import Markup

from tinykd.report import wording
from tinykd.report.plots.bars import Bar, plot_bars
from tinykd.results import BoardLatency, Report


def plot_latency(report: Report) -> Markup:
    """Draw one bar for each board; those that the model does not fit are hollow."""
    return plot_bars(
        [_bar(board, chosen=key == report.board) for key, board in report.latency.items()],
        "Estimated latency of one inference on every board, in milliseconds.",
    )


def _bar(board: BoardLatency, *, chosen: bool) -> Bar:
    text = f"{wording.milliseconds(board.latency_us)} ms"
    style = "bar chosen" if chosen else "bar"
    if not board.fits:
        text, style = f"does not fit ({text})", "bar hollow"
    hint = f"{board.display_name}: {board.estimated_cycles:,} cycles (estimated)"
    return Bar(name=board.display_name, value=board.latency_us, text=text, hint=hint, style=style)
