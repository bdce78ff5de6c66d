"""Integer arithmetic of TFLite: the one place in Python where values are rounded or saturated.

The C twin of each function that also runs on the device is named in its docstring.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Int8Array = npt.NDArray[np.int8]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

INT8_MIN, INT8_MAX = -128, 127
INT32_MAX = 2**31 - 1
INTEGER_RANGES = {"int8": (INT8_MIN, INT8_MAX), "uint8": (0, 255), "int16": (-(2**15), 2**15 - 1)}


def round_half_away(value: float) -> int:
    """Round to the nearest integer, ties away from zero, as C's ``round`` does.

    Args:
        value: Finite.

    Returns:
        The integer. Python's ``round`` and NumPy's round ties to even, which differs.

    Example:
        >>> [round_half_away(v) for v in (0.5, 1.5, 2.5, -0.5, -2.5, 0.49999999999999994)]
        [1, 2, 3, -1, -3, 0]
    """
    magnitude = math.floor(abs(value))
    magnitude += abs(value) - magnitude >= 0.5
    return -magnitude if value < 0 else magnitude


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Write a real scale as ``multiplier * 2**(shift - 31)``.

    Args:
        real: Finite, not negative.

    Returns:
        Multiplier: Q31 in [2**30, 2**31 - 1], or 0 where ``real`` is below 2**-32.
        Shift: At least -31; positive shifts left.

    Source:
        TFLite ``QuantizeMultiplier``, tensorflow/lite/kernels/internal/quantization_util.cc.

    Example:
        >>> quantize_multiplier(0.5), quantize_multiplier(3.0), quantize_multiplier(1e-12)
        ((1073741824, 0), (1610612736, 2), (0, 0))
    """
    if real == 0.0:
        return 0, 0
    mantissa, shift = math.frexp(real)
    multiplier = round_half_away(mantissa * 2**31)
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift + 1
    return (0, 0) if shift < -31 else (multiplier, shift)


def quantize_multipliers(reals: Iterable[float]) -> tuple[list[int], list[int]]:
    """`quantize_multiplier` of each value: the multipliers, and the shifts."""
    pairs = [quantize_multiplier(real) for real in reals]
    return [multiplier for multiplier, _ in pairs], [shift for _, shift in pairs]


def requantize(values: npt.ArrayLike, multiplier: npt.ArrayLike, shift: int) -> Int32Array:
    """Scale int32 accumulators by ``multiplier * 2**(shift - 31)``, rounding twice.

    Args:
        values: int32, any shape, with ``abs(values) * 2**max(shift, 0) < 2**31``.
        multiplier: Q31 in [0, 2**31 - 1], one or as many as values.
        shift: In [-31, 30]; positive shifts left.

    Returns:
        int32 array of the same shape.

    Source:
        TFLite ``MultiplyByQuantizedMultiplier`` with ``TFLITE_SINGLE_ROUNDING`` off,
        tensorflow/lite/kernels/internal/common.cc. C twin: ``tkd_requantize``.

    Example:
        >>> requantize(np.array([100, -100, 7], np.int32), 1 << 30, -1).tolist()
        [25, -25, 2]
    """
    wide = np.asarray(values).astype(np.int64) << max(shift, 0)
    high = (wide * np.asarray(multiplier, np.int64) + (1 << 30)) >> 31
    return rounding_shift_right(high, max(-shift, 0))


def rounding_shift_right(values: npt.ArrayLike, right: int) -> Int32Array:
    """Divide by ``2**right``, to nearest, ties away from zero.

    Args:
        values: Integers in the int32 range, any shape.
        right: In [0, 31].

    Returns:
        int32 array of the same shape.

    Source:
        gemmlowp ``RoundingDivideByPOT``, fixedpoint/fixedpoint.h.
        C twin: ``tkd_rounding_shift_right``.

    Example:
        >>> rounding_shift_right([5, 6, 7, -5, -6, -7], 2).tolist()
        [1, 2, 2, -1, -2, -2]
    """
    wide = np.asarray(values).astype(np.int64)
    mask = (1 << right) - 1
    threshold = (mask >> 1) + (wide < 0)
    return ((wide >> right) + ((wide & mask) > threshold)).astype(np.int32)


def multiply_high(a: npt.ArrayLike, b: npt.ArrayLike) -> Int64Array:
    """``a * b / 2**31``, to nearest, ties up: the product of two fixed-point fractions.

    Args:
        a: Integers in the int32 range, any shape.
        b: As ``a``; only two values of -2**31 would leave the range.

    Returns:
        int64 array with values in the int32 range.

    Source:
        gemmlowp ``SaturatingRoundingDoublingHighMul``, fixedpoint/fixedpoint.h.
        C twin: ``tkd_multiply_high``.

    Example:
        >>> multiply_high([1 << 30, -(1 << 30)], 3).tolist()
        [2, -1]
    """
    return (np.asarray(a, np.int64) * np.asarray(b, np.int64) + (1 << 30)) >> 31


def saturate(values: npt.ArrayLike, dtype: str) -> npt.NDArray[np.integer]:
    """The nearest values of a type in `INTEGER_RANGES`.

    Example:
        >>> saturate([-300, 5, 300], "uint8").tolist()
        [0, 5, 255]
    """
    return np.clip(values, *INTEGER_RANGES[dtype]).astype(dtype)


def saturate_int8(values: npt.ArrayLike) -> Int8Array:
    """The nearest int8 values. C twin: ``tkd_clamp``.

    Example:
        >>> saturate_int8([-300, -5, 300]).tolist()
        [-128, -5, 127]
    """
    return np.clip(values, INT8_MIN, INT8_MAX).astype(np.int8)


def activation_range(activation: str, scale: float, zero_point: int) -> tuple[int, int]:
    """The int8 range that a fused activation leaves.

    Args:
        activation: ``"NONE"``, ``"RELU"``, ``"RELU6"`` or ``"RELU_N1_TO_1"``.
        scale: Output scale, a float32 value.
        zero_point: Output zero point.

    Returns:
        Lowest and highest output value.

    Source:
        TFLite ``CalculateActivationRangeQuantized``, tensorflow/lite/kernels/kernel_util.cc,
        which divides in float32.

    Example:
        >>> activation_range("RELU6", 6 / 255, -128), activation_range("NONE", 1.0, 0)
        ((-128, 127), (-128, 127))
    """
    low, high = ACTIVATIONS[activation]
    return (
        INT8_MIN if low is None else max(INT8_MIN, quantize(low, scale, zero_point)),
        INT8_MAX if high is None else min(INT8_MAX, quantize(high, scale, zero_point)),
    )


ACTIVATIONS: dict[str, tuple[float | None, float | None]] = {
    "NONE": (None, None),
    "RELU": (0.0, None),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU6": (0.0, 6.0),
}


def quantize(real: float, scale: float, zero_point: int) -> int:
    """The quantized value nearest to ``real``, not saturated; computed in float32 as TFLite does.

    Example:
        >>> quantize(1.0, 0.5, -3)
        -1
    """
    return zero_point + round_half_away(float(np.float32(real) / np.float32(scale)))
