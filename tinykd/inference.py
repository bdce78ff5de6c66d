"""Asking an int8 model about raw samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_export import read_tflite
from tinykd.errors import TinykdError
from tinykd.litert import quantize_input, run_litert
from tinykd.tflite_file import describe


def quantize_samples(tflite: bytes, x: NDArray[Any]) -> NDArray[np.int8]:
    """Raw samples [n, ...] as the int8 values that the device computes, in the model's shape."""
    facts = describe(tflite)
    shape = read_tflite(tflite).inputs[0].shape
    values = quantize_input(x.astype(np.float32), facts.input_scale, facts.input_zero_point)
    return values.reshape(len(x), *shape[1:])


def classify_int8(tflite: bytes, x: NDArray[Any]) -> NDArray[np.int8]:
    """Int8 logits [n, classes] of raw samples, by the host's interpreter."""
    return run_litert(tflite, quantize_samples(tflite, x))


def answer_int8(tflite: bytes, x: NDArray[Any], output_scale: float = 1.0) -> NDArray[np.float32]:
    """Answers to raw samples in the network's units, float32 [n, outputs], by the host.

    Args:
        tflite: Takes raw samples, and answers in the unit of the targets.
        x: Raw samples, [n, ...].
        output_scale: Of the data set.
    """
    return dequantize(tflite, classify_int8(tflite, x), output_scale)


def dequantize(
    tflite: bytes, outputs: NDArray[np.int8], output_scale: float = 1.0
) -> NDArray[np.float32]:
    """Int8 outputs [n, ...] in the network's units, float32 [n, outputs]."""
    facts = describe(tflite)
    step = np.float32(facts.output_scale / output_scale)
    steps = outputs.reshape(len(outputs), -1).astype(np.float32) - np.float32(
        facts.output_zero_point
    )
    return steps * step


def check_identical(tflm: NDArray[Any], generated_c: NDArray[Any]) -> None:
    """Every output byte of the generated C equals that of TFLM.

    Raises:
        TinykdError: On the first sample that differs, or if there are not equally many.
    """
    if len(tflm) != len(generated_c):
        raise TinykdError(
            f"TFLM answered {len(tflm)} samples and the generated C {len(generated_c)}. This is "
            "a bug in tinykd: please report it with the .tflite file."
        )
    same = (tflm.reshape(len(tflm), -1) == generated_c.reshape(len(tflm), -1)).all(axis=1)
    if not same.all():
        raise TinykdError(
            f"the generated C differs from TFLM on {int(np.sum(~same))} of {len(same)} test "
            f"samples, first on number {int(np.argmin(same))}. This is a bug in tinykd: please "
            "report it with the .tflite file."
        )
