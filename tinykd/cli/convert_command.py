"""``tinykd convert``: a student as an int8 ``.tflite``, without training."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tinykd.cli.options import configured, json_option, progress_option

if TYPE_CHECKING:
    from tinykd.config import Config
    from tinykd.progress import Progress


@click.command(
    "convert", epilog="Example: tinykd convert --student student/student.h5 --out model.tflite"
)
@configured()
@click.option("--student", required=True, metavar="FILE", help="A student, .h5 or .keras.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("model.tflite"),
    show_default=True,
    help="The file to write.",
)
@progress_option
@json_option
def command(
    config: Config,
    student: str,
    out: Path,
    progress: Progress,
    as_json: bool,
) -> None:
    """Convert a student to full-integer int8, with ranges measured on the training data."""
    from tinykd.artifacts import write_atomically
    from tinykd.backend import load_tensorflow
    from tinykd.cli.stage_output import score_text, show_result
    from tinykd.datasets import load_dataset
    from tinykd.students.files import check_student_file

    file = check_student_file(student)
    dataset = load_dataset(config.data)
    load_tensorflow(progress)
    from tinykd.quantization.finetune import convert_student
    from tinykd.students.files import load_student

    tflite, result = convert_student(
        config.quantize,
        load_student(file, dataset),
        dataset,
        seed=config.seed,
        progress=progress,
    )
    write_atomically(out, tflite)
    shown = partial(score_text, dataset.task)
    show_result(
        result,
        [
            f"{out}: {result.size_bytes:,} bytes, {shown(result.validation_accuracy)} on "
            f"validation ({shown(result.float_validation_accuracy)} float)",
        ],
        as_json=as_json,
    )
