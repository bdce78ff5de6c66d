"""Teachers in the forms that people have them in; each answers samples with logits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.errors import TeacherError
from tinykd.keras_models import library_of
from tinykd.probabilities import as_logits
from tinykd.teachers.foreign import saved_model_answers, tflite_answers
from tinykd.teachers.load import load_teacher
from tinykd.teachers.probe import probe
from tinykd.training import Trainee, predict


def open_any_teacher(teacher: Any) -> Any:
    """A Keras model where the teacher is one, or a file of one; else a function of samples.

    Args:
        teacher: Keras model, or path of a ``.keras``, ``.h5`` or ``.tflite`` file or of a
            SavedModel folder.

    Raises:
        TeacherError: If it is something else, or cannot be opened.
    """
    if not isinstance(teacher, str | Path):
        library_of(teacher)
        return teacher
    path = Path(teacher)
    if not path.exists():
        raise TeacherError(f"teacher: there is no file '{path}'.")
    if path.suffix == ".tflite":
        return tflite_answers(path.read_bytes())
    if path.is_dir():
        return saved_model_answers(path)
    if path.suffix not in {".keras", ".h5"}:
        raise TeacherError(
            f"teacher: '{path}' is no .keras, .h5 or .tflite file and no SavedModel folder."
        )
    return load_teacher(path)


def as_list(teacher: Any) -> list[Any]:
    """Several teachers, or one alone, each opened; an array of logits stays as it is.

    Raises:
        TeacherError: If there is none, or one cannot be opened.
    """
    teachers = list(teacher) if isinstance(teacher, list | tuple) else [teacher]
    if not teachers:
        raise TeacherError("teacher: the list is empty. Give one at least.")
    return [one if isinstance(one, np.ndarray) else open_any_teacher(one) for one in teachers]


Read = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""From a teacher's outputs to what a student learns: logits, or targets in its units."""


def ask_teacher(
    teacher: Any, x: NDArray[Any], classes: int, *, name: str = "teacher", read: Read = as_logits
) -> NDArray[np.float32]:
    """Logits for samples, float32 [n, classes]; probabilities become their logarithms.

    Args:
        teacher: What ``open_any_teacher`` gave.
        x: Samples as the teacher takes them.
        classes: Number of values that a student gives.
        name: What to call it in an error.
        read: How its outputs are understood.

    Raises:
        TeacherError: If it does not take the samples, or gives another number of values.
    """
    if not hasattr(teacher, "trainable_variables"):
        probe(teacher, x, name=name)
        outputs = teacher(x)
    else:
        trainee = Trainee("teacher", teacher, 1.0)
        probe(lambda few: teacher(trainee.prepare(few), training=False), x, name=name)
        outputs = predict(trainee, x)
    return check_logits(outputs, len(x), classes, name=name, read=read)


def check_logits(
    outputs: NDArray[Any],
    samples: int,
    classes: int,
    *,
    name: str = "teacher",
    read: Read = as_logits,
) -> NDArray[np.float32]:
    """Logits of outputs, or of a user's array of them, [samples, classes].

    Raises:
        TeacherError: If the shape is another, or a value is not finite.
    """
    if outputs.shape != (samples, classes):
        raise TeacherError(
            f"{name}: answers have shape {outputs.shape}; needed: ({samples}, {classes}), one row "
            "for each sample and one value for each class of the student."
        )
    if not np.isfinite(outputs).all():
        raise TeacherError(f"{name}: answers hold NaN or infinity. Check the range of its input.")
    return read(outputs.astype(np.float32))
