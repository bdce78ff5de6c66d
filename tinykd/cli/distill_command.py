"""``tinykd distill``: a student with its teacher, and without."""

from __future__ import annotations

from functools import partial
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
    from tinykd.datasets import Dataset
    from tinykd.progress import Progress
    from tinykd.results import DistillResult


@click.command("distill", epilog="Example: tinykd distill --teacher teacher/teacher.keras")
@configured(teachers=teachers_option("the configured one"), longer=longer_option, seed=seed_option)
@out_option("student", "Folder for student.h5 and scratch.h5.")
@progress_option
@json_option
def command(
    config: Config,
    out: Path,
    progress: Progress,
    as_json: bool,
) -> None:
    """Train the same student twice, with the teacher and without, and say which is better.

    The configuration's [distill] section names the loss, or a weighted sum of losses: kd, kd_ce,
    mse_logits, ls_kd, dkd and dist on logits; hint, attention and rkd on features of both networks.
    Left out, the losses that suit the data race one another on validation, for half the epochs of
    one training together (race_fraction).
    Several teachers answer together, as [teacher] combine says.
    Samples without labels (data.unlabelled, or x_unlabelled in the data) are learned from too.
    """
    from tinykd.backend import load_tensorflow
    from tinykd.cli.stage_output import show_result, stage_folder
    from tinykd.datasets import load_dataset
    from tinykd.errors import ConfigError
    from tinykd.teachers.files import check_teacher_source, hash_file

    if not config.teacher.files:
        raise ConfigError(
            "teacher: there is none. Give --teacher FILE, or teacher.path in the configuration; "
            "`tinykd teacher` trains one."
        )
    files = [check_teacher_source(teacher) for teacher in config.teacher.files]
    dataset = load_dataset(config.data)
    load_tensorflow(progress)
    from tinykd.distillation.stage import distill_student
    from tinykd.teachers.cache import user_cache
    from tinykd.teachers.ensemble import open_given
    from tinykd.teachers.soft_targets import compute_soft_targets

    opened = open_given(config.teacher, dataset)
    with stage_folder(
        out, config=config, data=dataset.summary(), teachers=[hash_file(file) for file in files]
    ) as folder:
        soft_targets = compute_soft_targets(
            opened,
            dataset,
            augment=config.distill.views,
            view_targets=config.distill.view_targets,
            progress=progress,
            cache=user_cache(),
        )
        result = distill_student(
            config.distill,
            config.student,
            dataset,
            soft_targets,
            open_teacher=lambda: opened.trainee,
            seed=config.seed,
            folder=folder,
            progress=progress,
        )
    show_result(result, _lines(result, out, dataset), as_json=as_json)


def _lines(result: DistillResult, out: Path, dataset: Dataset) -> list[str]:
    """The answer for a person."""
    from tinykd.cli.stage_output import score_text
    from tinykd.notes import mixup_note
    from tinykd.report.chain import chain_lines
    from tinykd.report.race import race_lines

    shown, samples = partial(score_text, dataset.task), len(dataset.y_validation)
    return [
        f"{result.student.architecture}: {result.student.parameters:,} parameters, "
        f"{result.student.macs:,} MACs",
        *race_lines(result.race, samples),
        f"{out / 'scratch.h5'}: {shown(result.scratch_validation_accuracy)} on validation, "
        "without the teacher",
        f"{out / 'student.h5'}: {shown(result.student_validation_accuracy)} on validation, "
        f"with the teacher ({result.loss})",
        *chain_lines(result.chain, samples),
        f"Better: {result.shipped}.h5",
        *filter(None, [mixup_note(result.augment, result.student.parameters)]),
    ]
