"""Open a user's teacher: Keras 3 first, then legacy Keras; code inside a file never runs."""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path
from typing import Any

from tinykd.datasets import Dataset
from tinykd.errors import TeacherError
from tinykd.students.files import open_with_keras_3, open_with_tf_keras


def load_teacher(path: Path) -> Any:
    """Load a ``.keras`` or ``.h5`` model for inference, always in safe mode.

    Args:
        path: Written by Keras 3, or by the Keras 2 that is now ``tf_keras``.

    Returns:
        A Keras 3 or ``tf_keras`` model.

    Raises:
        TeacherError: If neither Keras can open it.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    reasons = []
    for library in ("keras", "tf_keras"):
        try:
            return _load_with(library, path)
        except Exception as error:  # each Keras raises whatever its layers raise
            reasons.append(f"{library}: {_first_line(error)}")
    raise TeacherError(
        f"{path}: neither Keras opens it ({'; '.join(reasons)}). Load it where it was made, and "
        "save it again as .keras, without Lambda layers."
    )


def check_teacher(model: Any, dataset: Dataset, *, path: str) -> None:
    """The teacher takes the data's samples and answers with the data's classes.

    Raises:
        TeacherError: If it does not.
    """
    _check_ports(model, path)
    wanted = tuple(model.input_shape[1:])
    if None in wanted or not _same_but_for_ones(wanted, dataset.input_shape):
        raise TeacherError(
            f"{path}: takes samples of {wanted}, but the data has {dataset.input_shape}."
        )
    answers = tuple(model.output_shape[1:])
    if answers != (dataset.classes,):
        raise TeacherError(
            f"{path}: gives {math.prod(answers)} values for a sample, "
            f"but the data has {dataset.classes} {dataset.task.outputs}."
        )


def _check_ports(model: Any, path: str) -> None:
    """One array in, one array out."""
    try:
        ports = (model.input, model.output)
    except (AttributeError, ValueError):  # a Sequential model that has never seen a sample
        raise TeacherError(
            f"{path}: has no input shape. Call the model on a batch of samples, then save it."
        ) from None
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise TeacherError(
            f"{path}: has {len(model.inputs)} inputs and {len(model.outputs)} outputs; "
            "a teacher has one of each."
        )
    if any(isinstance(port, dict) for port in ports):
        raise TeacherError(
            f"{path}: has a dictionary of inputs or outputs; a teacher takes one array and gives "
            "one. Build keras.Model(model.inputs[0], model.outputs[0]) from it, and save that."
        )


def _load_with(library: str, path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return open_with_keras_3(path) if library == "keras" else open_with_tf_keras(path)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:120]


def _same_but_for_ones(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Equal shapes, apart from axes of extent one."""
    return [extent for extent in a if extent != 1] == [extent for extent in b if extent != 1]
