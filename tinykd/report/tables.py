"""The rows of every table as text, written once for the terminal and for the HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinykd.report import race, wording
from tinykd.report.wording import NONE
from tinykd.results import BoardLatency, FlipTest, LayerCost, ModelName, ModelScore, Report
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
class BoardRow:
    """One board. ``mark`` is set on the board that the build is for."""

    board: str
    core: str
    mark: str
    fits: bool
    flash: str
    flash_share: str
    ram: str
    ram_share: str
    instructions: str
    cycles: str
    latency_ms: str
    how: int


@dataclass(frozen=True)
class LayerRow:
    """One layer of the generated C."""

    name: str
    op: str
    macs: str
    weights_kib: str
    instructions: str
    share: str
    per_mac: str
    cycles: str


@dataclass(frozen=True)
class ClassRow:
    """One class, read off the confusion matrix."""

    name: str
    samples: str
    recall: str
    precision: str
    mistaken_for: str


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


def verdict(report: Report) -> str:
    """Say in one line what the shipped model reaches on the board of the build."""
    model, board = device_model(report), report.latency[report.board]
    parts = [
        f"{wording.kib(board.flash_bytes)} KiB flash",
        f"{wording.kib(board.ram_bytes)} KiB RAM",
    ]
    if model is not None:
        parts.insert(0, headline_text(report, model))
    fit = f"{wording.milliseconds(board.latency_us)} ms on" if board.fits else "does not fit"
    return f"{', '.join(parts)}, {fit} {board.display_name}"


def difference(report: Report, model: ModelScore) -> float | None:
    """Return the headline of an int8 model less that of the float model it comes from."""
    reference = find_model(report, report.distill.shipped)
    if reference is None or model.name in {"teacher", "scratch", "student"}:
        return None
    return model.headline - reference.headline


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


def outputs_text(report: Report) -> str:
    """Say what the student gives, such as ``10 classes``."""
    return task_of(report).given(report.data.class_names)


def interval(report: Report, model: ModelScore) -> str:
    """Write the 95 % interval of one model's headline."""
    metric = task_of(report).headline
    low, high = (wording.metric_value(metric, bound, model.samples) for bound in model.ci95)
    return f"{low}–{high}"


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
        delta=NONE if delta is None else _difference_text(task, delta, model),
        agreement=_optional_percent(model.agreement, model.samples),
        others=tuple(
            wording.metric_value(metric, model.metrics[metric.key], samples)
            for metric in task.metrics[1:]
        ),
        size_kib=NONE if model.size_bytes is None else wording.kib(model.size_bytes),
        how=how,
    )


def _difference_text(task: Task, delta: float, model: ModelScore) -> str:
    metric = task.headline
    return wording.metric_difference(metric, delta, model.samples, beside=model.headline)


def flip_difference(report: Report, test: FlipTest) -> str:
    """Write by how much the headlines of one pair differ."""
    task, model = task_of(report), find_model(report, test.model)
    if model is None:  # a report that was cut down
        return NONE
    return _difference_text(task, test.difference, model)


def model_mark(report: Report, name: str) -> str:
    """Return ``SHIPPED``, ``CHOSEN`` or nothing for one model."""
    if name in {report.quantize.shipped, "tflm", "c"}:
        return SHIPPED
    return CHOSEN if name == report.distill.shipped else ""


def _optional_percent(share: float | None, samples: int) -> str:
    return NONE if share is None else wording.percent(share, samples)


def board_rows(report: Report) -> tuple[BoardRow, ...]:
    """Return the board table, in the order of the report."""
    numbers = how_numbers(report)
    return tuple(
        _board_row(board, SHIPPED if key == report.board else "", numbers[board.how])
        for key, board in report.latency.items()
    )


def _board_row(board: BoardLatency, mark: str, how: int) -> BoardRow:
    return BoardRow(
        board=board.display_name,
        core=f"{board.core}, {wording.clock(board.clock_hz)}",
        mark=mark,
        fits=board.fits,
        flash=_of(board.flash_bytes, board.flash_limit_bytes),
        flash_share=_share(board.flash_bytes, board.flash_limit_bytes),
        ram=_of(board.ram_bytes, board.ram_limit_bytes),
        ram_share=_share(board.ram_bytes, board.ram_limit_bytes),
        instructions=f"{board.instructions:,}",
        cycles=f"{board.estimated_cycles:,}",
        latency_ms=wording.milliseconds(board.latency_us),
        how=how,
    )


def _of(used_bytes: int, limit_bytes: int) -> str:
    return f"{wording.kib(used_bytes)} of {wording.kib(limit_bytes)}"


def _share(part: int, whole: int) -> str:
    return f"{wording.figures(100 * part / whole, 2)} %" if whole else NONE


def layer_rows(report: Report) -> tuple[LayerRow, ...]:
    """Return the cost of each layer of the generated C, in the order they run."""
    total = sum(layer.instructions for layer in report.layers)
    return tuple(
        LayerRow(
            name=layer.name,
            op=layer.op,
            macs=f"{layer.macs:,}",
            weights_kib=wording.kib(layer.weights_bytes),
            instructions=f"{layer.instructions:,}",
            share=f"{100 * layer.instructions / total:.1f}" if total else NONE,
            per_mac=per_mac(layer),
            cycles=f"{layer.estimated_cycles:,}",
        )
        for layer in report.layers
    )


def per_mac(layer: LayerCost) -> str:
    """Write the instructions per multiply-accumulate of a layer that has any."""
    return wording.figures(layer.instructions / layer.macs) if layer.macs else NONE


def class_rows(report: Report) -> tuple[ClassRow, ...]:
    """Return recall, precision and the usual mistakes of each class; none without classes."""
    return tuple(_class_row(report, label) for label in range(len(report.confusion)))


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


def static_bytes(report: Report) -> int:
    """RAM that is neither arena nor stack."""
    footprint = report.footprint
    return max(0, footprint.ram_bytes - footprint.arena_bytes - footprint.stack_bytes)


def choices(report: Report) -> tuple[str, ...]:
    """Say what was chosen on the validation split, and by how much; the loss with its race."""
    samples = report.data.validation_samples
    rule, limit = report.data.validation_rule, threshold_text(report)
    return (
        *([f"{samples:,} samples: {rule}."] if rule else []),
        *race.race_lines(report.distill.race, samples),
        *shipping_choices(report),
        *([] if limit is None else [limit]),
    )


def threshold_text(report: Report) -> str | None:
    """Say above which score the device calls a sample anomalous; None where there is no score."""
    if report.threshold is None:
        return None
    return (
        f"A score above {wording.figures(report.threshold, 4)} (mean squared error, in the squared "
        "unit of the raw values) is anomalous: 95 % of the normal validation samples lie below."
    )


def shipping_choices(report: Report) -> tuple[str, ...]:
    """Say which of the finished students goes on, and by how much."""
    samples = report.data.validation_samples
    distill, quantize = report.distill, report.quantize
    floats = (
        ("student", distill.student_validation_accuracy),
        ("scratch", distill.scratch_validation_accuracy),
    )
    int8s = (("PTQ", quantize.ptq_validation_accuracy), ("QAT", quantize.qat_validation_accuracy))
    return (
        f"{_compare(floats, distill.shipped, samples)} goes on to int8.",
        f"{_compare(int8s, quantize.shipped.upper(), samples)} is shipped.",
    )


def _compare(scores: tuple[tuple[str, float], ...], chosen: str, samples: int) -> str:
    ordered = sorted(scores, key=lambda score: score[0] != chosen)
    (first, high), (second, low) = ordered
    return (
        f"{first} {wording.percent(high, samples)} % against {second} "
        f"{wording.percent(low, samples)} %: {first}"
    )
