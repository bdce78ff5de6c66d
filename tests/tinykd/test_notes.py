"""Notes: said when there is something to say, and only then."""

import pytest

from tinykd.notes import write_notes


def with_changes(report, **sections):
    """The report with some fields of some sections replaced."""
    return report.model_copy(
        update={
            section: getattr(report, section).model_copy(update=changes)
            for section, changes in sections.items()
        }
    )


@pytest.fixture
def unremarkable(example_report):
    report = with_changes(
        example_report,
        teacher={"validation_accuracy": 0.99},
        distill={
            "student_validation_accuracy": 0.97,
            "scratch_validation_accuracy": 0.95,
            "shipped": "student",
        },
        quantize={"shipped": "qat"},
    )
    board = report.latency[report.board].model_copy(update={"fits": True})
    return report.model_copy(update={"latency": {report.board: board}})


def test_a_build_as_it_should_be_needs_no_note(unremarkable):
    assert write_notes(unremarkable) == ()


def test_mixup_with_a_small_student_is_warned_of(unremarkable):
    report = with_changes(unremarkable, distill={"augment": ("shift", "mixup")})
    (note,) = write_notes(report)
    assert note.startswith("Mixup mostly hurts students of less than 50,000 parameters")
    assert "this one has 6,210. On digits, " in note
    assert write_notes(with_changes(report, student={"parameters": 50_000})) == ()
    assert write_notes(with_changes(report, distill={"augment": ("shift", "cutout")})) == ()


def test_a_teacher_worse_than_its_student_is_noted_with_the_likely_cause(unremarkable):
    report = with_changes(unremarkable, teacher={"validation_accuracy": 0.101})
    (note,) = write_notes(report)
    assert "The teacher (10.1% on validation) is not better than its student (97.0%)" in note
    assert "teacher.input_scale" in note


def test_scratch_is_not_shipped_silently(unremarkable):
    report = with_changes(
        unremarkable, distill={"shipped": "scratch", "scratch_validation_accuracy": 0.975}
    )
    (note,) = write_notes(report)
    assert "without a teacher (97.5%) beats the distilled one (97.0%)" in note


def test_plain_quantization_is_not_shipped_silently(unremarkable):
    report = with_changes(
        unremarkable,
        quantize={
            "shipped": "ptq",
            "ptq_validation_accuracy": 0.96,
            "qat_validation_accuracy": 0.95,
        },
    )
    (note,) = write_notes(report)
    assert "(95.0% against 96.0%), so the plainly quantized model is shipped" in note


def test_a_board_that_is_too_small_is_named_with_the_need(unremarkable):
    board = unremarkable.latency[unremarkable.board].model_copy(
        update={"fits": False, "flash_bytes": 123_456, "ram_bytes": 7_890}
    )
    report = unremarkable.model_copy(update={"latency": {unremarkable.board: board}})
    (note,) = write_notes(report)
    assert f"does not fit {board.display_name}: it needs 123456 bytes" in note
    assert "7890 of RAM" in note
