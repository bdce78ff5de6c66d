"""The oracle: what TFLM gives, the arena it needs, and models that it cannot run."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from firmware_export.errors import ModelError, ToolchainError
from firmware_export.tflite_writer import write_tflite
from firmware_export.tflm import arena_bytes, operators, run_tflm
from tests.firmware.fixtures.handmade import random_samples
from tests.firmware.fixtures.single_ops import conv_2d, fully_connected, model_of

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tflite_micro") is None, reason="tflite-micro is not installed"
)

MODELS = Path(__file__).resolve().parents[2].parent / "shared" / "models"


# Inputs of 126 values, and of 126 and 24: one operator for each.
ONE_INPUT = write_tflite(model_of(conv_2d("a", 1)))
GRAPH = model_of(conv_2d("a", 1), fully_connected("b", 2))
TWO_INPUTS = write_tflite(GRAPH)
SIZES = [tensor.elements for tensor in GRAPH.inputs]


def model(name: str) -> bytes:
    file = MODELS / f"{name}.tflite"
    if not file.exists():
        pytest.skip("the shared models are not here")
    return file.read_bytes()


def works_in(data: bytes, *sizes: int) -> list[bool]:
    """Whether TFLM runs in arenas of these sizes, tried where it may crash."""
    program = (
        "import sys; from firmware_export.tflm_probe import works; data = sys.stdin.buffer.read();"
        "print([works(data, int(size)) for size in sys.argv[1:]])"
    )
    command = [sys.executable, "-c", program, *map(str, sizes)]
    done = subprocess.run(command, input=data, capture_output=True, check=True)
    return [word == "True" for word in done.stdout.decode().strip(" []\n").split(", ")]


def test_outputs_have_the_shape_of_the_model_and_do_not_depend_on_each_other() -> None:
    samples = random_samples(4, size=126)
    outputs = run_tflm(ONE_INPUT, samples)
    assert outputs.shape == (4, *GRAPH.outputs[0].shape[1:])
    assert outputs.dtype == np.int8
    alone = [run_tflm(ONE_INPUT, samples[i : i + 1].reshape(1, 6, 7, 3)) for i in range(4)]
    assert np.array_equal(np.concatenate(alone), outputs)
    assert len(np.unique(outputs, axis=0)) == 4


def test_several_inputs_and_outputs_are_flattened_in_order() -> None:
    samples = random_samples(3, size=sum(SIZES))
    outputs = run_tflm(TWO_INPUTS, samples)
    first = run_tflm(ONE_INPUT, samples[:, : SIZES[0]])
    assert np.array_equal(outputs[:, : first[0].size], first.reshape(3, -1))
    assert outputs.shape == (3, sum(tensor.elements for tensor in GRAPH.outputs))


@pytest.mark.parametrize("data", [ONE_INPUT, TWO_INPUTS])
def test_the_smallest_arena_works_and_a_smaller_one_does_not(data: bytes) -> None:
    need = arena_bytes(data)
    assert works_in(data, need.smallest_bytes, need.smallest_bytes - 16) == [True, False]
    assert need.recommended_bytes % 16 == 0
    least = max(need.used_bytes, need.smallest_bytes) + need.margin_bytes
    assert least <= need.recommended_bytes < least + 16


def test_sizes_at_which_tflm_crashes_are_sizes_that_do_not_work() -> None:
    assert works_in(ONE_INPUT, 16, 64) == [False, False]


def test_set_up_may_need_more_than_is_used() -> None:
    need = arena_bytes(model("hello_world_int8"))
    assert need.smallest_bytes > need.used_bytes


def test_nothing_is_written_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    arena_bytes(ONE_INPUT)
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_operators_are_listed_once_and_sorted() -> None:
    assert operators(write_tflite(model_of(conv_2d("a", 1), conv_2d("c", 3)))) == ("CONV_2D",)
    assert operators(TWO_INPUTS) == ("CONV_2D", "FULLY_CONNECTED")


def test_operators_that_no_node_uses_are_not_listed() -> None:
    expected = ("ADD", "AVERAGE_POOL_2D", "CONV_2D", "FULLY_CONNECTED", "RESHAPE", "SOFTMAX")
    assert operators(model("pretrainedResnet_quant")) == expected


def test_a_model_with_state_runs() -> None:
    data = model("trained_lstm_int8")
    assert "UNIDIRECTIONAL_SEQUENCE_LSTM" in operators(data)
    assert run_tflm(data, random_samples(2, size=28 * 28)).shape == (2, 10)


def test_a_float_input_takes_no_int8() -> None:
    with pytest.raises(ModelError, match=r"expected float32 inputs .* got int8"):
        run_tflm(model("rock_paper_scissors"), random_samples(1))


@pytest.mark.parametrize("size", [125, 127])
def test_inputs_of_the_wrong_size_are_refused(size: int) -> None:
    with pytest.raises(ModelError, match=f"of 126 values, got int8 \\[2, {size}\\]"):
        run_tflm(ONE_INPUT, random_samples(2, size=size))


def test_a_model_that_needs_a_large_arena_runs() -> None:
    data = write_tflite(model_of(conv_2d("a", 1, image=(1, 128, 128, 4), channels=8)))
    samples = random_samples(1, size=128 * 128 * 4)
    assert run_tflm(data, samples).shape == (1, 128, 128, 8)
    assert arena_bytes(data).smallest_bytes > 128 * 128 * 12


def test_an_operator_that_tflm_lacks_is_named() -> None:
    """A model whose CONV_2D is relabelled as an operator that TFLM does not have."""
    from ai_edge_litert import schema_py_generated as schema

    data = bytearray(ONE_INPUT)
    file = schema.Model.GetRootAs(data)
    code = file.OperatorCodes(0)
    position = code._tab.Pos + code._tab.Offset(4)  # the first field, an int8
    data[position] = schema.BuiltinOperator.LSH_PROJECTION
    with pytest.raises(ModelError, match=r"TFLM cannot run this model: .*LSH_PROJECTION"):
        run_tflm(bytes(data), random_samples(1, size=126))


@pytest.mark.parametrize("data", [b"", b"junk" * 100, b"\x1c\0\0\0TFL3" + b"\xff" * 64])
def test_a_damaged_file_is_refused(data: bytes) -> None:
    for function in (operators, arena_bytes):
        with pytest.raises(ModelError, match="TFLM: "):
            function(data)


def test_a_missing_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tflite_micro.python.tflite_micro", None)
    with pytest.raises(ToolchainError, match="tflite-micro, the TFLM interpreter, cannot be imp"):
        run_tflm(ONE_INPUT, random_samples(1, size=126))
