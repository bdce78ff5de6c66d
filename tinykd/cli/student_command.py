"""``tinykd student``: what every architecture would cost on this data, before any training."""

from __future__ import annotations

from pathlib import Path

import click

from tinykd.cli.console import (
    assemble_config,
    choose_progress,
    config_argument,
    data_option,
    json_option,
    recipe_option,
)


@click.command("student", epilog="Example: tinykd student --data gestures.npz --width 0.5")
@config_argument
@recipe_option
@data_option
@click.option("--width", type=float, default=None, help="In place of the configured width.")
@json_option
def command(
    config_file: Path | None,
    recipe: str | None,
    data: str | None,
    width: float | None,
    as_json: bool,
) -> None:
    """List the students with the parameters and MACs they would have on this data."""
    from tinykd.backend import load_tensorflow
    from tinykd.datasets import load_dataset

    config = assemble_config(config_file, recipe, data=data, width=width)
    dataset = load_dataset(config.data)
    load_tensorflow(choose_progress(quiet=as_json))
    from tinykd.students.cost import list_students

    rows = list_students(config.student.width, dataset.input_shape, dataset.classes)
    if as_json:
        import json

        click.echo(json.dumps([row.model_dump() for row in rows], indent=2))
        return
    click.echo(f"{'architecture':<14}{'parameters':>12}{'MACs':>14}")
    for row in rows:
        click.echo(f"{row.architecture:<14}{row.parameters:>12,}{row.macs:>14,}")
