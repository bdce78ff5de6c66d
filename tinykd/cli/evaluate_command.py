"""``tinykd evaluate``: models on a test split."""

from __future__ import annotations

from pathlib import Path

import click

from tinykd.cli.console import (
    assemble_config,
    choose_progress,
    data_option,
    json_option,
    quiet_option,
    recipe_option,
)


@click.command(
    "evaluate", epilog="Example: tinykd evaluate --data gestures.npz model.tflite teacher.keras"
)
@click.argument("models", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
@recipe_option
@data_option
@quiet_option
@json_option
def command(
    models: tuple[Path, ...],
    recipe: str | None,
    data: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Score MODELS on the test split: .tflite files of tinykd, .keras and .h5 teachers.

    A .tflite runs three times: in LiteRT, in TFLM's interpreter, and as generated C; the last two
    must agree in every byte.
    """
    import json

    from tinykd.backend import load_tensorflow
    from tinykd.cli.stage_output import percent
    from tinykd.datasets import load_dataset
    from tinykd.teachers.files import check_model_file

    for model in models:
        check_model_file(model)
    config = assemble_config(None, recipe, data=data)
    progress = choose_progress(quiet=quiet)
    dataset = load_dataset(config.data)
    load_tensorflow(progress)
    from tinykd.score import score_file

    rows = [row for model in models for row in score_file(model, dataset, progress=progress)]
    if as_json:
        click.echo(json.dumps([row.model_dump() for row in rows], indent=2))
        return
    for row in rows:
        low, high = row.ci95
        click.echo(
            f"{percent(row.top1_accuracy):>8}  [{percent(low)}, {percent(high)}]  "
            f"{row.file}, {row.how}"
        )
