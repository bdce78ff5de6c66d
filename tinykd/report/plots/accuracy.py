"""Headline metric of every model with its 95 % interval."""

from __future__ import annotations

from markupsafe import Markup

from tinykd.report import svg, tables, wording
from tinykd.report.svg import WIDTH, Scale
from tinykd.report.tables import MODEL_LABELS, SHIPPED
from tinykd.results import ModelScore, Report
from tinykd.tasks import Metric

ROW = 26
LEFT, RIGHT = 112, 52


def plot_accuracy(report: Report) -> Markup:
    """Draw one row for each model: a dot, its interval, and the float model as a dashed line."""
    metric = tables.task_of(report).headline
    name = metric.name
    bounds = [_shown(metric, bound) for model in report.models for bound in model.ci95]
    grid = svg.ticks(min(bounds), max(bounds))
    scale = Scale(grid[0], grid[-1], LEFT, WIDTH - RIGHT)
    bottom = ROW * len(report.models) + 8
    rows = (
        _row(report, model, scale, ROW * (index + 0.5) + 4)
        for index, model in enumerate(report.models)
    )
    return svg.figure(
        bottom + 40,
        f"{name[0].upper()}{name[1:]} on the test split with its 95 % interval, "
        "one row for each model.",
        *_axis(metric, grid, scale, bottom),
        *_reference(report, scale, bottom),
        *rows,
    )


def _shown(metric: Metric, value: float) -> float:
    """A share in percent."""
    return 100 * value if metric.is_share else value


def _axis(metric: Metric, grid: tuple[float, ...], scale: Scale, bottom: float) -> list[Markup]:
    marks = []
    for tick in grid:
        marks.append(svg.line(scale(tick), 0, scale(tick), bottom, "grid"))
        marks.append(svg.label(scale(tick), bottom + 12, f"{tick:g}", anchor="middle", style="dim"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    unit = f"{metric.label}, %" if metric.is_share else metric.label
    return [*marks, svg.label(middle, bottom + 30, unit, anchor="middle", style="dim")]


def _reference(report: Report, scale: Scale, bottom: float) -> list[Markup]:
    model = tables.find_model(report, report.distill.shipped)
    if model is None:
        return []
    x = scale(_shown(tables.task_of(report).headline, model.headline))
    return [svg.line(x, 0, x, bottom, "reference")]


def _row(report: Report, model: ModelScore, scale: Scale, y: float) -> Markup:
    metric = tables.task_of(report).headline
    low, high = (scale(_shown(metric, bound)) for bound in model.ci95)
    shipped = tables.model_mark(report, model.name) == SHIPPED
    value = wording.metric_value(metric, model.headline, model.samples)
    unit = " %" if metric.is_share else ""
    name = MODEL_LABELS[model.name]
    return svg.tag(
        "g",
        svg.tag("title", f"{name}: {value}{unit} ({tables.interval(report, model)})"),
        svg.label(0, y, name, style="strong" if shipped else ""),
        svg.line(low, y, high, y, "interval"),
        svg.line(low, y - 4, low, y + 4, "interval"),
        svg.line(high, y - 4, high, y + 4, "interval"),
        svg.tag(
            "circle",
            cx=scale(_shown(metric, model.headline)),
            cy=y,
            r=5,
            class_="dot" if shipped else "dot hollow",
        ),
        svg.label(WIDTH, y, value, anchor="end", style="strong" if shipped else ""),
    )
