"""Confusion matrix of the shipped int8 model."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from tinykd.report import svg
from tinykd.report.svg import CHARACTER, WIDTH
from tinykd.results import Report

MOST_CELLS_WITH_NUMBERS = 20
LONGEST_NAME = 18
LARGEST_CELL = 38
TOP = 40


def plot_confusion(report: Report) -> Markup:
    """Draw true classes as rows and predicted ones as columns; nothing without classes."""
    if not report.confusion:
        return Markup()
    names = [svg.shorten(name, LONGEST_NAME) for name in report.data.class_names]
    left = 14 + CHARACTER * max(len(name) for name in names)
    cell = min(LARGEST_CELL, (WIDTH - left) / len(names))
    return svg.figure(
        TOP + cell * len(names) + 2,
        "Confusion matrix of the shipped int8 model; the table gives each class in numbers.",
        svg.label(left, 8, "predicted, in the order of the rows", style="dim"),
        *_names(names, left, cell),
        *(mark for true in range(len(names)) for mark in _row(report, true, left, cell)),
    )


def _names(names: list[str], left: float, cell: float) -> Iterator[Markup]:
    for index, name in enumerate(names):
        middle = cell * (index + 0.5)
        if len(names) <= MOST_CELLS_WITH_NUMBERS:
            yield svg.label(left + middle, 28, str(index), anchor="middle", style="dim")
        if cell >= 11:  # below that, names would overlap
            yield svg.label(left - 8, TOP + middle, name, anchor="end")


def _row(report: Report, true: int, left: float, cell: float) -> Iterator[Markup]:
    counts, names = report.confusion[true], report.data.class_names
    total = sum(counts)
    for predicted, count in enumerate(counts):
        share = count / total if total else 0.0
        x, y = left + cell * predicted, TOP + cell * true
        hint = f"{names[true]} taken for {names[predicted]}: {count} of {total}"
        style = "right" if predicted == true else "wrong"
        yield svg.tag(
            "g",
            svg.tag("title", hint),
            svg.tag("rect", x=x, y=y, width=cell - 1, height=cell - 1, class_="cell"),
            *_shade(x, y, cell - 1, share, style),
            *_number(x + cell / 2, y + cell / 2, count, len(names), share, style),
        )


def _shade(x: float, y: float, size: float, share: float, style: str) -> Iterator[Markup]:
    if share == 0:
        return
    # Mistakes are rare: the square root makes one in a hundred visible beside the diagonal.
    opacity = share if style == "right" else share**0.5
    yield svg.tag("rect", x=x, y=y, width=size, height=size, class_=style, fill_opacity=opacity)


def _number(
    x: float, y: float, count: int, classes: int, share: float, style: str
) -> Iterator[Markup]:
    if count and classes <= MOST_CELLS_WITH_NUMBERS:
        light = style == "right" and share > 0.5
        yield svg.label(x, y, str(count), anchor="middle", style="on-dark" if light else "")
