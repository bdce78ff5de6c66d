"""``tinykd compare``: does distillation help, and does int8 keep it, over several seeds."""

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


@click.command("compare", epilog="Example: tinykd compare --recipe digits --seeds 5")
@config_argument
@recipe_option
@data_option
@teachers_option(required=False)
@click.option(
    "--seeds", type=int, default=5, show_default=True, metavar="N", help="Builds, at least 2."
)
@click.option("--new-teacher", is_flag=True, help="Train a teacher for each seed, too.")
@seed_option
@out_option("build", "Where the comparison's directory is made.")
@quiet_option
@json_option
def command(
    config_file: Path | None,
    recipe: str | None,
    data: str | None,
    teachers: tuple[str, ...],
    seeds: int,
    new_teacher: bool,
    seed: int | None,
    out: Path,
    quiet: bool,
    as_json: bool,
) -> None:
    """Build once for each seed, and compare in pairs: scratch, distilled, and each int8 form.

    Every build has the same split, settings and budget; the student's initial weights and the
    order of its samples vary. One teacher teaches all of them, unless each seed shall train its
    own. What is finished is kept: the same command goes on, and more seeds add to it.
    """
    from tinykd.comparison import compare, comparison_folder
    from tinykd.report.comparison import COMPARISON_FORMATS, render_comparison

    config = assemble_config(config_file, recipe, data=data, teachers=teachers, seed=seed)
    comparison = compare(
        config,
        seeds=seeds,
        out=out,
        new_teacher=new_teacher,
        progress=choose_progress(quiet=quiet),
    )
    if as_json:
        click.echo(COMPARISON_FORMATS["json"](comparison), nl=False)
        return
    from rich.console import Console

    render_comparison(comparison, Console(), directory=str(comparison_folder(config, out)))
