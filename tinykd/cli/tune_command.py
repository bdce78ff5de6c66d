"""``tinykd tune``: better settings for distillation, searched on validation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tinykd.cli.options import (
    configured,
    json_option,
    out_option,
    progress_option,
    seed_option,
    teachers_option,
)

if TYPE_CHECKING:
    from tinykd.config import Config
    from tinykd.progress import Progress


@click.command("tune", epilog="Example: tinykd tune digits.toml --minutes 30 --write")
@configured(teachers=teachers_option("the configured one, or one is trained"), seed=seed_option)
@click.option(
    "--minutes",
    type=float,
    default=30.0,
    show_default=True,
    metavar="M",
    help="Time for the search, once the teacher is there.",
)
@click.option("--trials", type=int, default=None, metavar="N", help="At most so many trainings.")
@out_option("build", "Where the search's directory is made.")
@click.option("--write", is_flag=True, help="Set what was found in CONFIG; its comments stay.")
@progress_option
@json_option
def command(
    config: Config,
    config_file: Path | None,
    minutes: float,
    trials: int | None,
    out: Path,
    write: bool,
    progress: Progress,
    as_json: bool,
) -> None:
    """Search loss, temperature, alpha, epochs and learning rate for the distilled student.

    Choices are made on validation; the test split is not looked at. At the end the best setting
    and the current one are trained on three other seeds: only a gain beyond their spread counts.
    The study is kept: the same command goes on with it, and several may search at once.
    """
    from tinykd.errors import ConfigError

    if write and config_file is None:
        raise ConfigError("--write needs the CONFIG file to write to. `tinykd init` makes one.")

    from tinykd.report.tuning import describe_tuning
    from tinykd.tuning.tune import tune
    from tinykd.tuning.write import render_changes, write_changes

    result = tune(
        config,
        minutes=minutes,
        trials=trials,
        out=out,
        progress=progress,
    )
    written = None
    if write and config_file is not None and result.changes:
        written = write_changes(config_file, result.changes)
    if as_json:
        click.echo(result.model_dump_json(indent=2))
        return
    click.echo("\n".join(describe_tuning(result)))
    if result.changes:
        click.echo(f"\n{render_changes(result.changes)}", nl=False)
    if written is not None:
        click.echo(f"\nWrote {written}")
