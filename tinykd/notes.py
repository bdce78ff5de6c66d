"""Sentences that a person should read beside the tables."""

from __future__ import annotations

from collections.abc import Sequence

from tinykd.results import Report

LARGE_ENOUGH_TO_MIX = 50_000
"""Parameters below which mixup was found to hurt."""


def write_notes(report: Report) -> tuple[str, ...]:
    """What is remarkable about a build, in the order of the pipeline."""
    candidates = (
        _pool_in_test(report),
        _several_teachers(report),
        _weak_teacher(report),
        mixup_note(report.distill.augment, report.student.parameters),
        _scratch_shipped(report),
        _ptq_shipped(report),
        _does_not_fit(report),
    )
    return tuple(note for note in candidates if note)


def _pool_in_test(report: Report) -> str | None:
    shared = report.data.unlabelled_in_test
    if shared == 0:
        return None
    return (
        f"{shared} of {report.data.unlabelled_samples} unlabelled samples are test samples too: "
        "the student has seen them, without labels. Take them out of the pool for a figure that "
        "holds for new samples."
    )


def _several_teachers(report: Report) -> str | None:
    members = report.teacher.members
    if not members:
        return None
    each = ", ".join(f"{member.description} {member.validation_accuracy:.1%}" for member in members)
    return (
        f"{len(members)} teachers taught together. On validation: {each}; "
        f"all together {report.teacher.validation_accuracy:.1%}."
    )


def _weak_teacher(report: Report) -> str | None:
    teacher = report.teacher.validation_accuracy
    student = report.distill.student_validation_accuracy
    if teacher >= student:
        return None
    return (
        f"The teacher ({teacher:.1%} on validation) is not better than its student "
        f"({student:.1%}). If it expects scaled inputs, set teacher.input_scale, or "
        "teacher.input_scales for each of several."
    )


def mixup_note(augment: Sequence[str], parameters: int) -> str | None:
    """A warning where a small student learns from mixed samples.

    Args:
        augment: Rows of ``VIEWS``.
        parameters: Of the student.
    """
    if "mixup" not in augment or parameters >= LARGE_ENOUGH_TO_MIX:
        return None
    return (
        f"Mixup mostly hurts students of less than {LARGE_ENOUGH_TO_MIX:,} parameters; this one "
        f"has {parameters:,}. On digits, kd at temperature 4 with mixup ended 5 to 14 points below "
        "scratch. Compare with a build without it."
    )


def _scratch_shipped(report: Report) -> str | None:
    distill = report.distill
    if distill.shipped == "student":
        return None
    return (
        "Distillation did not help: on validation the student without a teacher "
        f"({distill.scratch_validation_accuracy:.1%}) beats the distilled one "
        f"({distill.student_validation_accuracy:.1%}), so the one without a teacher is shipped."
    )


def _ptq_shipped(report: Report) -> str | None:
    quantize = report.quantize
    if quantize.shipped == "qat" or quantize.qat_validation_accuracy is None:
        return None
    return (
        "Quantization-aware fine-tuning did not beat plain quantization on validation "
        f"({quantize.qat_validation_accuracy:.1%} against {quantize.ptq_validation_accuracy:.1%}), "
        "so the plainly quantized model is shipped."
    )


def _does_not_fit(report: Report) -> str | None:
    board = report.latency[report.board]
    if board.fits:
        return None
    return (
        f"The model does not fit {board.display_name}: it needs {board.flash_bytes} bytes of "
        f"flash and {board.ram_bytes} of RAM. Lower student.width or choose another board."
    )
