"""Inputs to try a model with: in its types, at their ends, and as the user gives them."""

import numpy as np
import pytest

from firmware_export import ModelError
from firmware_export.ir import Graph
from firmware_export.measure.input_values import (
    InputValues,
    given_samples,
    input_values,
    random_samples,
    saturating_samples,
    typed,
)
from tests.firmware.fixtures.elementwise_ops import typed as of_type
from tests.firmware.fixtures.elementwise_ops import unary
from tests.firmware.fixtures.single_ops import activation, model_of, relu

BYTES = InputValues("bytes", (1, 3), "int8", -128, 127, 1.0)
WORDS = InputValues("words", (1, 2), "int16", -(2**15), 2**15 - 1, 1.0)
REALS = InputValues("reals", (1, 2), "float32", -3, 5, 0.25)


def model(dtype: str) -> Graph:
    return model_of(unary("QUANTIZE", "q", shape=(1, 3), dtypes=(dtype, "int8")))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32"])
def test_integers_have_the_range_of_their_type(dtype: str) -> None:
    (values,) = input_values(model(dtype))
    limits = np.iinfo(dtype)
    assert (values.lowest, values.highest, values.step) == (limits.min, limits.max, 1.0)
    rows = typed([values], random_samples([values], 5000, seed=0))
    assert rows.dtype == dtype
    assert int(rows.max()) - int(rows.min()) > 0.95 * (int(limits.max) - int(limits.min))


def test_real_values_reach_beyond_what_the_quantizer_tells_apart() -> None:
    """Its scale is 0.04 and its zero point 11, so that it saturates at -5.56 and 4.64."""
    (values,) = input_values(model("float32"))
    extremes = typed([values], saturating_samples([values]))
    assert extremes.dtype == "float32"
    assert extremes[0] == pytest.approx([-5.56 - 0.4] * 3)
    assert extremes[1] == pytest.approx([4.64 + 0.4] * 3)
    steps = typed([values], random_samples([values], 100, seed=0)) / 0.01
    assert np.abs(steps - np.rint(steps)).max() < 1e-3
    assert len(np.unique(np.rint(steps) % 4)) == 4


def test_real_values_that_nothing_quantizes_are_around_one() -> None:
    real = of_type(activation("real", (1, 2)), "float32")
    node = relu("r")
    graph = Graph((node,), (*node.activations, real), (node.output,))
    extremes = saturating_samples(input_values(graph)[1:])
    assert np.abs(extremes.view(np.float32)).max() < 2


def test_samples_that_saturate() -> None:
    assert saturating_samples([BYTES]).tolist() == [
        [-128, -128, -128],
        [127, 127, 127],
        [-128, 127, -128],
        [127, -128, 127],
    ]


def test_inputs_of_several_types_are_bytes_side_by_side() -> None:
    rows = saturating_samples([BYTES, WORDS])
    assert (rows.shape, rows.dtype) == ((4, 3 + 4), np.int8)
    assert rows[2, 3:].copy().view(np.int16).tolist() == [-(2**15), 2**15 - 1]
    assert typed([BYTES, WORDS], rows).dtype == np.int8
    assert typed([REALS, REALS], saturating_samples([REALS, REALS])).shape == (4, 4)


def test_a_seed_gives_the_same_samples() -> None:
    one, same, other = (random_samples([BYTES, REALS], 4, seed) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_given_samples_by_name_and_by_order() -> None:
    reals, words = np.array([[0.5, -1.0]], np.float32), np.array([[7, -7]], np.int16)
    by_name = given_samples([REALS, WORDS], {"words": words, "reals": reals})
    by_order = given_samples([REALS, WORDS], {"arr_0": reals, "arr_1": words})
    assert by_name.tobytes() == by_order.tobytes() == reals.tobytes() + words.tobytes()


def test_given_samples_of_one_type_may_be_side_by_side() -> None:
    both = np.arange(10, dtype=np.float32).reshape(2, 5)[:, :4]
    assert given_samples([REALS, REALS], both).tobytes() == both.tobytes()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((2, 2), np.int8), "'reals' must be float32 .* Got int8 .2, 2."),
        (np.zeros((2, 2)), "'reals' must be float32 .* Got float64"),
        (np.zeros((2, 3), np.float32), "2 values for each sample. Got float32 .2, 3."),
        (np.zeros((0, 2), np.float32), "Got float32 .0, 2."),
        (np.float32(3), "Got float32 .."),
        ({"other": np.zeros((2, 2), np.float32)}, "Input 0, 'reals', is missing .* Got other."),
        ({}, "Input 0, 'reals', is missing"),
    ],
)
def test_given_samples_that_do_not_fit_are_refused(given, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        given_samples([REALS], given)


def test_given_samples_of_several_inputs_that_do_not_fit_are_refused() -> None:
    one, two = np.zeros((1, 3), np.int8), np.zeros((2, 2), np.int16)
    with pytest.raises(ModelError, match="2 arrays with as many samples each"):
        given_samples([BYTES, WORDS], {"bytes": one, "words": two})
    with pytest.raises(ModelError, match="2 arrays with as many samples each"):
        given_samples([BYTES, WORDS], {"bytes": one, "words": two[:1], "more": one})
    with pytest.raises(ModelError, match=r"2 types: bytes int8, words int16\. Give an \.npz"):
        given_samples([BYTES, WORDS], np.zeros((1, 7), np.int8))
