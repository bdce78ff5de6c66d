"""``tinykd compare``: does distillation help, and does int8 keep it, over several seeds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tinykd.cli.options import (
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


@click.command("compare", epilog="Example: tinykd compare --recipe digits --seeds 5")
@configured(
    teachers=teachers_option("the configured one, or one is trained"),
    longer=longer_option,
    seed=seed_option,
)
@click.option(
    "--seeds", type=int, default=5, show_default=True, metavar="N", help="Builds, at least 2."
)
@click.option("--new-teacher", is_flag=True, help="Train a teacher for each seed, too.")
@out_option("build", "Where the comparison's directory is made.")
@progress_option
@json_option
def command(
    config: Config,
    seeds: int,
    new_teacher: bool,
    out: Path,
    progress: Progress,
    as_json: bool,
) -> None:
    """Build once for each seed, and compare in pairs: scratch, distilled, and each int8 form.

    Every build has the same split, settings and budget; the student's initial weights and the
    order of its samples vary. One teacher teaches all of them, unless each seed shall train its
    own. What is finished is kept: the same command goes on, and more seeds add to it. Every seed
    is fine-tuned, also where [quantize] qat = "if_needed" would have a build do without.
    """
    from tinykd.comparison import compare, comparison_folder
    from tinykd.report.comparison import COMPARISON_FORMATS, render_comparison

    comparison = compare(
        config,
        seeds=seeds,
        out=out,
        new_teacher=new_teacher,
        progress=progress,
    )
    if as_json:
        click.echo(COMPARISON_FORMATS["json"](comparison), nl=False)
        return
    from rich.console import Console

    render_comparison(comparison, Console(), directory=str(comparison_folder(config, out)))
