"""The report on a terminal: tables that read well at 80 columns and without colour."""

from __future__ import annotations

import io
from collections.abc import Iterable

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tinykd.report import tables, wording
from tinykd.report.tables import CHOSEN, SHIPPED
from tinykd.results import Report

WIDE_COLUMNS = 110
"""From this width on, the tables say more."""

WRAPPED = frozenset({"model", "board", "what it is", "file"})
"""The columns that give way where the terminal is narrow."""

# For an output that cannot encode these, such as a pipe on Windows.
ASCII = str.maketrans(
    {
        SHIPPED: "*",
        CHOSEN: "o",
        "−": "-",
        "–": "-",
        "─": "-",
        "×": "x",
        "·": "-",
        "±": "~",
        "…": "...",
    }
)


def to_text(report: Report) -> str:
    """Write ``report`` as plain text, 80 columns wide."""
    return _plain(report, 80, directory=None)


def render_terminal(report: Report, console: Console, *, directory: str | None = None) -> None:
    """Show ``report``.

    Args:
        report: What one build found out.
        console: Where to; its width, colours and encoding are followed.
        directory: The build directory as the user knows it, to say where the files are.
    """
    if console.is_terminal and not console.options.ascii_only:
        console.print(_document(report, wide=console.width >= WIDE_COLUMNS, directory=directory))
        return
    text = _plain(report, console.width, directory=directory)
    if console.options.ascii_only:
        text = text.translate(ASCII).encode("ascii", "replace").decode()
    console.out(text, end="", highlight=False)


def _plain(report: Report, width: int, *, directory: str | None) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=width, color_system=None, legacy_windows=False)
    console.print(_document(report, wide=width >= WIDE_COLUMNS, directory=directory))
    return "".join(line.rstrip() + "\n" for line in stream.getvalue().splitlines())


def _document(report: Report, *, wide: bool, directory: str | None) -> Group:
    samples = f"{report.data.test_samples:,}"
    where = "" if directory is None else f" in {directory}"
    return Group(
        _title(report),
        _lines([tables.verdict(report)]),
        _section(f"Accuracy on {samples} test samples", _accuracy_table(report, wide=wide)),
        _legend(
            f"{SHIPPED} shipped   {CHOSEN} "
            "the float model that 'vs float' (points) and 'agree' refer to"
        ),
        _section("Chosen on validation", _lines(tables.choices(report))),
        _section(f"Footprint of the C on {report.footprint.core}", _footprint(report)),
        _section("Boards", _board_table(report, wide=wide)),
        _legend(f"{SHIPPED} the board of this build   KiB = 1024 bytes   ms are estimated"),
        _section("How the figures were obtained", _sources(report)),
        *([_section("Notes", _lines(report.notes))] if report.notes else []),
        _section(f"Files{where}", _files(report)),
        _section("Time", _lines([_seconds(report)])),
    )


def _title(report: Report) -> Text:
    student = report.student
    title = _text(report.name, style="bold")
    return title.append(
        f"   {student.architecture} ×{student.width:g}, {student.parameters:,} parameters, "
        f"{wording.short_count(student.macs)} MACs, "
        f"{wording.shape(report.data.input_shape)} to {len(report.data.class_names)} classes",
        style="not bold",
    )


def _section(title: str, body: RenderableType) -> Group:
    """One part of the page; the body stands one column in."""
    return Group("", _text(title, style="bold"), Padding(body, (0, 0, 0, 1)))


def _legend(text: str) -> Padding:
    return Padding(Text(text, style="dim"), (0, 0, 0, 1))


def _lines(lines: Iterable[str]) -> Group:
    return Group(*(_text(line) for line in lines))


def _table(columns: Iterable[str]) -> Table:
    """Make a table with one rule; a column named with a leading ``>`` is aligned right."""
    table = Table(
        box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False,
        header_style="dim",
    )  # fmt: skip
    for column in columns:
        right = column.startswith(">")
        table.add_column(
            column.removeprefix(">"),
            justify="right" if right else "left",
            no_wrap=column not in WRAPPED,
        )
    return table


def _add_row(table: Table, cells: Iterable[str], *, style: str = "") -> None:
    table.add_row(*(_text(cell) for cell in cells), style=style)


def _text(words: str, *, style: str = "") -> Text:
    """Show data as it is: what Rich would take for markup stays, escape codes do not."""
    return Text("".join(filter(str.isprintable, words)), style=style)


def _accuracy_table(report: Report, *, wide: bool) -> Table:
    columns = ["", "model", ">top-1 %", "95 % interval", ">vs float", ">agree %", ">KiB", "how"]
    table = _table([*columns, "what it is"] if wide else columns)
    for row in tables.accuracy_rows(report):
        cells = [row.mark, row.label, row.top1, row.interval, row.delta, row.agreement]
        cells += [row.size_kib, f"[{row.how}]"]
        style = "bold" if row.mark == SHIPPED else ""
        _add_row(table, [*cells, row.description] if wide else cells, style=style)
    return table


def _footprint(report: Report) -> Table:
    footprint, kib = report.footprint, wording.kib
    how = f"[{tables.how_numbers(report)[footprint.how]}]"
    flash = f"weights {kib(footprint.weights_bytes)}, code {kib(footprint.code_bytes)}"
    ram = (
        f"arena {kib(footprint.arena_bytes)} "
        f"({kib(footprint.arena_lower_bound_bytes)} not in place), "
        f"stack {kib(footprint.stack_bytes)}, static {kib(tables.static_bytes(report))}"
    )
    grid = Table.grid(padding=(0, 2))
    _add_row(grid, ["flash", f"{kib(footprint.flash_bytes)} KiB", flash, how])
    _add_row(grid, ["RAM", f"{kib(footprint.ram_bytes)} KiB", ram, how])
    return grid


def _board_table(report: Report, *, wide: bool) -> Table:
    columns = ["", "board", "fits", ">flash KiB", ">RAM KiB", ">ms", "how"]
    table = _table([*columns, "core", ">instructions"] if wide else columns)
    for row in tables.board_rows(report):
        fits = "yes" if row.fits else "NO"
        cells = [row.mark, row.board, fits, row.flash, row.ram, row.latency_ms, f"[{row.how}]"]
        more = [row.core, row.instructions] if wide else []
        style = "bold" if row.mark else ("" if row.fits else "red")
        _add_row(table, [*cells, *more], style=style)
    return table


def _sources(report: Report) -> Table:
    grid = Table.grid(padding=(0, 1))
    for how, number in tables.how_numbers(report).items():
        _add_row(grid, [f"[{number}]", how], style="dim")
    return grid


def _files(report: Report) -> Table:
    table = _table(["file", ">KiB", "SHA-256"])
    for artifact in report.artifacts:
        cells = [artifact.path, wording.kib(artifact.size_bytes), f"{artifact.sha256[:16]}…"]
        _add_row(table, cells)
    return table


def _seconds(report: Report) -> str:
    stages = (f"{stage} {wording.duration(time)}" for stage, time in report.seconds.items())
    total = wording.duration(sum(report.seconds.values()))
    return f"{total}: {', '.join(stages)}"
