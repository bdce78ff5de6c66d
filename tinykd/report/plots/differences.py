"""Paired differences of every pair of models, seed by seed, with the interval of their mean."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from tinykd.report import svg
from tinykd.report.ledger import PAIR_LABELS
from tinykd.report.svg import WIDTH, Scale
from tinykd.study_results import Comparison, PairedDifference
from tinykd.tasks import TASKS, Metric

ROW = 34
LEFT, RIGHT = 184, 12


def plot_differences(comparison: Comparison) -> Markup:
    """Draw one row for each pair: hollow dots are seeds, the filled one is their mean."""
    metric = TASKS[comparison.task].headline
    factor = 100 if metric.is_share else 1
    values = [0.0]
    for difference in comparison.differences:
        values += [factor * value for value in (*difference.differences, *difference.ci95)]
    grid = svg.ticks(min(values), max(values))
    scale = Scale(grid[0], grid[-1], LEFT, WIDTH - RIGHT)
    bottom = ROW * len(comparison.differences) + 8
    return svg.figure(
        bottom + 40,
        f"Paired differences of {_name(metric)}, one row for each pair.",
        *_axis(metric, grid, scale, bottom),
        *(
            svg.tag("g", *_row(difference, factor, scale, ROW * (index + 0.5) + 4))
            for index, difference in enumerate(comparison.differences)
        ),
    )


def _name(metric: Metric) -> str:
    return f"{metric.name} in percentage points" if metric.is_share else metric.name


def _axis(metric: Metric, grid: tuple[float, ...], scale: Scale, bottom: float) -> Iterator[Markup]:
    for tick in grid:
        style = "reference" if tick == 0 else "grid"
        yield svg.line(scale(tick), 0, scale(tick), bottom, style)
        yield svg.label(scale(tick), bottom + 12, f"{tick:g}", anchor="middle", style="dim")
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield svg.label(middle, bottom + 30, f"difference, {metric.unit}", anchor="middle", style="dim")


def _row(difference: PairedDifference, factor: float, scale: Scale, y: float) -> Iterator[Markup]:
    low, high = (scale(factor * bound) for bound in difference.ci95)
    yield svg.tag("title", f"{PAIR_LABELS[difference.name]}: {difference.verdict}")
    yield svg.label(0, y, PAIR_LABELS[difference.name])
    for value in difference.differences:
        yield svg.tag("circle", cx=scale(factor * value), cy=y - 7, r=3, class_="dot hollow")
    yield svg.line(low, y + 5, high, y + 5, "interval")
    yield svg.line(low, y + 1, low, y + 9, "interval")
    yield svg.line(high, y + 1, high, y + 9, "interval")
    yield svg.tag("circle", cx=scale(factor * difference.mean), cy=y + 5, r=5, class_="dot")
