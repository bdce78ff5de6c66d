"""A user's teacher in any form, opened for a data set; unsuitable ones are refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.datasets import Dataset
from tinykd.errors import TeacherError
from tinykd.teachers.cache import hash_samples
from tinykd.teachers.files import SUFFIXES, hash_file
from tinykd.teachers.foreign import Answer, saved_model_answers, tflite_answers
from tinykd.teachers.probe import PROBED, probe
from tinykd.teachers.teacher import Teacher, open_teacher


def open_any_form(path: Path, dataset: Dataset, *, input_scale: float) -> Teacher:
    """Open a Keras file, a SavedModel's folder, a ``.tflite`` or an array of logits.

    Args:
        path: Checked by ``check_teacher_source``.
        dataset: What it shall teach.
        input_scale: What raw samples are multiplied by for it.

    Raises:
        TeacherError: If it cannot be opened, or does not suit the data.
    """
    if path.suffix in SUFFIXES:
        return open_teacher(path, dataset, input_scale=input_scale)
    if path.suffix == ".npy":
        return _open_array(path, dataset)
    answer = tflite_answers(path.read_bytes()) if path.is_file() else saved_model_answers(path)

    def asked(x: NDArray[Any]) -> NDArray[np.float32]:
        return answer(x if input_scale == 1.0 else x.astype(np.float32) * input_scale)

    _check_answers(asked, dataset, path)
    return Teacher(
        None,
        input_scale,
        str(path),
        identity=hash_file(path),
        asked=asked,
        task=dataset.task,
        output_scale=dataset.output_scale,
    )


def _check_answers(asked: Answer, dataset: Dataset, path: Path) -> None:
    """Ask about a few samples.

    Raises:
        TeacherError: If it does not take them, or answers with other classes.
    """
    shape = probe(asked, dataset.x_validation, name=str(path)).shape
    if shape != (len(dataset.x_validation[:PROBED]), dataset.classes):
        raise TeacherError(
            f"{path}: gives {int(np.prod(shape[1:]))} values for a sample, "
            f"but the data has {dataset.classes} {dataset.task.outputs}."
        )


def _open_array(path: Path, dataset: Dataset) -> Teacher:
    """A teacher whose answers to the training and validation samples are all there already.

    Raises:
        TeacherError: If the array has another shape, or a value that is not finite.
    """
    try:
        logits = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise TeacherError(f"{path}: is no array that NumPy reads ({error}).") from None
    samples = len(dataset.x_train) + len(dataset.x_validation)
    wanted = (samples, dataset.classes)
    if getattr(logits, "shape", None) != wanted or logits.dtype.kind != "f":
        raise TeacherError(
            f"{path}: has {getattr(logits, 'dtype', 'files')} {getattr(logits, 'shape', '')}; "
            f"needed: floating-point logits {wanted}, one row for each training sample of the "
            "data in its order, those kept for validation included."
        )
    if not np.isfinite(logits).all():
        raise TeacherError(f"{path}: holds NaN or infinity. Save the logits of a sound model.")
    held_out = dataset.held_out.mask
    known: dict[str, NDArray[np.float32]] = {
        hash_samples(dataset.x_train): logits[~held_out].astype(np.float32),
        hash_samples(dataset.x_validation): logits[held_out].astype(np.float32),
    }

    def asked(x: NDArray[Any]) -> NDArray[np.float32]:
        answers = known.get(hash_samples(x))
        if answers is None:
            raise TeacherError(
                f"{path}: an array of logits knows nothing of augmented samples. Set "
                'distill.augment = "none", or give the model itself.'
            )
        return answers

    return Teacher(
        None,
        1.0,
        str(path),
        asked=asked,
        knows_all=False,
        task=dataset.task,
        output_scale=dataset.output_scale,
    )
