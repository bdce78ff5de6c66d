"""What all tables need to know of the models of a report, and of how its figures were obtained."""

from __future__ import annotations

from collections.abc import Mapping

from tinykd.report import wording
from tinykd.report.wording import NONE
from tinykd.results import FlipTest, ModelName, ModelScore, Report
from tinykd.tasks import TASKS, Task

MODEL_LABELS: Mapping[ModelName, str] = {
    "teacher": "Teacher, float",
    "scratch": "Scratch, float",
    "student": "Student, float",
    "ptq": "PTQ, int8",
    "qat": "QAT, int8",
    "tflm": "TFLM, int8",
    "c": "C, int8",
}

SHIPPED = "●"
"""Marks the rows of the model that is shipped: its ``.tflite``, in TFLM, and as C."""

CHOSEN = "○"
"""Marks the float model that the int8 model is made from."""


def how_numbers(report: Report) -> dict[str, int]:
    """Number each distinct sentence on how a figure was obtained, from 1, in order of use."""
    sentences = [model.how for model in report.models]
    sentences.append(report.footprint.how)
    sentences.extend(board.how for board in report.latency.values())
    return {how: number for number, how in enumerate(dict.fromkeys(sentences), start=1)}


def find_model(report: Report, name: str) -> ModelScore | None:
    """Return the row of one model, or None if the build has none."""
    return next((model for model in report.models if model.name == name), None)


def device_model(report: Report) -> ModelScore | None:
    """Return the shipped model in the form nearest to the device that was evaluated."""
    rows = (find_model(report, name) for name in ("c", "tflm", report.quantize.shipped))
    return next((row for row in rows if row is not None), None)


def model_mark(report: Report, name: str) -> str:
    """Return ``SHIPPED``, ``CHOSEN`` or nothing for one model."""
    if name in {report.quantize.shipped, "tflm", "c"}:
        return SHIPPED
    return CHOSEN if name == report.distill.shipped else ""


def task_of(report: Report) -> Task:
    """Return what the student was asked."""
    return TASKS[report.data.task]


def headline_text(report: Report, model: ModelScore) -> str:
    """Write the headline metric of one model with its name.

    Example: ``98.3 % top-1``, ``RMSE 53.46``.
    """
    metric = task_of(report).headline
    value = wording.metric_value(metric, model.headline, model.samples)
    return f"{value} % {metric.label}" if metric.is_share else f"{metric.label} {value}"


def interval(report: Report, model: ModelScore) -> str:
    """Write the 95 % interval of one model's headline."""
    metric = task_of(report).headline
    low, high = (wording.metric_value(metric, bound, model.samples) for bound in model.ci95)
    return f"{low}–{high}"


def difference(report: Report, model: ModelScore) -> float | None:
    """Return the headline of an int8 model less that of the float model it comes from."""
    reference = find_model(report, report.distill.shipped)
    if reference is None or model.name in {"teacher", "scratch", "student"}:
        return None
    return model.headline - reference.headline


def difference_text(task: Task, delta: float, model: ModelScore) -> str:
    """Write a difference in the headline metric, as exactly as a model's figure."""
    metric = task.headline
    return wording.metric_difference(metric, delta, model.samples, beside=model.headline)


def flip_difference(report: Report, test: FlipTest) -> str:
    """Write by how much the headlines of one pair differ."""
    task, model = task_of(report), find_model(report, test.model)
    if model is None:  # a report that was cut down
        return NONE
    return difference_text(task, test.difference, model)
