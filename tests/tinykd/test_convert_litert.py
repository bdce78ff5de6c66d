"""Running int8 models on the host, and rounding what goes in."""

import sys
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_export.tflite_writer import write_tflite
from tests.firmware.fixtures.elementwise_ops import unary
from tests.firmware.fixtures.single_ops import model_of
from tinykd.errors import ConversionError
from tinykd.litert import describe_runtime, make_interpreter, quantize_input, run_litert

SHARED = Path(__file__).parents[2].parent / "shared"


@pytest.fixture(scope="module")
def keywords():
    """An int8 keyword network that others trained (MLPerf Tiny)."""
    file = SHARED / "models" / "kws_ref_model.tflite"
    if not file.exists():
        pytest.skip("../shared/models is absent")
    return file.read_bytes()


@given(
    x=st.floats(-1e6, 1e6),
    scale=st.floats(2.0**-20, 2.0**10, width=32),
    zero_point=st.integers(-128, 127),
)
def test_rounding_is_half_away_from_zero_and_saturates(x, scale, zero_point):
    # The quotient is rounded to double first, as on the device; the rest is exact.
    quotient = Fraction(x / scale)
    whole = int(abs(quotient) + Fraction(1, 2))
    expected = max(-128, min(127, (whole if quotient >= 0 else -whole) + zero_point))
    assert quantize_input(np.array([x]), scale, zero_point).tolist() == [expected]


def test_ties_go_away_from_zero():
    assert quantize_input(np.array([0.5, 1.5, -0.5, -1.5]), 1.0, 0).tolist() == [1, 2, -1, -2]


def test_samples_run_one_by_one_as_with_the_interpreter_itself(keywords):
    interpreter = make_interpreter(keywords)
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    shape = (3, *source["shape"][1:])
    x = np.random.default_rng(0).integers(-128, 128, shape, np.int8)
    outputs = run_litert(keywords, x)
    assert len({row.tobytes() for row in outputs}) > 1  # else the test says nothing
    for sample, output in zip(x, outputs, strict=True):
        interpreter.set_tensor(source["index"], sample[None])
        interpreter.invoke()
        assert np.array_equal(interpreter.get_tensor(result["index"])[0], output)
    assert run_litert(keywords, x[:0]).shape == (0, 12)


def test_the_kernels_that_ran_are_named(keywords):
    assert describe_runtime(keywords) == f"LiteRT {version('ai-edge-litert')}, reference kernels"
    without_reference = write_tflite(model_of(unary("ELU", "x")))
    assert describe_runtime(without_reference).endswith(", optimized kernels")


def test_samples_of_another_type_or_shape_are_refused(keywords):
    for x in (np.zeros((2, 49, 10, 1), np.float32), np.zeros((2, 490), np.int8)):
        with pytest.raises(ConversionError, match=r"the model takes int8 \(n, 49, 10, 1\)"):
            run_litert(keywords, x)


def test_a_damaged_file_is_refused():
    with pytest.raises(ConversionError, match=r"cannot open this \.tflite"):
        make_interpreter(b"no model at all")


def test_without_any_interpreter_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.setitem(sys.modules, "tflite_runtime", None)
    with pytest.raises(ConversionError, match="pip install ai-edge-litert"):
        make_interpreter(b"")
