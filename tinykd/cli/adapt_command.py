"""``tinykd adapt``: a student for another domain, whose samples nobody has labelled."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tinykd.cli.options import configured, json_option, out_option, progress_option, seed_option

if TYPE_CHECKING:
    from tinykd.config import Config
    from tinykd.progress import Progress


@click.command(
    "adapt", epilog="Example: tinykd adapt --teacher teacher/teacher.keras --target field.npz"
)
@configured(seed=seed_option)
@click.option(
    "--teacher", required=True, metavar="FILE", help="Of the data's domain: .keras or .h5."
)
@click.option(
    "--target",
    required=True,
    metavar="FILE.npz",
    help="The other domain: samples x. If you have them, x_labelled and y_labelled, a few that are "
    "learned from, and x_test and y_test, that are reported on.",
)
@click.option(
    "--confidence",
    type=float,
    default=0.8,
    show_default=True,
    metavar="P",
    help="Believe the teacher's answers to the target from this probability on.",
)
@out_option("adapted", "Folder for student.h5.")
@progress_option
@json_option
def command(
    config: Config,
    teacher: str,
    target: str,
    confidence: float,
    out: Path,
    progress: Progress,
    as_json: bool,
) -> None:
    """Train a student for a domain without labels, with a teacher of the data's domain.

    The student learns the labels of the data, and what the teacher says of both domains. For the
    target the teacher is shown the samples in the way that tells it most: with its batch
    normalization re-estimated or not, values mirrored or not. `tinykd quantize --student
    adapted/student.h5` makes the student int8.
    """
    from tinykd.backend import load_tensorflow
    from tinykd.cli.stage_output import show_result, stage_folder
    from tinykd.datasets import load_dataset, read_target
    from tinykd.errors import ConfigError
    from tinykd.report.adaptation import adaptation_lines
    from tinykd.teachers.files import check_teacher_source, hash_file

    if config.teacher.input_scale != 1.0:
        raise ConfigError("teacher.input_scale: adapt gives the teacher raw values. Set it to 1.")
    file = check_teacher_source(teacher)
    other = read_target(target)
    dataset = load_dataset(config.data)
    load_tensorflow(progress)
    from tinykd.api import adapt
    from tinykd.students.architectures import build_student
    from tinykd.students.files import save_student
    from tinykd.training import make_deterministic

    make_deterministic(config.seed)
    student = build_student(
        config.student,
        dataset.input_shape,
        dataset.classes,
        seed=config.seed,
        start=dataset.start,
    )
    with stage_folder(
        out,
        config=config,
        data=dataset.summary(),
        teacher=hash_file(file),
        target=hash_file(Path(target)),
        confidence=confidence,
    ) as folder:
        adapt(
            file,
            student,
            dataset,
            other.x,
            labelled_target=other.labelled,
            target_test=other.test,
            confidence=confidence,
            seed=config.seed,
            folder=folder,
            progress=progress,
            **config.distill.model_dump(),
        )
        save_student(student, folder / "student.h5")
    result = student.adaptation
    show_result(
        result,
        [*adaptation_lines(result), f"Wrote {out / 'student.h5'}"],
        as_json=as_json,
    )
