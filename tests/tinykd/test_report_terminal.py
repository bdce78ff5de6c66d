"""The report on a terminal: a golden page, and the widths and encodings that users have."""

import io

import pytest
from rich.console import Console

from tinykd.report import FORMATS, render_terminal


def shown(report, *, width=80, encoding="utf-8", terminal=False, **options):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="")
    console = Console(
        file=stream, width=width, force_terminal=terminal, color_system="256", **options
    )
    render_terminal(report, console, directory="build/digits")
    stream.flush()
    return raw.getvalue().decode(encoding)


def test_golden_page(example_report, golden):
    golden("report_terminal.txt", FORMATS["terminal"](example_report))


def test_same_text_twice(example_report):
    assert FORMATS["terminal"](example_report) == FORMATS["terminal"](example_report)


@pytest.mark.parametrize("width", [80, 100, 120, 160])
def test_fits_the_width_and_cuts_nothing(example_report, width):
    text = shown(example_report, width=width)
    assert max(len(line) for line in text.splitlines()) <= width
    flat = " ".join(text.split())
    for model in example_report.models:
        assert f"{100 * model.top1_accuracy:.1f}" in flat
    for board in example_report.latency.values():
        assert board.display_name in flat
        assert board.how in flat
    assert "Files in build/digits" in flat


def test_wide_terminal_says_more(example_report):
    assert "405,201" not in shown(example_report, width=100)
    assert "405,201" in shown(example_report, width=120)


def test_no_escape_codes_in_a_pipe(example_report):
    assert "\x1b" not in shown(example_report)
    assert "\x1b[" in shown(example_report, terminal=True)


def test_no_colour_keeps_every_word(example_report):
    text = shown(example_report, terminal=True, no_color=True)
    assert "\x1b[3" not in text  # no foreground colour
    assert "NO" in text  # the board that does not fit says so without red


@pytest.mark.parametrize("terminal", [False, True])
def test_output_that_is_not_unicode(example_report, terminal):
    text = shown(example_report, encoding="cp1252", terminal=terminal)
    assert text.isascii()
    assert "* QAT, int8" in text.replace("  ", " ")
    assert "?" not in text


def test_names_are_not_taken_for_markup(example_report):
    note = "[bold]class [red]one[/red] :smile: [/]"
    text = shown(example_report.model_copy(update={"notes": (note,)}), width=120)
    assert note in text


def test_control_codes_do_not_reach_the_terminal(example_report):
    note = "clear \x1b[2J the screen \x07"
    text = shown(example_report.model_copy(update={"notes": (note,)}), terminal=True)
    assert "\x1b[2J" not in text
    assert "\x07" not in text


def test_scratch_and_ptq_can_be_the_shipped_ones(example_report):
    distill = example_report.distill.model_copy(update={"shipped": "scratch"})
    quantize = example_report.quantize.model_copy(update={"shipped": "ptq"})
    report = example_report.model_copy(update={"distill": distill, "quantize": quantize})
    text = FORMATS["terminal"](report)
    assert "scratch goes on to int8" in text
    assert "PTQ is shipped" in text
    assert " ○  Scratch, float" in text
    assert " ●  PTQ, int8" in text
    assert "    QAT, int8" in text
    # 353 of 360 against 350 of 360 for the C: better than what it comes from
    assert "+0.8" in text.split(" ●  C, int8")[1].splitlines()[0]
