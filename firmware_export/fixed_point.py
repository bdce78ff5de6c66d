"""Transcendental functions in 32-bit fixed point, as gemmlowp computes them.

A number of format Qm.n is an integer with m integer bits and n = 31 - m fraction bits, in an int64
array so that no sum can wrap; every result lies in the int32 range.

Source: gemmlowp, fixedpoint/fixedpoint.h.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from firmware_export.numerics import INT32_MAX, Int64Array, multiply_high, rounding_shift_right

ONE = INT32_MAX
"""1 in Q0.31, which it just misses."""
QUARTER_EXPONENT = -2
EXP_OF_MINUS_POWER = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
"""exp(-2**k) in Q0.31, for k = -2 .. 4."""


def exp_of_negative(x: npt.ArrayLike, integer_bits: int) -> Int64Array:
    """The exponential of x <= 0.

    Args:
        x: Format Q(integer_bits), any shape.
        integer_bits: At most 5.

    Returns:
        Q0.31.

    Source:
        ``exp_on_negative_values``. C twin: ``tkd_exp_of_negative``, of format Q5.26.
    """
    x = np.asarray(x, np.int64)
    quarter = 1 << (31 - integer_bits + QUARTER_EXPONENT)
    below = (x & (quarter - 1)) - quarter
    above = below - x
    result = _exp_of_quarter(below << integer_bits)
    for bit in range(integer_bits - QUARTER_EXPONENT):
        factor = EXP_OF_MINUS_POWER[bit]
        result = np.where(above & (quarter << bit), multiply_high(result, factor), result)
    return np.where(x == 0, ONE, result)


def _exp_of_quarter(x: Int64Array) -> Int64Array:
    """exp(x) for x in [-1/4, 0), Q0.31: four terms of the Taylor series about -1/8.

    C twin: ``tkd_exp_of_quarter``.
    """
    exp_of_minus_eighth, third = 1895147668, 715827883
    d = x + (1 << 28)
    d2 = multiply_high(d, d)
    d3 = multiply_high(d2, d)
    d4 = multiply_high(d2, d2)
    cubic = multiply_high(_shifted(d4, 2) + d3, third)
    terms = d + _shifted(cubic + d2, 1)
    return exp_of_minus_eighth + multiply_high(exp_of_minus_eighth, terms)


def _shifted(values: Int64Array, right: int) -> Int64Array:
    return rounding_shift_right(values, right).astype(np.int64)


def logistic(x: npt.ArrayLike, integer_bits: int) -> Int64Array:
    """1 / (1 + exp(-x)), for x of format Q(integer_bits), as Q0.31.

    Source: ``logistic``.
    """
    x = np.asarray(x, np.int64)
    of_magnitude = _double(_newton_reciprocal(exp_of_negative(-np.abs(x), integer_bits)))
    result = np.where(x > 0, of_magnitude, ONE - of_magnitude)
    return np.where(x == 0, 1 << 30, result)


def tanh(x: npt.ArrayLike, integer_bits: int) -> Int64Array:
    """The hyperbolic tangent of x of format Q(integer_bits), as Q0.31.

    Source: ``tanh``: (1 - exp(-2|x|)) / (1 + exp(-2|x|)) with the sign of x.
    """
    x = np.asarray(x, np.int64)
    # The same bits with one more integer bit are twice the number.
    reciprocal = _newton_reciprocal(exp_of_negative(-np.abs(x), integer_bits + 1))
    of_magnitude = np.minimum((reciprocal - (1 << 29)) * 4, INT32_MAX)
    return np.where(x == 0, 0, np.where(x < 0, -of_magnitude, of_magnitude))


def _newton_reciprocal(x: Int64Array) -> Int64Array:
    """2 / (1 + x) as Q2.29, for x in [0, 1] as Q0.31: Newton's division, three steps.

    Source: ``one_over_one_plus_x_for_x_in_0_1``. C twin: ``tkd_reciprocal_of_one_plus``.
    """
    half = (x + ONE + 1) // 2
    estimate = 1515870810 + multiply_high(half, -1010580540)  # 48/17 - 32/17 half
    for _ in range(3):
        error = (1 << 29) - multiply_high(half, estimate)
        estimate = estimate + multiply_high(estimate, error) * 4
    return estimate


def _double(values: Int64Array) -> Int64Array:
    """Twice a value, saturated: 2 / (1 + x) as Q2.29 becomes 1 / (1 + x) as Q0.31."""
    return np.minimum(values * 2, INT32_MAX)
