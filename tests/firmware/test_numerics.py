"""Rounding: against exact rational arithmetic, and against the C twins."""

import math
import re
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
            const int32_t rounding = tkd_narrow_rounding(right, 0);
            out[2] = tkd_requantize_narrow(row[0], row[1], right, rounding);
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


SOFTMAX_MAIN = """
#include <stdio.h>
int main(void)
{
    int32_t x[2];
    while (fread(x, sizeof x[0], 2, stdin) == 2) {
        const int32_t out[2] = {tkd_exp_of_negative(x[0]), tkd_reciprocal_of_one_plus(x[1])};
        fwrite(out, sizeof out[0], 2, stdout);
    }
    return 0;
}
"""


def test_the_fixed_point_functions_of_softmax_are_accurate(tmp_path):
    """Bytes do not show a lost step: outputs have 8 bits, these functions 22 and more."""
    (tmp_path / "soft.c").write_text(bundle(["tkd_softmax_s8"]) + SOFTMAX_MAIN)
    flags = ["-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all"]
    run_tool(["gcc", *flags, "soft.c", "-o", "soft"], cwd=str(tmp_path))
    rng = np.random.default_rng(0)
    exponents = np.concatenate([rng.integers(-(31 << 26), 1, 5000), [0, -1, -(31 << 26)]])
    fractions = np.concatenate([rng.integers(0, 2**31, 5000), [0, 1, 2**31 - 1]])
    rows = np.stack([exponents, fractions], axis=1).astype(np.int32)
    output = run_tool([str(tmp_path / "soft")], cwd=str(tmp_path), stdin=rows.tobytes())
    got = np.frombuffer(output, np.int32).reshape(-1, 2) / 2.0**31
    # The Taylor series stops before the term (1/8)^5 / 5!.
    assert np.abs(got[:, 0] - np.exp(exponents / 2.0**26)).max() < (1 / 8) ** 5 / 120
    assert np.abs(got[:, 1] - 1 / (1 + fractions / 2.0**31)).max() < 2.0**-27


def test_the_constants_of_softmax_are_what_their_comments_say():
    text = bundle(["tkd_softmax_s8"])
    powers = [round_half_away(math.exp(-(2.0**k)) * 2**31) for k in range(-2, 5)]
    for name, values in (
        ("exp_of_minus_eighth", [round_half_away(math.exp(-1 / 8) * 2**31)]),
        ("third", [round_half_away(2**31 / 3)]),
        ("exp_of_minus_power[7]", powers),
        ("estimate", [round_half_away(48 / 17 * 2**29)]),
    ):
        literal = text.split(f"int32_t {name} = ")[1].split(";")[0]
        assert [int(v) for v in re.findall(r"\d{3,}", literal)][: len(values)] == values
    assert f"(half, -{round_half_away(32 / 17 * 2**29)})" in text


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
