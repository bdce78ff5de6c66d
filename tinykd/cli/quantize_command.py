"""``tinykd quantize``: a student as int8, in two ways."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tinykd.cli.options import (
    configured,
    json_option,
    out_option,
    progress_option,
    seed_option,
    teachers_option,
)

if TYPE_CHECKING:
    from tinykd.config import Config
    from tinykd.progress import Progress
    from tinykd.results import QuantizeResult
    from tinykd.tasks import Task


@click.command(
    "quantize",
    epilog="Example: tinykd quantize --student student/student.h5 --teacher teacher/teacher.keras",
)
@configured(
    teachers=teachers_option("the configured one, or the labels and the float student"),
    seed=seed_option,
)
@click.option("--student", required=True, metavar="FILE", help="A student, .h5 or .keras.")
@out_option("int8", "Folder for ptq.tflite, and qat.tflite and qat.h5 if fine-tuned.")
@progress_option
@json_option
def command(
    config: Config,
    student: str,
    out: Path,
    progress: Progress,
    as_json: bool,
) -> None:
    """Quantize a student after training, and again while the teacher goes on teaching.

    The float student is a second teacher of the fine-tuning ([quantize] self_alpha). Fine-tuning
    that does not beat plain quantization on validation is not the one to take. With [quantize]
    qat = "if_needed" there is none where plain quantization loses next to nothing.
    """
    from tinykd.backend import load_tensorflow
    from tinykd.cli.stage_output import show_result, stage_folder
    from tinykd.datasets import load_dataset
    from tinykd.students.files import check_student_file
    from tinykd.teachers.files import check_teacher_source, hash_file

    files = [check_teacher_source(teacher) for teacher in config.teacher.files]
    student_file = check_student_file(student)
    dataset = load_dataset(config.data)
    load_tensorflow(progress)
    from tinykd.distillation.rows import training_rows
    from tinykd.losses import choose_objective
    from tinykd.quantization.finetune import QAT_FILE, QAT_MODEL, quantize_student
    from tinykd.students.files import load_student
    from tinykd.teachers.cache import user_cache
    from tinykd.teachers.ensemble import open_given
    from tinykd.teachers.soft_targets import compute_soft_targets

    with stage_folder(
        out,
        config=config,
        data=dataset.summary(),
        teachers=[hash_file(file) for file in files],
        student=hash_file(student_file),
    ) as folder:
        objective = choose_objective(config.distill, dataset.classes, dataset.task.name).on_logits()
        soft_targets = None
        if files:
            soft_targets = compute_soft_targets(
                open_given(config.teacher, dataset),
                dataset,
                augment=config.distill.views,
                view_targets=config.distill.view_targets,
                progress=progress,
                cache=user_cache(),
            )
        result = quantize_student(
            config.quantize,
            load_student(student_file, dataset),
            objective if files else objective.without_teacher(),
            training_rows(dataset, config.distill, soft_targets),
            dataset,
            batch_size=config.distill.batch_size,
            seed=config.seed,
            folder=folder,
            progress=progress,
        )
        if result.qat_validation_accuracy is None:
            for name in (QAT_FILE, QAT_MODEL):  # of an earlier run: another student's, maybe
                (out / name).unlink(missing_ok=True)
    show_result(result, _lines(result, student, out, dataset.task), as_json=as_json)


def _lines(result: QuantizeResult, student: str, out: Path, task: Task) -> list[str]:
    """The answer for a person."""
    from tinykd.cli.stage_output import score_text

    shown = partial(score_text, task)
    lines = [
        f"{student}: {shown(result.float_validation_accuracy)} on validation, float",
        f"{out / 'ptq.tflite'}: {shown(result.ptq_validation_accuracy)}, PTQ",
    ]
    if result.qat_validation_accuracy is None:
        return [*lines, "It loses too little to be fine-tuned ([quantize] ptq_may_lose)"]
    lines.append(f"{out / 'qat.tflite'}: {shown(result.qat_validation_accuracy)}, QAT")
    return [*lines, f"Better: {result.shipped}.tflite"]
