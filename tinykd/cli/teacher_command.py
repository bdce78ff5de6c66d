"""``tinykd teacher``: train a teacher, or check one."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tinykd.cli.options import configured, json_option, out_option, progress_option, seed_option

if TYPE_CHECKING:
    from tinykd.config import Config
    from tinykd.progress import Progress
    from tinykd.results import TeacherResult
    from tinykd.tasks import Task


@click.command("teacher", epilog="Example: tinykd teacher --data gestures.npz --out teachers")
@configured(seed=seed_option)
@click.option("--check", default=None, metavar="FILE", help="Check this teacher; train nothing.")
@out_option("teacher", "Folder for teacher.keras.")
@progress_option
@json_option
def command(
    config: Config,
    check: str | None,
    out: Path,
    progress: Progress,
    as_json: bool,
) -> None:
    """Train a teacher on the data, or check that your own suits it.

    With teacher.kind = "self" in the configuration it is the student's own architecture.
    """
    from tinykd.backend import load_tensorflow
    from tinykd.cli.stage_output import show_result, stage_folder
    from tinykd.datasets import load_dataset
    from tinykd.teachers.files import check_teacher_source

    file = None if check is None else check_teacher_source(check)
    dataset = load_dataset(config.data)
    load_tensorflow(progress)
    from tinykd.teachers.ensemble import prepare_teachers
    from tinykd.teachers.forms import open_any_form
    from tinykd.teachers.self_taught import train_self_teacher
    from tinykd.teachers.teacher import TEACHER_FILE, examine_teacher

    if file is not None:
        scale = dict(config.teacher.given).get(str(file), config.teacher.input_scale)
        teacher = open_any_form(file, dataset, input_scale=scale)
        result = examine_teacher(teacher, dataset, progress=progress)
        where = str(file)
    else:
        with stage_folder(out, config=config, data=dataset.summary()) as folder:
            if config.teacher.kind == "self":
                result = train_self_teacher(config, dataset, folder=folder, progress=progress)
            else:
                result = prepare_teachers(
                    config.teacher.model_copy(update={"path": "", "paths": (), "input_scales": ()}),
                    dataset,
                    seed=config.seed,
                    folder=folder,
                    progress=progress,
                )
        where = str(out if result.members else out / TEACHER_FILE)
    show_result(result, _lines(result, where, dataset.task), as_json=as_json)


def _lines(result: TeacherResult, where: str, task: Task) -> list[str]:
    """The answer for a person."""
    from tinykd.cli.stage_output import score_text

    shown = partial(score_text, task)
    return [
        f"{where}: {result.parameters:,} parameters, "
        f"{shown(result.validation_accuracy)} on validation",
        *(
            f"  {member.description}: {shown(member.validation_accuracy)}"
            for member in result.members
        ),
    ]
