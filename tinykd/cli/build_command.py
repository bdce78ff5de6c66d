"""``tinykd build``: the product."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tinykd.cli.options import (
    board_option,
    configured,
    json_option,
    longer_option,
    out_option,
    progress_option,
    seed_option,
    teachers_option,
)

if TYPE_CHECKING:
    from tinykd.config import Config
    from tinykd.progress import Progress


@click.command(
    "build",
    epilog="Example: tinykd build --recipe fashion-mnist --data fashion.npz --board pico2",
)
@configured(
    teachers=teachers_option("the configured one, or one is trained"),
    board=board_option,
    longer=longer_option,
    seed=seed_option,
)
@out_option("build", "Where the build's directory is made.")
@progress_option
@json_option
def command(
    config: Config,
    out: Path,
    progress: Progress,
    as_json: bool,
) -> None:
    """Take a teacher to int8 C that is measured on an emulated board.

    CONFIG is a TOML file (`tinykd init` writes one). Without it the digits recipe runs, on data
    that comes with scikit-learn. What is finished is kept: the same command again does only what
    has changed, and a build that was stopped goes on where it was.
    """
    from tinykd.pipeline import build
    from tinykd.report import FORMATS, render_terminal

    report = build(config, out=out, progress=progress)
    if as_json:
        click.echo(FORMATS["json"](report), nl=False)
        return
    from rich.console import Console

    render_terminal(report, Console(), directory=str(out / config.name))
