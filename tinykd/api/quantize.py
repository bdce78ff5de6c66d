"""``tinykd.quantize``: one call from a Keras student to int8."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinykd.api.data import Split, read_data
from tinykd.api.student import count_classes, examine_student, in_network_units
from tinykd.api.teacher import ask_teacher, check_logits, open_any_teacher
from tinykd.artifacts import write_atomically
from tinykd.backend import load_tensorflow
from tinykd.config import TaskName, parse_config
from tinykd.datasets import Dataset, HeldOut
from tinykd.errors import ConfigError
from tinykd.losses import Objective, choose_objective
from tinykd.progress import Progress, Silent
from tinykd.quantization.finetune import QAT_MODEL, quantize_student
from tinykd.quantization.layers import check_quantizable
from tinykd.quantization.qat import load_qat
from tinykd.results import QuantizeResult
from tinykd.students.from_keras_3 import as_tf_keras
from tinykd.tasks import TASKS
from tinykd.training import Rows


@dataclass(frozen=True)
class Int8Student:
    """A student as int8.

    Attributes:
        tflite: The better file of the two, int8 in and out.
        result: Validation accuracy of float, PTQ and QAT, and which of the two this is.
        qat_model: The ``tf_keras`` model that was fine-tuned and computes as its int8 file does.
            ``tinykd.save_qat`` and ``tinykd.load_qat`` keep it, ``tinykd.convert_qat`` converts it.
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
    loss: str = "auto",
    batch_size: int = 64,
    validation_every: int = 5,
    seed: int = 0,
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
        loss: Row of ``LOSSES`` for the teacher's term.
        batch_size: Samples in one step.
        validation_every: Every n-th sample is kept for validation where the data has no split.
        seed: Of the order of the samples.
        progress: Shows the work.
        settings: Keys of the ``[quantize]`` section, such as ``epochs=10``, ``self_alpha=0.3``.

    Raises:
        TinykdError: If student, teacher, data and settings do not fit each other. A layer that
            cannot be int8 is named, with what to use in its place.
    """
    progress = progress or Silent()
    load_tensorflow(progress)
    tables = {"quantize": settings, "distill": {"loss": loss}}
    config = parse_config(tables, source="quantize")
    student = as_tf_keras(student)
    check_quantizable(student)
    if task not in TASKS:
        raise ConfigError(f"task: there is no '{task}'. One of: {', '.join(TASKS)}.")
    split = read_data(data, validation_every=validation_every, task=TASKS[task])
    classes = count_classes(examine_student(student, split), split)
    objective = Objective(labels=1.0, task=split.task.name)
    logits = None
    if teacher is not None:
        objective = choose_objective(config.distill, classes, split.task.name).on_logits()
        logits = _soft_targets(teacher, split, classes)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        result = quantize_student(
            config.quantize,
            in_network_units(student, split.student_scale),
            objective,
            Rows.of_views([split.x], split.y, logits),
            _as_dataset(split, classes),
            batch_size=batch_size,
            seed=seed,
            folder=folder,
            progress=progress,
        )
        tflite = (folder / f"{result.shipped}.tflite").read_bytes()
        return Int8Student(tflite, result, load_qat(folder / QAT_MODEL))


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


def _soft_targets(teacher: Any, split: Split, classes: int) -> Any:
    """The teacher's logits for the training samples, float32 [n, classes]."""
    if isinstance(teacher, np.ndarray):
        samples = len(split.kept)
        return check_logits(teacher, samples, classes, read=split.as_logits)[split.kept]
    return ask_teacher(open_any_teacher(teacher), split.x, classes, read=split.as_logits)
