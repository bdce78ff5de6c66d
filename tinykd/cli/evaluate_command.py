"""``tinykd evaluate``: models on a test split."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tinykd.cli.options import configured, json_option, progress_option

if TYPE_CHECKING:
    from tinykd.config import Config
    from tinykd.progress import Progress
    from tinykd.results import FileScore
    from tinykd.tasks import Metric, Task

CONFIG_OPTION = click.option(
    "--config",
    "config_file",
    default=None,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Configuration whose [data] section says what the models were asked.",
)


@click.command(
    "evaluate", epilog="Example: tinykd evaluate --data gestures.npz model.tflite teacher.keras"
)
@configured(file=CONFIG_OPTION)
@click.argument("models", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
@progress_option
@json_option
def command(
    config: Config,
    models: tuple[Path, ...],
    progress: Progress,
    as_json: bool,
) -> None:
    """Score MODELS on the test split: .tflite files of tinykd, .keras and .h5 teachers.

    A .tflite runs three times: in LiteRT, in TFLM's interpreter, and as generated C; the last two
    must agree in every byte.
    """
    import json

    from tinykd.backend import load_tensorflow
    from tinykd.datasets import load_dataset
    from tinykd.teachers.files import check_model_file

    for model in models:
        check_model_file(model)
    dataset = load_dataset(config.data)
    load_tensorflow(progress)
    from tinykd.score import score_file

    rows = [row for model in models for row in score_file(model, dataset, progress=progress)]
    if as_json:
        click.echo(json.dumps([row.model_dump() for row in rows], indent=2))
        return
    for row in rows:
        click.echo(f"{_figures(row, dataset.task)}  {row.file}, {row.how}")


def _figures(row: FileScore, task: Task) -> str:
    """The headline with its interval, then the task's other metrics by their names."""
    from tinykd.cli.stage_output import percent

    def shown(metric: Metric, value: float) -> str:
        return percent(value) if metric.is_share else f"{value:.5g}"

    head = task.headline
    low, high = (shown(head, bound) for bound in row.ci95)
    first = f"{shown(head, row.headline):>8}  [{low}, {high}]"
    if task.says_class:
        return first
    others = (
        f"{metric.label} {shown(metric, row.metrics[metric.key])}" for metric in task.metrics[1:]
    )
    return ", ".join([f"{head.label} {first.strip()}", *others])
