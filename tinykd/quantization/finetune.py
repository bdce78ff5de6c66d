"""The quantize stage: int8 in two ways, and the better of both.

Post-training quantization comes first. Then the student is fine-tuned quantization-aware, with the
teacher still teaching, and the float student as a second teacher, unless plain quantization is good
enough for the configuration. Both are judged as the int8 files they become, on validation;
fine-tuning that does not beat plain quantization is not shipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.artifacts import write_atomically
from tinykd.config import QuantizeConfig
from tinykd.convert import convert_ptq, convert_qat
from tinykd.datasets import Dataset
from tinykd.errors import QuantizationError
from tinykd.inference import answer_int8
from tinykd.losses import Objective
from tinykd.progress import Progress
from tinykd.quantization.qat import (
    calibrate,
    freeze_ranges,
    inference_form,
    quantization_aware,
    save_qat,
    up_to_logits,
)
from tinykd.quantization.two_teachers import TwoTeachers, with_own_logits
from tinykd.results import ConvertResult, QuantizeResult, TrainingCurve
from tinykd.tflite_file import fold_input_scale, fold_output_scale
from tinykd.training import (
    Goal,
    Rows,
    Schedule,
    Trainee,
    answerer,
    make_deterministic,
    predict,
    train,
)

PTQ_FILE = "ptq.tflite"
QAT_FILE = "qat.tflite"
QAT_MODEL = "qat.h5"


def quantize_student(
    config: QuantizeConfig,
    student: Any,
    objective: Objective,
    rows: Rows,
    dataset: Dataset,
    *,
    batch_size: int,
    seed: int,
    folder: Path,
    progress: Progress,
) -> QuantizeResult:
    """Quantize a float student both ways, into ``ptq.tflite`` and ``qat.tflite``.

    Both files take the data's raw values: the student's input scale is folded into them. What the
    second was converted from is kept as ``qat.h5``, for ``load_qat``; where the configuration does
    not call for the second, the first is alone.

    Args:
        config: Calibration and fine-tuning.
        student: ``tf_keras`` model on ``raw * dataset.input_scale``.
        objective: What the fine-tuning minimises; the teacher's term stays in it.
        rows: Training rows with the teacher's logits.
        dataset: For calibration and validation.
        batch_size: Samples in one step.
        seed: Of the order of the samples.
        folder: For the three files and, while training, the checkpoint.
        progress: Shows the work.
    """
    make_deterministic(seed)
    student = inference_form(student)
    ptq, converted = convert_student(config, student, dataset, seed=seed, progress=progress)
    write_atomically(folder / PTQ_FILE, ptq)
    accuracy: float | None = None
    curves: tuple[TrainingCurve, ...] = ()
    if config.calls_for_qat(converted.lost):
        finetuning = _FineTuning(config, dataset, batch_size, seed, folder, progress)
        accuracy, curve = finetuning.run(student, objective, rows)
        curves = (curve,)
    is_better = accuracy is not None and accuracy > converted.validation_accuracy
    return QuantizeResult(
        float_validation_accuracy=converted.float_validation_accuracy,
        ptq_validation_accuracy=converted.validation_accuracy,
        qat_validation_accuracy=accuracy,
        shipped="qat" if is_better else "ptq",
        curves=curves,
    )


def convert_student(
    config: QuantizeConfig, student: Any, dataset: Dataset, *, seed: int, progress: Progress
) -> tuple[bytes, ConvertResult]:
    """Quantize a float student after training, and compare both on validation.

    Args:
        config: Calibration.
        student: ``tf_keras`` model on ``raw * dataset.input_scale``.
        dataset: For calibration and validation.
        seed: Of the choice of calibration samples.
        progress: Shows the work.

    Returns:
        An int8 ``.tflite`` that takes the data's raw values, and what it lost.
    """
    samples = _calibration_samples(config, dataset, student, seed)
    with progress.task("int8: post-training quantization"):
        tflite = _in_real_units(convert_ptq(_as_computed(student), samples), dataset)
    return tflite, ConvertResult(
        float_validation_accuracy=_float_accuracy(student, dataset),
        validation_accuracy=_int8_accuracy(tflite, dataset),
        size_bytes=len(tflite),
    )


def _as_computed(student: Any) -> Any:
    """The form that the chip computes; conversion alone takes more layers than training does."""
    try:
        return inference_form(student)
    except QuantizationError:
        return student


def _float_accuracy(student: Any, dataset: Dataset) -> float:
    trainee = Trainee("student", student, dataset.input_scale)
    return dataset.task.score(predict(trainee, dataset.x_validation), dataset.y_validation)


def _int8_accuracy(tflite: bytes, dataset: Dataset) -> float:
    answers = answer_int8(tflite, dataset.x_validation, dataset.output_scale)
    return dataset.task.score(answers, dataset.y_validation)


def _in_real_units(tflite: bytes, dataset: Dataset) -> bytes:
    """The file as it takes raw samples, and answers in the unit of the targets."""
    return fold_output_scale(fold_input_scale(tflite, dataset.input_scale), dataset.output_scale)


def _calibration_samples(
    config: QuantizeConfig, dataset: Dataset, student: Any, seed: int
) -> NDArray[np.float32]:
    """Training samples as the student sees them, in random order: float32 [n, ...]."""
    rng = np.random.default_rng(seed)
    count = min(config.calibration_samples, len(dataset.x_train))
    chosen = rng.permutation(len(dataset.x_train))[:count]
    scaled = dataset.x_train[chosen].astype(np.float32) * np.float32(dataset.input_scale)
    return scaled.reshape(count, *student.input_shape[1:])


@dataclass(frozen=True)
class _FineTuning:
    """How a quantization-aware model goes on learning.

    Attributes:
        config: Epochs, learning rate, and how much the float student teaches.
        dataset: The curve is of its validation split.
        batch_size: Samples in one step.
        seed: Of the order of the samples.
        folder: For its files, and for the state, which stays if it is stopped.
        progress: Shows the training.
    """

    config: QuantizeConfig
    dataset: Dataset
    batch_size: int
    seed: int
    folder: Path
    progress: Progress

    def run(self, student: Any, objective: Objective, rows: Rows) -> tuple[float, TrainingCurve]:
        """Write ``qat.tflite`` and ``qat.h5``; the file's score on validation, and the training."""
        samples = _calibration_samples(self.config, self.dataset, student, self.seed)
        qat_model = quantization_aware(student)
        calibrate(qat_model, np.array_split(samples, max(1, len(samples) // self.batch_size)))
        curve = self.train(qat_model, *self.lessons(student, objective, rows))
        with self.progress.task("int8: conversion"):
            qat = _in_real_units(convert_qat(qat_model), self.dataset)
        write_atomically(self.folder / QAT_FILE, qat)
        save_qat(qat_model, self.folder / QAT_MODEL)
        accuracy = _int8_accuracy(qat, self.dataset)
        self.checkpoint.unlink()
        return accuracy, curve

    @property
    def checkpoint(self) -> Path:
        """File for the state of the training."""
        return self.folder / "checkpoint.npz"

    @property
    def order_seed(self) -> int:
        """Of the order of the samples: another than that of the float training."""
        return self.seed + 1

    def lessons(self, student: Any, objective: Objective, rows: Rows) -> tuple[Goal, Rows]:
        """What is minimised over which rows: the float student teaches where it has a weight."""
        config, dataset = self.config, self.dataset
        if config.self_alpha == 0.0:
            return objective, rows
        float_student = Trainee("student", up_to_logits(student), dataset.input_scale)
        shown = rows.shown(batch_size=self.batch_size, seed=self.order_seed, epochs=config.epochs)
        rows = with_own_logits(rows, answerer(float_student), shown, dataset.classes)
        goal = TwoTeachers(
            objective,
            config.self_alpha,
            config.self_temperature,
            dataset.classes,
            dataset.task.own_loss,
        )
        return goal, rows

    def train(self, qat_model: Any, goal: Goal, rows: Rows) -> TrainingCurve:
        """Train the model in place, from the checkpoint if it is there."""
        config, dataset = self.config, self.dataset
        trainee = Trainee(
            "qat",
            up_to_logits(qat_model),
            dataset.input_scale,
            freeze=lambda: freeze_ranges(qat_model),
        )
        schedule = Schedule(
            epochs=config.epochs,
            batch_size=self.batch_size,
            learning_rate=config.learning_rate,
            frozen_fraction=config.frozen_fraction,
        )
        what = "int8: quantization-aware distillation"
        with self.progress.task(what, config.epochs) as advance:
            return train(
                trainee,
                goal,
                rows,
                validation=(dataset.x_validation, dataset.y_validation),
                schedule=schedule,
                seed=self.order_seed,
                checkpoint=self.checkpoint,
                advance=advance,
                task=dataset.task,
            )
