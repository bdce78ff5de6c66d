"""Rounding: against exact rational arithmetic, and against the C twins."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_export.codegen.kernels import bundle
from firmware_export.measure.toolchain import run_tool
from firmware_export.numerics import (
    activation_range,
    quantize,
    quantize_multiplier,
    requantize,
    round_half_away,
    rounding_shift_right,
)

REALS = st.floats(min_value=2.0**-31, max_value=2.0**29, allow_nan=False)
INT32 = st.integers(-(2**31), 2**31 - 1)
MULTIPLIERS = st.integers(2**30, 2**31 - 1)

TWIN_MAIN = """
#include <stdio.h>
int main(void)
{
    int32_t row[3];
    while (fread(row, sizeof row[0], 3, stdin) == 3) {
        const int32_t right = -row[2];
        int32_t out[3] = {tkd_requantize(row[0], row[1], right), 0, 0};
        if (right >= 0) {
            out[1] = tkd_rounding_shift_right(row[0], right);
        }
        if (right >= 1 && right <= 30 && row[0] < (1 << 30) && row[0] > -(1 << 30)) {
            out[2] = tkd_requantize_narrow(row[0], row[1], right, 0);
        } else {
            out[2] = out[0];
        }
        fwrite(out, sizeof out[0], 3, stdout);
    }
    return 0;
}
"""


def exact_half_away(value: Fraction) -> int:
    magnitude = (abs(value) + Fraction(1, 2)).__floor__()
    return magnitude if value >= 0 else -magnitude


@given(st.floats(allow_nan=False, allow_infinity=False, width=64, min_value=-1e15, max_value=1e15))
def test_round_half_away_is_exact(value):
    assert round_half_away(value) == exact_half_away(Fraction(value))


@given(REALS)
def test_a_multiplier_is_the_nearest_in_31_bits(real):
    multiplier, shift = quantize_multiplier(real)
    assert 2**30 <= multiplier < 2**31
    error = abs(Fraction(multiplier) * Fraction(2) ** (shift - 31) - Fraction(real))
    assert error <= Fraction(2) ** (shift - 32)


@pytest.mark.parametrize(
    ("real", "expected"),
    [
        (0.0, (0, 0)),
        (1.0, (2**30, 1)),
        (1 - 2.0**-40, (2**30, 1)),  # the mantissa rounds up to 2^31
        (
            0.5 + 2.0**-32,
            (2**30 + 1, 0),
        ),  # a tie: away from zero, where Python's round goes to even
        (2.0**-32, (2**30, -31)),
        (2.0**-33, (0, 0)),
    ],
)
def test_edges_of_quantize_multiplier(real, expected):
    assert quantize_multiplier(real) == expected


@given(INT32, st.integers(0, 31))
def test_rounding_shift_right_is_exact(value, right):
    expected = exact_half_away(Fraction(value, 2**right))
    assert rounding_shift_right(value, right).tolist() == expected


@given(INT32, MULTIPLIERS, st.integers(-31, 0))
def test_requantize_rounds_twice(value, multiplier, shift):
    high = (Fraction(value * multiplier, 2**31) + Fraction(1, 2)).__floor__()
    assert requantize(value, multiplier, shift).tolist() == exact_half_away(
        Fraction(high, 2**-shift)
    )


def test_rounding_twice_differs_from_rounding_once():
    """3 times just below 1/2: rounding to a multiple of 1/2 first makes a tie of it."""
    assert exact_half_away(Fraction(3 * (2**31 - 1), 2**32)) == 1
    assert requantize(3, 2**31 - 1, -1).tolist() == 2


def twin_rows() -> np.ndarray:
    """Random and extreme accumulators, multipliers and shifts, valid for `requantize`."""
    rng = np.random.default_rng(5)
    count = 100_000
    shifts = rng.integers(-31, 31, count)
    bits = rng.integers(0, 32 - np.maximum(shifts, 0))
    values = rng.integers(-(2**31), 2**31, count) >> (31 - np.minimum(bits, 31))
    multipliers = rng.integers(2**30, 2**31, count)
    multipliers[::50] = 2**30
    multipliers[1::50] = 2**31 - 1
    values[::97] = 0
    # Ties of the second rounding: odd multiples of half, of both signs.
    ties = np.arange(0, count, 7)
    shifts[ties] = -(1 + ties % 20)
    multipliers[ties] = 2**30
    values[ties] = ((ties % 1001) - 500) * 2 * 2 ** (-shifts[ties] - 1)
    return np.stack([values, multipliers, shifts], axis=1).astype(np.int32)


def test_the_c_twins_agree(tmp_path):
    kernels = ["tkd_requantize", "tkd_requantize_narrow"]
    (tmp_path / "twin.c").write_text(bundle(kernels) + TWIN_MAIN)
    flags = ["-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all"]
    run_tool(["gcc", *flags, "twin.c", "-o", "twin"], cwd=str(tmp_path))
    rows = twin_rows()
    output = run_tool([str(tmp_path / "twin")], cwd=str(tmp_path), stdin=rows.tobytes())
    got = np.frombuffer(output, np.int32).reshape(-1, 3)
    assert len(got) == len(rows)
    for shift in range(-31, 31):
        chosen = rows[:, 2] == shift
        values, multipliers = rows[chosen, 0], rows[chosen, 1]
        expected = requantize(values, multipliers, shift).tolist()
        assert got[chosen, 0].tolist() == expected
        assert got[chosen, 2].tolist() == expected
        if shift <= 0:
            shifted = rounding_shift_right(values, -shift)
            assert got[chosen, 1].tolist() == shifted.tolist()


@pytest.mark.parametrize(
    ("activation", "scale", "zero_point", "expected"),
    [
        ("NONE", 0.1, 0, (-128, 127)),
        ("RELU", 0.1, -20, (-20, 127)),
        ("RELU6", 0.1, -20, (-20, 40)),
        ("RELU6", 0.01, -128, (-128, 127)),
        ("RELU_N1_TO_1", 0.1, 3, (-7, 13)),
        ("RELU_N1_TO_1", 0.1, 127, (117, 127)),
    ],
)
def test_activation_ranges(activation, scale, zero_point, expected):
    assert activation_range(activation, scale, zero_point) == expected


def test_quantize_divides_in_float32():
    """In double precision 1 / 0.4 rounds to 2, in float32 the scale makes it 2.5 and so 3."""
    scale = float(np.float32(0.4))
    assert 1.0 / scale < 2.5
    assert quantize(1.0, scale, 0) == 3
