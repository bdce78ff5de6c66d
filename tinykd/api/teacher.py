"""Teachers in the forms that people have them in; each answers samples with logits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.errors import TeacherError
from tinykd.keras_models import library_of
from tinykd.litert import make_interpreter, quantize_input
from tinykd.probabilities import as_logits
from tinykd.teachers.load import load_teacher
from tinykd.training import Trainee, predict

BATCH = 256

Answer = Callable[[NDArray[Any]], NDArray[np.float32]]


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
        return _tflite_answers(path.read_bytes())
    if path.is_dir():
        return _saved_model_answers(path)
    if path.suffix not in {".keras", ".h5"}:
        raise TeacherError(
            f"teacher: '{path}' is no .keras, .h5 or .tflite file and no SavedModel folder."
        )
    return load_teacher(path)


def ask_teacher(teacher: Any, x: NDArray[Any], classes: int) -> NDArray[np.float32]:
    """Logits for samples, float32 [n, classes]; probabilities become their logarithms.

    Args:
        teacher: What ``open_any_teacher`` gave.
        x: Samples as the teacher takes them.
        classes: Number of values that a student gives.

    Raises:
        TeacherError: If it gives another number of values.
    """
    is_model = hasattr(teacher, "trainable_variables")
    outputs = predict(Trainee("teacher", teacher, 1.0), x) if is_model else teacher(x)
    return check_logits(outputs, len(x), classes)


def check_logits(outputs: NDArray[Any], samples: int, classes: int) -> NDArray[np.float32]:
    """Logits of outputs, or of a user's array of them, [samples, classes].

    Raises:
        TeacherError: If the shape is another, or a value is not finite.
    """
    if outputs.shape != (samples, classes):
        raise TeacherError(
            f"teacher: answers have shape {outputs.shape}; needed: ({samples}, {classes}), one row "
            "for each sample and one value for each class of the student."
        )
    if not np.isfinite(outputs).all():
        raise TeacherError("teacher: answers hold NaN or infinity. Check the range of its input.")
    return as_logits(outputs.astype(np.float32))


def _saved_model_answers(path: Path) -> Answer:
    """The default signature of a SavedModel; its graph runs, no Python code does."""
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(path))
        signature = loaded.signatures["serving_default"]
    except (OSError, ValueError, KeyError) as error:
        raise TeacherError(
            f"teacher: '{path}' is no SavedModel with a signature 'serving_default' ({error})."
        ) from None
    name, spec = next(iter(signature.structured_input_signature[1].items()))

    def answer(x: NDArray[Any]) -> NDArray[np.float32]:
        parts = [x[start : start + BATCH] for start in range(0, len(x), BATCH)]
        inputs = [tf.cast(part, spec.dtype) for part in parts]
        return np.concatenate([next(iter(signature(**{name: i}).values())) for i in inputs])

    answer.keep = loaded  # type: ignore[attr-defined]  # the signature holds it weakly
    return answer


def _tflite_answers(tflite: bytes) -> Answer:
    """A ``.tflite`` of one input and one output, float32 or int8, one sample at a time."""
    interpreter = make_interpreter(tflite)
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def answer(x: NDArray[Any]) -> NDArray[np.float32]:
        values: NDArray[Any] = x.astype(np.float32).reshape(len(x), *source["shape"][1:])
        if source["dtype"] == np.int8:
            values = quantize_input(values, *source["quantization"])
        outputs = []
        for value in values:
            interpreter.set_tensor(source["index"], value[np.newaxis])
            interpreter.invoke()
            outputs.append(interpreter.get_tensor(result["index"])[0])
        scale, zero_point = result["quantization"]
        answers = np.asarray(outputs, np.float32)
        return (answers - zero_point) * np.float32(scale) if scale else answers

    return answer
