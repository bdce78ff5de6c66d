"""Asking an int8 model about raw samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.litert import quantize_input, run_litert
from tinykd.tflite_file import describe


def quantize_samples(tflite: bytes, x: NDArray[Any]) -> NDArray[np.int8]:
    """Raw samples [n, ...] as the int8 values that the device would compute, same shape."""
    facts = describe(tflite)
    return quantize_input(x.astype(np.float32), facts.input_scale, facts.input_zero_point)


def classify_int8(tflite: bytes, x: NDArray[Any]) -> NDArray[np.int8]:
    """Int8 logits [n, classes] of raw samples, by the host's interpreter."""
    return run_litert(tflite, quantize_samples(tflite, x))
