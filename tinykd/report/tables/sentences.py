"""What a report says in words: the verdict, and what validation decided."""

from __future__ import annotations

from tinykd.report import race, wording
from tinykd.report.tables.models import device_model, headline_text, task_of
from tinykd.results import Report


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


def outputs_text(report: Report) -> str:
    """Say what the student gives, such as ``10 classes``."""
    return task_of(report).given(report.data.class_names)


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
    ptq = ("PTQ", quantize.ptq_validation_accuracy)
    if quantize.qat_validation_accuracy is None:
        against = ("float", quantize.float_validation_accuracy)
        int8 = f"{_compare((ptq, against), 'PTQ', samples)} is shipped, QAT is not needed."
    else:
        against = ("QAT", quantize.qat_validation_accuracy)
        int8 = f"{_compare((ptq, against), quantize.shipped.upper(), samples)} is shipped."
    return f"{_compare(floats, distill.shipped, samples)} goes on to int8.", int8


def _compare(scores: tuple[tuple[str, float], ...], chosen: str, samples: int) -> str:
    ordered = sorted(scores, key=lambda score: score[0] != chosen)
    (first, high), (second, low) = ordered
    return (
        f"{first} {wording.percent(high, samples)} % against {second} "
        f"{wording.percent(low, samples)} %: {first}"
    )
