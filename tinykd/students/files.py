"""A student's file."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinykd.errors import StudentError

if TYPE_CHECKING:
    from tinykd.datasets import Dataset

SUFFIXES = (".h5", ".keras")


def check_student_file(path: str) -> Path:
    """A file of a known kind.

    Raises:
        StudentError: If it is missing, or of another kind.
    """
    file = Path(path)
    if file.suffix not in SUFFIXES:
        raise StudentError(f"'{path}' is not a {' or '.join(SUFFIXES)} file of Keras.")
    if not file.is_file():
        raise StudentError(f"there is no student file '{path}'.")
    return file


def save_student(model: Any, path: Path) -> None:
    """Write a tf_keras model as ``.h5``, which both Keras open."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf_keras recommends a format that Keras 3 cannot read
        model.save(path, include_optimizer=False)


def open_with_tf_keras(path: Path) -> Any:
    """Load a model of legacy Keras for inference; code inside the file never runs.

    ``load_model(safe_mode=True)`` protects ``.keras`` files alone: a Lambda layer in an ``.h5``
    file would run its bytecode. The scope is what both formats ask.

    Raises:
        Exception: Whatever Keras raises if it cannot open the file, or finds code in it.
    """
    import tf_keras
    from tf_keras.src.saving.serialization_lib import SafeModeScope

    with SafeModeScope(safe_mode=True):
        return tf_keras.models.load_model(path, compile=False, safe_mode=True)


def open_with_keras_3(path: Path) -> Any:
    """Load a model of Keras 3 for inference, in safe mode.

    Raises:
        Exception: Whatever Keras raises if it cannot open the file, or finds code in it.
    """
    import keras

    return keras.models.load_model(path, compile=False, safe_mode=True)


def load_student(path: Path, dataset: Dataset | None = None) -> Any:
    """Open a student, in safe mode, and check that it suits the data if given.

    Args:
        path: Written by ``tf_keras`` or by Keras 3.
        dataset: That it is for.

    Returns:
        A model of ``tf_keras``; one of Keras 3 is rewritten.

    Raises:
        StudentError: If neither Keras can open it, or it takes or gives something else.
    """
    try:
        model = open_with_tf_keras(path)
    except Exception as error:  # Keras raises whatever its layers raise
        model = _open_keras_3_student(path, first=error)
    if dataset is not None:
        _check(model, dataset, path)
    return model


def _open_keras_3_student(path: Path, *, first: Exception) -> Any:
    from tinykd.students.from_keras_3 import as_tf_keras

    try:
        model = open_with_keras_3(path)
    except Exception:  # as with tf_keras, whose reason is as good
        reason = " ".join(str(first).split())[:160]
        raise StudentError(
            f"{path}: tf_keras cannot open it ({reason}), nor can Keras 3. A student is a "
            "functional Keras model without Lambda layers; save it again."
        ) from None
    return as_tf_keras(model)


def _check(model: Any, dataset: Dataset, path: Path) -> None:
    try:
        takes, gives = tuple(model.input_shape[1:]), tuple(model.output_shape[1:])
    except (AttributeError, TypeError, KeyError):  # never built, or with several inputs or outputs
        raise StudentError(
            f"{path}: has no single input and output of known shape. Save a functional model."
        ) from None
    without_ones = [extent for extent in takes if extent != 1]
    if without_ones != [extent for extent in dataset.input_shape if extent != 1]:
        raise StudentError(
            f"{path}: takes samples of {takes}, but the data has {dataset.input_shape}."
        )
    if gives != (dataset.classes,):
        raise StudentError(
            f"{path}: gives {gives}, but the data has {dataset.classes} {dataset.task.outputs}."
        )
