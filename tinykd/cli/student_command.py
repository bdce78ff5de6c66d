"""``tinykd student``: what every architecture would cost on this data, before any training."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from tinykd.cli.options import configured, json_option, progress_option

if TYPE_CHECKING:
    from tinykd.config import Config
    from tinykd.progress import Progress
    from tinykd.results import StudentChoice, StudentCost

LINE = "{:<14}{:>6}{:>12}{:>14}{:>11}{:>10}  {}"


@click.command(
    "student", epilog="Example: tinykd student --data gestures.npz --flash 20000 --macs 1000000"
)
@configured(
    width=click.option(
        "--width", type=float, default=None, help="In place of the configured width."
    )
)
@click.option(
    "--board",
    default=None,
    metavar="KEY",
    help="Fill up to three quarters of this board's flash and RAM; see `tinykd boards`.",
)
@click.option(
    "--flash", type=int, default=None, metavar="BYTES", help="Code and constants: at most so much."
)
@click.option(
    "--ram", type=int, default=None, metavar="BYTES", help="Arena and stack: at most so much."
)
@click.option("--macs", type=int, default=None, metavar="N", help="Of one inference: at most.")
@progress_option
@json_option
def command(
    config: Config,
    width: float | None,
    board: str | None,
    flash: int | None,
    ram: int | None,
    macs: int | None,
    progress: Progress,
    as_json: bool,
) -> None:
    """List the students with the parameters and MACs they would have on this data.

    With --board, --flash, --ram or --macs: for each architecture the widest student that stays
    within all of them, with its flash and RAM as C, those with most MACs first. Without --board the
    core is that of the configured one. Nothing is trained; each takes ten to fifteen seconds.
    """
    from tinykd.errors import ConfigError

    if {board, flash, ram, macs} == {None}:
        _list(config, progress, as_json=as_json)
        return
    if width is not None:
        raise ConfigError("--width: a budget decides the width. Leave out one of the two.")
    from tinykd.sizing.search import largest_students

    choice = largest_students(
        config,
        board=board,
        flash_bytes=flash,
        ram_bytes=ram,
        macs=macs,
        progress=progress,
    )
    click.echo(choice.model_dump_json(indent=2) if as_json else "\n".join(choice_lines(choice)))


def _list(config: Config, progress: Progress, *, as_json: bool) -> None:
    from tinykd.backend import load_tensorflow
    from tinykd.datasets import load_dataset

    dataset = load_dataset(config.data)
    load_tensorflow(progress)
    from tinykd.students.cost import list_students

    rows = list_students(config.student.width, dataset)
    if as_json:
        click.echo(json.dumps([row.model_dump() for row in rows], indent=2))
        return
    click.echo(f"{'architecture':<14}{'parameters':>12}{'MACs':>14}")
    for row in rows:
        click.echo(f"{row.architecture:<14}{row.parameters:>12,}{row.macs:>14,}")


def choice_lines(choice: StudentChoice) -> list[str]:
    """A table, what its bytes are of, and what to do next."""
    budget, best = choice.budget, choice.students[0]
    macs = "" if budget.macs is None else f" and {budget.macs:,} MACs"
    titles = ("architecture", "width", "parameters", "MACs", "flash B", "RAM B", "limited by")
    beyond = [f"{name}: too large to be emulated at any width" for name in choice.not_measurable]
    return [
        LINE.format(*titles),
        *[_row(cost, cost.limited_by) for cost in choice.students],
        *[_row(cost, f"{cost.limited_by}: does not fit") for cost in choice.too_large],
        *beyond,
        f"As C for {choice.core} by {choice.compiler}, within {budget.flash_bytes:,} bytes of "
        f"flash, {budget.ram_bytes:,} of RAM{macs}",
        f'In the configuration: student.architecture = "{best.architecture}", '
        f"student.width = {best.width:g}",
    ]


def _row(cost: StudentCost, limited_by: str) -> str:
    figures = (cost.parameters, cost.macs, cost.flash_bytes, cost.ram_bytes)
    return LINE.format(
        cost.architecture, f"{cost.width:g}", *(f"{figure:,}" for figure in figures), limited_by
    )
