"""What the commands of single stages share: a folder for their files, and how they answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from firmware_export.compiled import RemovedChannels
from firmware_export.errors import ModelError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from tinykd.tasks import Task


@contextmanager
def stage_folder(out: Path, **depends_on: object) -> Iterator[Path]:
    """A folder for a stage's files, inside ``out``, which nobody else uses meanwhile.

    When the stage is complete, its files are moved to ``out``, each in one step. If it is stopped,
    the folder stays: the same command with the same inputs goes on from the checkpoint in it.
    """
    from tinykd.artifacts import RunDirectory, fingerprint, write_atomically

    with RunDirectory(out).locked() as directory:
        folder = directory.working_folder(fingerprint(depends_on))
        yield folder
        for file in sorted(folder.iterdir()):
            write_atomically(out / file.name, file.read_bytes())
        directory.discard_partial_stages()


@contextmanager
def naming(model: Path) -> Iterator[None]:
    """Say in an error about a model's content which file it is."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{model}: {error}") from None


def show_result(result: BaseModel, lines: list[str], *, as_json: bool) -> None:
    """Print a stage's result for a machine, or a few lines for a person."""
    click.echo(result.model_dump_json(indent=2) if as_json else "\n".join(lines))


def removed_text(removed: RemovedChannels) -> str:
    """What constant channels would have cost, for a person.

    Example:
        >>> removed_text(RemovedChannels(channels=2, macs=4096, weights_bytes=512))
        'Left out: 2 channels that never change, with 4,096 MACs and 512 bytes of weights'
    """
    return (
        f"Left out: {removed.channels:,} channels that never change, with {removed.macs:,} MACs "
        f"and {removed.weights_bytes:,} bytes of weights"
    )


def percent(share: float) -> str:
    """A share as people read it.

    Example:
        >>> percent(0.97654)
        '97.65 %'
    """
    return f"{100 * share:.2f} %"


def score_text(task: Task, share: float) -> str:
    """A score on validation; of another task than classification, with its name.

    Example:
        >>> from tinykd.tasks import TASKS
        >>> score_text(TASKS["regression"], 0.5066), score_text(TASKS["anomaly"], 0.9)
        ('R² 50.66 %', 'rebuilt variance 90.00 %')
    """
    return percent(share) if task.says_class else f"{task.score_metric.label} {percent(share)}"
