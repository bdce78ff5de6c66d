"""The oracle: what TFLM gives, the arena it needs, and models that it cannot run."""

import importlib.util
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from firmware_export.errors import ModelError, ToolchainError
from firmware_export.tflm import arena_bytes, operators, run_tflm
from tests.firmware.fixtures.handmade import random_samples

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tflite_micro") is None, reason="tflite-micro is not installed"
)

MODELS = Path(__file__).resolve().parents[2].parent / "shared" / "models"


def model(name: str) -> bytes:
    file = MODELS / f"{name}.tflite"
    if not file.exists():
        pytest.skip("the shared models are not here")
    return file.read_bytes()


def run_in_arena(data: bytes, size: int) -> None:
    from tflite_micro.python.tflite_micro import runtime

    runtime.Interpreter.from_bytes(data, arena_size=size).invoke()


def test_outputs_have_the_shape_of_the_model_and_do_not_depend_on_each_other() -> None:
    data = model("kws_ref_model")
    samples = random_samples(4, size=490)
    outputs = run_tflm(data, samples)
    assert outputs.shape == (4, 12)
    assert outputs.dtype == np.int8
    alone = [run_tflm(data, samples[i : i + 1].reshape(1, 49, 10, 1)) for i in range(4)]
    assert np.array_equal(np.concatenate(alone), outputs)
    assert len(np.unique(outputs, axis=0)) > 1


@pytest.mark.parametrize("name", ["hello_world_int8", "kws_ref_model"])
def test_the_smallest_arena_works_and_a_smaller_one_does_not(name: str) -> None:
    data = model(name)
    need = arena_bytes(data)
    run_in_arena(data, need.smallest_bytes)
    with pytest.raises(RuntimeError):
        run_in_arena(data, need.smallest_bytes - 16)
    assert need.recommended_bytes % 16 == 0
    least = max(need.used_bytes, need.smallest_bytes) + need.margin_bytes
    assert least <= need.recommended_bytes < least + 16


def test_set_up_may_need_more_than_is_used() -> None:
    need = arena_bytes(model("hello_world_int8"))
    assert need.smallest_bytes > need.used_bytes


def test_nothing_is_written_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    arena_bytes(model("hello_world_int8"))
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_operators_are_those_that_nodes_use() -> None:
    expected = ("ADD", "AVERAGE_POOL_2D", "CONV_2D", "FULLY_CONNECTED", "RESHAPE", "SOFTMAX")
    assert operators(model("pretrainedResnet_quant")) == expected


def test_a_model_that_the_compiler_refuses_still_runs() -> None:
    data = model("trained_lstm_int8")
    assert "UNIDIRECTIONAL_SEQUENCE_LSTM" in operators(data)
    assert run_tflm(data, random_samples(2, size=28 * 28)).shape == (2, 10)


def test_a_float_input_is_refused() -> None:
    with pytest.raises(ModelError, match="inputs must be int8, got float32"):
        run_tflm(model("rock_paper_scissors"), random_samples(1))


@pytest.mark.parametrize("size", [489, 491])
def test_inputs_of_the_wrong_size_are_refused(size: int) -> None:
    with pytest.raises(ModelError, match=f"of 490 values, got int8 \\[2, {size}\\]"):
        run_tflm(model("kws_ref_model"), random_samples(2, size=size))


def test_an_operator_that_tflm_lacks_is_named() -> None:
    """A model whose CONV_2D is relabelled as an operator that TFLM does not have."""
    from ai_edge_litert import schema_py_generated as schema

    data = bytearray(model("kws_ref_model"))
    file = schema.Model.GetRootAs(data)
    code = file.OperatorCodes(0)
    position = code._tab.Pos + code._tab.Offset(4)  # the first field, an int8
    data[position] = schema.BuiltinOperator.LSH_PROJECTION
    with pytest.raises(ModelError, match=r"TFLM cannot run this model: .*LSH_PROJECTION"):
        run_tflm(bytes(data), random_samples(1, size=490))


@pytest.mark.parametrize("data", [b"", b"junk" * 100, b"\x1c\0\0\0TFL3" + b"\xff" * 64])
def test_a_damaged_file_is_refused(data: bytes) -> None:
    for function in (operators, arena_bytes):
        with pytest.raises(ModelError, match="TFLM: "):
            function(data)


def test_a_missing_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    data = model("hello_world_int8")
    monkeypatch.setitem(sys.modules, "tflite_micro.python.tflite_micro", None)
    with pytest.raises(ToolchainError, match="tflite-micro, the TFLM interpreter, cannot be imp"):
        run_tflm(data, random_samples(1, size=1))
