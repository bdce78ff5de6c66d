"""Assistants and generations in every report: who taught whom, and which student was kept."""

import pytest

from tinykd.report import FORMATS
from tinykd.report.chain import chain_lines, chain_reason, chain_rows
from tinykd.results import ChainLink

SAMPLES = 400


def links(kept, own=0.95):
    names = {
        "student": ("teacher", 1_890, own),
        "assistant_2.5": ("teacher", 11_000, 0.99),
        "student_of_assistant": ("assistant_2.5", 1_890, 0.955),
        "generation_2": ("student_of_assistant", 1_890, 0.96),
    }
    return tuple(
        ChainLink(
            name=name,
            taught_by=taught_by,
            parameters=parameters,
            validation_accuracy=reached,
            is_kept=name == kept,
        )
        for name, (taught_by, parameters, reached) in names.items()
    )


@pytest.fixture
def with_chain(example_report):
    def report(chain):
        distill = example_report.distill.model_copy(update={"chain": chain})
        return example_report.model_copy(update={"distill": distill})

    return report


def test_every_network_has_its_row():
    rows = chain_rows(links("generation_2"), SAMPLES)
    assert [(row.name, row.taught_by, row.parameters, row.accuracy) for row in rows] == [
        ("student", "teacher", "1,890", "95.0"),
        ("assistant ×2.5", "teacher", "11,000", "99.0"),
        ("student of assistant", "assistant ×2.5", "1,890", "95.5"),
        ("generation 2", "student of assistant", "1,890", "96.0"),
    ]
    assert [row.name for row in rows if row.is_kept] == ["generation 2"]


def test_the_reason_is_a_figure_of_validation():
    assert chain_reason(links("generation_2"), SAMPLES) == (
        "generation 2 is kept, the best of the student's size: 96.0 %, +1.0 points against the "
        "teacher's own student."
    )
    assert chain_reason(links("student", own=0.97), SAMPLES) == (
        "The teacher's own student is kept: no longer way beats its 97.0 %."
    )


@pytest.mark.parametrize("form", ["terminal", "html"])
def test_reports_show_the_chain_where_there_is_one(form, with_chain):
    shown = " ".join(FORMATS[form](with_chain(links("generation_2"))).replace("&#39;", "'").split())
    assert "Who taught whom" in shown
    assert chain_reason(links("generation_2"), SAMPLES) in shown
    for row in chain_rows(links("generation_2"), SAMPLES):
        assert row.name in shown
        assert row.parameters in shown
    assert "Who taught whom" not in FORMATS[form](with_chain(()))


def test_on_the_command_line_it_is_sentences():
    lines = chain_lines(links("student", own=0.97), SAMPLES)
    assert lines[1] == "assistant ×2.5, taught by teacher: 11,000 parameters, 99.0 % on validation"
    assert lines[-1].startswith("The teacher's own student is kept")
    assert chain_lines((), SAMPLES) == ()
