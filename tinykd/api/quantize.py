"""``tinykd.quantize``: one call from a Keras student to int8."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinykd.api.data import Split, read_data
from tinykd.api.lessons import Combination, check_unlabelled, learn_from
from tinykd.api.resume import resumable
from tinykd.api.settings import read_settings
from tinykd.api.student import count_classes, examine_student, in_network_units
from tinykd.api.teacher import as_list
from tinykd.artifacts import write_atomically
from tinykd.backend import load_tensorflow
from tinykd.config import TaskName
from tinykd.datasets import Dataset, HeldOut
from tinykd.errors import ConfigError
from tinykd.losses import choose_objective
from tinykd.progress import Progress, Silent
from tinykd.quantization.finetune import QAT_MODEL, quantize_student
from tinykd.quantization.layers import check_quantizable
from tinykd.quantization.qat import load_qat
from tinykd.results import QuantizeResult
from tinykd.students.from_keras_3 import as_tf_keras
from tinykd.tasks import TASKS

LESSON = (
    "loss",
    "losses",
    "temperature",
    "alpha",
    "augment",
    "view_targets",
    "batch_size",
    "unlabelled_ratio",
    "unlabelled_confidence",
)
"""Keys of ``[distill]`` that fine-tuning goes by too; epochs and learning rate are its own."""


@dataclass(frozen=True)
class Int8Student:
    """A student as int8.

    Attributes:
        tflite: The better file, int8 in and out.
        result: Validation accuracy of float, PTQ and QAT, and which of the two this is.
        qat_model: The ``tf_keras`` model that was fine-tuned and computes as its int8 file does.
            ``tinykd.save_qat`` and ``tinykd.load_qat`` keep it, ``tinykd.convert_qat`` converts it.
            None where ``qat="if_needed"`` found no need.
    """

    tflite: bytes
    result: QuantizeResult
    qat_model: Any

    def save(self, path: Path | str) -> None:
        """Write the ``.tflite`` file."""
        write_atomically(Path(path), self.tflite)


def quantize(
    student: Any,
    data: Any,
    *,
    teacher: Any = None,
    task: TaskName = "classification",
    unlabelled: Any = None,
    combine: Combination = "probabilities",
    validation_every: int = 5,
    seed: int = 0,
    folder: Path | str | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Int8Student:
    """Quantize a trained student after training and quantization-aware; return the better.

    Args:
        student: Functional model or Sequential of Keras 3 or ``tf_keras``, from samples to logits
            or probabilities, [n, classes]. It is not changed.
        data: As for ``tinykd.distill``.
        teacher: As for ``tinykd.distill``. Without one the labels and the float student teach.
        task: As for ``tinykd.distill``; the file answers in the unit of the targets.
        unlabelled: As for ``tinykd.distill``.
        combine: As for ``tinykd.distill``.
        validation_every: Every n-th sample is kept for validation where the data has no split.
        seed: Of the order of the samples.
        folder: As for ``tinykd.distill``.
        progress: Shows the work.
        settings: Keys of the ``[quantize]`` section, such as ``epochs=10``, ``self_alpha=0.3``, and
            those of ``[distill]`` that say what is taught (``LESSON``), such as ``loss="kd"``.

    Raises:
        TinykdError: If student, teacher, data and settings do not fit each other. A layer that
            cannot be int8 is named, with what to use in its place.
    """
    progress = progress or Silent()
    load_tensorflow(progress)
    lesson = {key: settings.pop(key) for key in LESSON if key in settings}
    config = read_settings("quantize", seed, validation_every, distill=lesson, quantize=settings)
    student = as_tf_keras(student)
    check_quantizable(student)
    if task not in TASKS:
        raise ConfigError(f"task: there is no '{task}'. One of: {', '.join(TASKS)}.")
    split = read_data(data, validation_every=validation_every, task=TASKS[task])
    classes = count_classes(examine_student(student, split), split)
    objective = choose_objective(config.distill, classes, split.task.name).on_logits()
    teachers = [] if teacher is None else as_list(teacher)
    if not teachers:
        objective = objective.without_teacher()
    check_unlabelled(unlabelled, split.task, teachers)
    with progress.task("teacher: answering"):
        rows = learn_from(split, teachers, config.distill, classes, combine, unlabelled)
    known = (config, objective)
    with resumable(folder, known, rows, split, student.get_weights()) as place:
        result = quantize_student(
            config.quantize,
            in_network_units(student, split.student_scale),
            objective,
            rows,
            _as_dataset(split, classes),
            batch_size=config.distill.batch_size,
            seed=seed,
            folder=place,
            progress=progress,
        )
        tflite = (place / f"{result.shipped}.tflite").read_bytes()
        is_tuned = result.qat_validation_accuracy is not None
        return Int8Student(tflite, result, load_qat(place / QAT_MODEL) if is_tuned else None)


@dataclass(frozen=True)
class _Samples(Dataset):
    """Samples that the student takes as they are; there is no test split."""

    scale: float = 1.0

    @property
    def input_scale(self) -> float:
        """What the caller's student expects."""
        return self.scale


def _as_dataset(split: Split, classes: int) -> Dataset:
    return _Samples(
        source="python",
        class_names=tuple(map(str, range(classes))),
        x_train=split.x,
        y_train=split.y,
        x_validation=split.x_validation,
        y_validation=split.y_validation,
        x_test=split.x_validation[:0],
        y_test=split.y_validation[:0],
        held_out=HeldOut(~split.kept, "as it was given"),
        scale=split.input_scale,
        task=split.task,
        output_scale=split.output_scale,
    )
