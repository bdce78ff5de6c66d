"""Any model file on a test split."""

from __future__ import annotations

import math
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from firmware_export import CompiledModel, compile_tflite
from firmware_export.measure.toolchain import run_on_host
from firmware_export.tflite_reader import read_bytes
from tinykd.datasets import Dataset
from tinykd.errors import DataError
from tinykd.evaluate.ask import run_tflm_in_chunks, understand_int8
from tinykd.inference import check_identical, classify_int8, quantize_samples
from tinykd.progress import Progress
from tinykd.results import FileScore
from tinykd.tasks import TOP1
from tinykd.teachers.files import check_model_file, check_teacher_file
from tinykd.teachers.teacher import open_teacher


def score_file(path: Path, dataset: Dataset, *, progress: Progress) -> list[FileScore]:
    """Score one file on the test split: a ``.tflite`` three times, a Keras model once.

    Args:
        path: ``.tflite`` that takes raw samples, or a ``.keras`` or ``.h5`` that does.
        dataset: With the test split.
        progress: Shows the work.

    Raises:
        TinykdError: If it is another kind of file, cannot be read or does not suit the data, or
            if the generated C differs from TFLM.
    """
    check_model_file(path)
    if path.suffix != ".tflite":
        teacher = open_teacher(check_teacher_file(str(path)), dataset)
        ask = partial(teacher.logits, progress=progress, why=path.name)
        values = dataset.understand(ask(dataset.x_test), ask)
        return [_score(path, values, dataset, "Keras, float32")]
    tflite = read_bytes(path)
    compiled = compile_tflite(tflite, name=path.stem)
    _check_ports(path, compiled, dataset)
    inputs = quantize_samples(tflite, dataset.x_test)
    with progress.task(f"LiteRT: {path.name}"):
        litert = classify_int8(tflite, dataset.x_test)
    tflm = run_tflm_in_chunks(tflite, inputs, progress=progress)
    with progress.task(f"generated C: {path.name}"):
        generated_c = run_on_host(compiled, inputs)
    check_identical(tflm, generated_c)
    forms = (
        (litert, f"LiteRT {metadata.version('ai-edge-litert')}"),
        (tflm, f"TFLM, tflite-micro {metadata.version('tflite-micro')}"),
        (generated_c, "generated C, host; every byte equal to TFLM"),
    )
    return [
        _score(path, understand_int8(tflite, outputs, dataset), dataset, how)
        for outputs, how in forms
    ]


def _check_ports(path: Path, compiled: CompiledModel, dataset: Dataset) -> None:
    """The model takes the data's samples and answers with the data's classes.

    Raises:
        DataError: If it does not.
    """
    takes, samples = compiled.inputs[0].shape[1:], dataset.input_shape
    if len(compiled.inputs) != 1 or math.prod(takes) != math.prod(samples):
        raise DataError(f"{path}: takes samples of {takes}, but the data has {samples}.")
    gives = compiled.outputs[0].size_bytes
    if len(compiled.outputs) != 1 or gives != dataset.classes:
        raise DataError(
            f"{path}: gives {gives} values for a sample, but the data has {dataset.classes} "
            f"{dataset.task.outputs}."
        )


def _score(path: Path, values: NDArray[Any], dataset: Dataset, how: str) -> FileScore:
    task, scale = dataset.task, dataset.output_scale
    metrics = task.measure(values, dataset.y_test, scale)
    return FileScore(
        file=str(path),
        top1_accuracy=metrics.pop(TOP1.key, None),
        metrics=metrics,
        ci95=task.interval(values, dataset.y_test, scale),
        samples=len(values),
        size_bytes=path.stat().st_size,
        how=how,
    )
