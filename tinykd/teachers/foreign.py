"""Teachers that are no Keras models: functions from samples to outputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.errors import TeacherError
from tinykd.litert import make_interpreter, quantize_input

BATCH = 256

Answer = Callable[[NDArray[Any]], NDArray[np.float32]]
"""From samples as the teacher takes them, [n, ...], to its outputs, float32 [n, classes]."""


def saved_model_answers(path: Path) -> Answer:
    """The default signature of a SavedModel; its graph runs, no Python code does.

    Raises:
        TeacherError: If it has none.
    """
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


def tflite_answers(tflite: bytes) -> Answer:
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
