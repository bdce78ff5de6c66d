"""The report on a terminal: tables that read well at 80 columns and without colour."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from tinykd.report import chain, layout, ledger, tables, wording
from tinykd.report.tables import CHOSEN, SHIPPED
from tinykd.results import Report
from tinykd.tasks import TOP1


def to_text(report: Report) -> str:
    """Write ``report`` as plain text, 80 columns wide."""
    return layout.plain(lambda wide: _document(report, wide=wide, directory=None), 80)


def render_terminal(report: Report, console: Console, *, directory: str | None = None) -> None:
    """Show ``report``.

    Args:
        report: What one build found out.
        console: Where to; its width, colours and encoding are followed.
        directory: The build directory as the user knows it, to say where the files are.
    """
    layout.show(lambda wide: _document(report, wide=wide, directory=directory), console)


def _document(report: Report, *, wide: bool, directory: str | None) -> Group:
    samples = f"{report.data.test_samples:,}"
    where = "" if directory is None else f" in {directory}"
    return Group(
        _title(report),
        layout.lines([tables.verdict(report)]),
        layout.section(
            f"{_subject(report)} on {samples} test samples", _accuracy_table(report, wide=wide)
        ),
        layout.legend(f"{SHIPPED} shipped   {CHOSEN} the float model that {_compared(report)} to"),
        *_outputs(report),
        *_ledger(report),
        layout.section(_chosen_by(report), layout.lines(tables.choices(report))),
        *_chain(report),
        layout.section(f"Footprint of the C on {report.footprint.core}", _footprint(report)),
        layout.section("Boards", _board_table(report, wide=wide)),
        layout.legend(f"{SHIPPED} the board of this build   KiB = 1024 bytes   ms are estimated"),
        layout.section("How the figures were obtained", _sources(report)),
        *([layout.section("Notes", layout.lines(report.notes))] if report.notes else []),
        layout.section(f"Files{where}", _files(report)),
        layout.section("Time", layout.lines([_seconds(report)])),
    )


def _title(report: Report) -> Text:
    student = report.student
    title = layout.text(report.name, style="bold")
    return title.append(
        f"   {student.architecture} ×{student.width:g}, {student.parameters:,} parameters, "
        f"{wording.short_count(student.macs)} MACs, "
        f"{wording.shape(report.data.input_shape)} to {tables.outputs_text(report)}",
        style="not bold",
    )


def _subject(report: Report) -> str:
    """What the first table is about."""
    return tables.task_of(report).subject


def _compared(report: Report) -> str:
    """Which columns refer to the float model."""
    if report.flipped is None:
        return "'vs float' refers"
    return "'vs float' (points) and 'agree' refer"


def _chosen_by(report: Report) -> str:
    metric = tables.task_of(report).score_metric
    return "Chosen on validation" + ("" if metric == TOP1 else f" by {metric.label}")


def _outputs(report: Report) -> list[RenderableType]:
    """Each target or label by itself, where there are several."""
    if not report.by_output:
        return []
    name, *metrics = tables.output_headings(report)
    table = layout.table([name, *(f">{metric}" for metric in metrics)])
    for row in tables.output_rows(report):
        layout.add_row(table, row)
    return [layout.section("Shipped model, output by output", table)]


def _accuracy_table(report: Report, *, wide: bool) -> Table:
    task = tables.task_of(report)
    agree = [">agree %"] if report.flipped is not None else []
    others = [f">{metric.heading}" for metric in task.metrics[1:]]
    columns = ["", "model", f">{task.headline.heading}", "95 % interval", ">vs float"]
    columns += [*agree, *others, ">KiB", "how"]
    table = layout.table([*columns, "what it is"] if wide else columns)
    for row in tables.accuracy_rows(report):
        cells = [row.mark, row.label, row.headline, row.interval, row.delta]
        cells += [row.agreement] if agree else []
        cells += [*row.others, row.size_kib, f"[{row.how}]"]
        style = "bold" if row.mark == SHIPPED else ""
        layout.add_row(table, [*cells, row.description] if wide else cells, style=style)
    return table


def _ledger(report: Report) -> list[RenderableType]:
    """What each pair shows, of a report that has the ledger."""
    if not report.ledger:
        return []
    task = tables.task_of(report)
    metric = task.headline
    table = layout.table(["pair", "shows", f">{metric.unit}", ">gained", ">lost", ">p"])
    for test in report.ledger:
        cells = [ledger.PAIR_LABELS[test.name], ledger.flip_shown(test)]
        cells += [tables.flip_difference(report, test)]
        layout.add_row(
            table, [*cells, f"{test.gained}", f"{test.lost}", ledger.p_text(test.p_value)]
        )
    return [
        layout.section("In pairs, on the same samples", table),
        layout.legend(f"{ledger.counted(task)}   p: {ledger.test_name(task)}, exact"),
    ]


def _chain(report: Report) -> list[RenderableType]:
    """Assistants and generations, of a build that has them."""
    links, samples = report.distill.chain, report.data.validation_samples
    if not links:
        return []
    name, taught_by, *numbers = chain.COLUMNS
    table = layout.table(["", name, taught_by, *(f">{column}" for column in numbers)])
    for row in chain.chain_rows(links, samples):
        cells = [CHOSEN if row.is_kept else "", row.name, row.taught_by]
        style = "bold" if row.is_kept else ""
        layout.add_row(table, [*cells, row.parameters, row.accuracy], style=style)
    return [
        layout.section("Who taught whom", table),
        layout.legend(f"{CHOSEN} {chain.chain_reason(links, samples)}"),
    ]


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
    layout.add_row(grid, ["flash", f"{kib(footprint.flash_bytes)} KiB", flash, how])
    layout.add_row(grid, ["RAM", f"{kib(footprint.ram_bytes)} KiB", ram, how])
    return grid


def _board_table(report: Report, *, wide: bool) -> Table:
    columns = ["", "board", "fits", ">flash KiB", ">RAM KiB", ">ms", "how"]
    table = layout.table([*columns, "core", ">instructions"] if wide else columns)
    for row in tables.board_rows(report):
        fits = "yes" if row.fits else "NO"
        cells = [row.mark, row.board, fits, row.flash, row.ram, row.latency_ms, f"[{row.how}]"]
        more = [row.core, row.instructions] if wide else []
        style = "bold" if row.mark else ("" if row.fits else "red")
        layout.add_row(table, [*cells, *more], style=style)
    return table


def _sources(report: Report) -> Table:
    grid = Table.grid(padding=(0, 1))
    for how, number in tables.how_numbers(report).items():
        layout.add_row(grid, [f"[{number}]", how], style="dim")
    return grid


def _files(report: Report) -> Table:
    table = layout.table(["file", ">KiB", "SHA-256"])
    for artifact in report.artifacts:
        cells = [artifact.path, wording.kib(artifact.size_bytes), f"{artifact.sha256[:16]}…"]
        layout.add_row(table, cells)
    return table


def _seconds(report: Report) -> str:
    stages = (f"{stage} {wording.duration(time)}" for stage, time in report.seconds.items())
    total = wording.duration(sum(report.seconds.values()))
    return f"{total}: {', '.join(stages)}"
