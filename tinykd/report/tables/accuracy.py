"""How good each model is, and each class, target or label."""

from __future__ import annotations

from dataclasses import dataclass

from tinykd.report import wording
from tinykd.report.tables.models import (
    MODEL_LABELS,
    difference,
    difference_text,
    how_numbers,
    interval,
    model_mark,
    task_of,
)
from tinykd.report.wording import NONE
from tinykd.results import ModelScore, Report


@dataclass(frozen=True)
class AccuracyRow:
    """One model. ``delta`` and ``agreement`` are against the float model it comes from.

    Attributes:
        headline: The metric that heads the table.
        others: The other metrics of the task; there are none of classes.
    """

    label: str
    description: str
    mark: str
    headline: str
    interval: str
    delta: str
    agreement: str
    others: tuple[str, ...]
    size_kib: str
    how: int


@dataclass(frozen=True)
class ClassRow:
    """One class, read off the confusion matrix."""

    name: str
    samples: str
    recall: str
    precision: str
    mistaken_for: str


def accuracy_rows(report: Report) -> tuple[AccuracyRow, ...]:
    """Return the accuracy table, in the order of the pipeline."""
    numbers = how_numbers(report)
    return tuple(_accuracy_row(report, model, numbers[model.how]) for model in report.models)


def _accuracy_row(report: Report, model: ModelScore, how: int) -> AccuracyRow:
    delta = difference(report, model)
    task, samples = task_of(report), model.samples
    return AccuracyRow(
        label=MODEL_LABELS[model.name],
        description=model.description,
        mark=model_mark(report, model.name),
        headline=wording.metric_value(task.headline, model.headline, samples),
        interval=interval(report, model),
        delta=NONE if delta is None else difference_text(task, delta, model),
        agreement=_optional_percent(model.agreement, model.samples),
        others=tuple(
            wording.metric_value(metric, model.metrics[metric.key], samples)
            for metric in task.metrics[1:]
        ),
        size_kib=NONE if model.size_bytes is None else wording.kib(model.size_bytes),
        how=how,
    )


def _optional_percent(share: float | None, samples: int) -> str:
    return NONE if share is None else wording.percent(share, samples)


def class_rows(report: Report) -> tuple[ClassRow, ...]:
    """Return recall, precision and the usual mistakes of each class; none without classes."""
    return tuple(_class_row(report, label) for label in range(len(report.confusion)))


def _class_row(report: Report, label: int) -> ClassRow:
    row = report.confusion[label]
    predicted = sum(other[label] for other in report.confusion)
    return ClassRow(
        name=report.data.class_names[label],
        samples=f"{sum(row):,}",
        recall=f"{100 * row[label] / sum(row):.1f}" if sum(row) else NONE,
        precision=f"{100 * row[label] / predicted:.1f}" if predicted else NONE,
        mistaken_for=_mistakes(report.data.class_names, row, label),
    )


def _mistakes(names: tuple[str, ...], row: tuple[int, ...], label: int) -> str:
    """Name the three classes that samples of ``label`` are most often taken for."""
    wrong = [(count, other) for other, count in enumerate(row) if count and other != label]
    wrong.sort(key=lambda mistake: (-mistake[0], mistake[1]))
    return ", ".join(f"{names[other]} ({count})" for count, other in wrong[:3]) or NONE


def output_rows(report: Report) -> tuple[tuple[str, ...], ...]:
    """Return name and metrics of each target or label, where there are several."""
    samples = report.data.test_samples
    return tuple(
        (
            output.name,
            *(
                wording.metric_value(metric, output.metrics[metric.key], samples)
                for metric in task_of(report).metrics
                if metric.key in output.metrics
            ),
        )
        for output in report.by_output
    )


def output_headings(report: Report) -> tuple[str, ...]:
    """Return the columns of ``output_rows``."""
    known = report.by_output[0].metrics if report.by_output else {}
    headings = (metric.heading for metric in task_of(report).metrics if metric.key in known)
    return ("output", *headings)
