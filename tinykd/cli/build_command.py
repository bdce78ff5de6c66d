"""``tinykd build``: the product."""

from __future__ import annotations

from pathlib import Path

import click

from tinykd.cli.console import (
    assemble_config,
    choose_progress,
    config_argument,
    data_option,
    json_option,
    out_option,
    quiet_option,
    recipe_option,
    seed_option,
    teachers_option,
)


@click.command(
    "build",
    epilog="Example: tinykd build --recipe fashion-mnist --data fashion.npz --board pico2",
)
@config_argument
@recipe_option
@data_option
@teachers_option(required=False)
@click.option("--board", default=None, metavar="KEY", help="Target board; see `tinykd boards`.")
@seed_option
@out_option("build", "Where the build's directory is made.")
@quiet_option
@json_option
def command(
    config_file: Path | None,
    recipe: str | None,
    data: str | None,
    teachers: tuple[str, ...],
    board: str | None,
    seed: int | None,
    out: Path,
    quiet: bool,
    as_json: bool,
) -> None:
    """Take a teacher to int8 C that is measured on an emulated board.

    CONFIG is a TOML file (`tinykd init` writes one). Without it the digits recipe runs, on data
    that comes with scikit-learn. What is finished is kept: the same command again does only what
    has changed, and a build that was stopped goes on where it was.
    """
    from tinykd.pipeline import build
    from tinykd.report import FORMATS, render_terminal

    config = assemble_config(
        config_file, recipe, data=data, teachers=teachers, seed=seed, board=board
    )
    report = build(config, out=out, progress=choose_progress(quiet=quiet))
    if as_json:
        click.echo(FORMATS["json"](report), nl=False)
        return
    from rich.console import Console

    render_terminal(report, Console(), directory=str(out / config.name))
