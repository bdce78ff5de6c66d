"""Horizontal bars with a name before and a value behind each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tinykd.report import svg
from tinykd.report.svg import CHARACTER, WIDTH, Scale

ROW, THICK = 26, 14
LONGEST_NAME = 36


@dataclass(frozen=True)
class Bar:
    """One bar: its name, its length, what stands behind it, and what the pointer shows."""

    name: str
    value: float
    text: str
    hint: str
    style: str = "bar"


def plot_bars(bars: Sequence[Bar], label: str) -> Markup:
    """Draw ``bars`` from zero on, in the order given, under one common scale."""
    if not bars:
        return Markup()
    names = [svg.shorten(bar.name, LONGEST_NAME) for bar in bars]
    left = 14 + CHARACTER * max(len(name) for name in names)
    right = 14 + CHARACTER * max(len(bar.text) for bar in bars)
    scale = Scale(0, max(bar.value for bar in bars) or 1, left, WIDTH - right)
    rows = (
        mark
        for index, (bar, name) in enumerate(zip(bars, names, strict=True))
        for mark in _row(bar, name, scale, ROW * (index + 0.5))
    )
    height = ROW * len(bars)
    return svg.figure(height, label, svg.line(left, 0, left, height, "axis"), *rows)


def _row(bar: Bar, name: str, scale: Scale, y: float) -> Iterator[Markup]:
    end = scale(bar.value)
    yield svg.label(0, y, name)
    yield svg.bar(scale.start, y - THICK / 2, end - scale.start, THICK, bar.style, bar.hint)
    yield svg.label(end + 8, y, bar.text, style="dim")
