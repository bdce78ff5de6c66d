"""The LSTM beyond its table of cases: 16-bit functions, scales, and state from run to run."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firmware_export import ModelError, UnsupportedOpError, compile_tflite
from firmware_export.codegen.kernels import bundle
from firmware_export.ir import Graph, Node, Quantization, Tensor
from firmware_export.measure import emulate, run_on_host
from firmware_export.measure.toolchain import run_tool
from firmware_export.memory import tensor_buffers
from firmware_export.numerics import quantize_multiplier, requantize
from firmware_export.passes import run_passes
from firmware_export.target import find_core
from firmware_export.tflite_reader import read_tflite
from firmware_export.tflite_writer import write_tflite
from firmware_export.tflm import run_tflm
from tests.firmware.fixtures.lstm import lstm
from tests.firmware.fixtures.single_ops import (
    activation,
    float32,
    fully_connected,
    model_of,
    relu,
    reshape,
    samples,
)

TRAINED = Path(__file__).parents[3] / "shared/models/trained_lstm_int8.tflite"
KERAS = Path(__file__).parent / "fixtures/keras_lstm.tflite"
needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")

FUNCTIONS_MAIN = """
#include <stdio.h>
int main(void)
{
    int16_t x;
    while (fread(&x, sizeof x, 1, stdin) == 1) {
        const int32_t out[2] = {tkd_logistic_s16(x), tkd_tanh_s16(3 * x)};
        fwrite(out, sizeof out[0], 2, stdout);
    }
    return 0;
}
"""


def int16_function(op: str, values: np.ndarray) -> np.ndarray:
    """What TFLM's operator of int16 gives for numbers of format Q3.12, as Q0.15."""
    x = Tensor("x", (1, values.size), "int16", Quantization((2.0**-12,), (0,), 0))
    y = replace(x, name="y", quantization=Quantization((2.0**-15,), (0,), 0))
    graph = Graph((Node(op, 1, (x,), (y,)),), (x,), (y,))
    return run_tflm(write_tflite(graph), values[None])[0]


@needs_gcc
def test_the_16_bit_functions_equal_tflm_for_every_value(tmp_path: Path) -> None:
    source = f"{bundle(['tkd_logistic_s16', 'tkd_tanh_s16'])}\n{FUNCTIONS_MAIN}"
    (tmp_path / "functions.c").write_text(source)
    flags = ["-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all"]
    run_tool(["gcc", *flags, "functions.c", "-o", "functions"], cwd=str(tmp_path))
    values = np.arange(-(2**15), 2**15).astype(np.int16)
    output = run_tool([str(tmp_path / "functions")], cwd=str(tmp_path), stdin=values.tobytes())
    got = np.frombuffer(output, np.int32).reshape(-1, 2)
    assert np.array_equal(got[:, 0], int16_function("LOGISTIC", values))
    assert np.array_equal(got[:, 1], int16_function("TANH", values))


def scales_that_round_apart() -> Node:
    """A cell gate whose biases tell how the scales of input and weights were multiplied.

    As in test_ops.scales_that_round_apart; the other gates are wide open.
    """
    made = lstm("apart", 0, features=1, units=64, steps=1, cell_bits=-15, scales=(0.05, 2.0**-13))
    x = made.input(0)
    # With this scale the two products differ by nearly as much as rounding can make them.
    w_scale = float32(5.826171767253641e-10)
    single = float(np.float32(x.scale) * np.float32(w_scale)) * 2**12
    double = x.scale * w_scale * 2**12
    assert abs(single / double - 1) > 5e-8
    halves = np.concatenate([np.arange(-60, -28), np.arange(28, 60)]) + 0.5
    chosen = np.rint((halves / single + halves / double) / 2).astype(np.int32)
    rounded = [requantize(chosen, *quantize_multiplier(real)) for real in (single, double)]
    assert np.all(rounded[0] != rounded[1])
    inputs = list(made.inputs)
    for index in range(1, 9):
        scale = w_scale if index == 3 else float32(1e-6)
        quantization = Quantization((scale,), (0,), 0)
        zeros = np.zeros(inputs[index].shape, np.int8)
        inputs[index] = replace(inputs[index], data=zeros, quantization=quantization)
    for index in range(12, 16):
        values = chosen if index == 14 else np.full(64, 2**30, np.int32)
        inputs[index] = replace(inputs[index], data=values)
    return replace(made, inputs=tuple(inputs))


@needs_gcc
def test_the_scales_of_a_gate_are_multiplied_like_in_tflm() -> None:
    graph = model_of(scales_that_round_apart())
    model, inputs = write_tflite(graph), samples(graph, random=1)
    got = run_on_host(compile_tflite(model), inputs, cc="gcc")
    assert np.array_equal(got, run_tflm(model, inputs))


def two_in_a_row() -> Graph:
    """Two LSTMs with a layer before, between and after them, so that the arena is used again."""
    x = activation("x", (1, 4, 6), zero_point=-7)
    first = lstm("first", 1, steps=4, features=6, units=5)
    between = relu("between", shape=(1, 4, 5), zero_points=(11, 3))
    second = lstm("second", 2, steps=4, features=5, units=9, zero_points=(3, -20))
    flat = reshape("flat", shape=(1, 4, 9), new_shape=(1, 36))
    last = fully_connected("last", 3, shape=(1, 36), features=3, zero_points=(-20, 4))
    before = relu("before", shape=(1, 4, 6), zero_points=(-7, -7))
    nodes: list[Node] = []
    for made in (before, first, between, second, flat, last):
        output = made.output
        if made is flat:
            output = replace(output, quantization=nodes[-1].output.quantization)
        source = nodes[-1].output if nodes else x
        nodes.append(replace(made, inputs=(source, *made.inputs[1:]), outputs=(output,)))
    return Graph(tuple(nodes), (x,), (nodes[-1].output,))


@needs_gcc
def test_state_stays_between_runs_like_in_tflm() -> None:
    graph = two_in_a_row()
    model = write_tflite(graph)
    inputs = np.repeat(samples(graph, random=8), 2, axis=0)
    expected = run_tflm(model, inputs)
    assert not np.array_equal(expected[::2], expected[1::2])  # the same sample, another state
    got = run_on_host(compile_tflite(model), inputs, cc="gcc", sanitize="address,undefined")
    assert np.array_equal(got, expected)
    on_core = emulate(compile_tflite(model), find_core("cortex-m4"), inputs[:6]).outputs
    assert np.array_equal(on_core, expected[:6])


@needs_gcc
def test_a_sequence_starts_from_the_zero_point_like_in_tflm() -> None:
    """After one step the output still tells what the hidden state was."""
    graph = model_of(lstm("one", 0, steps=1, units=64, zero_points=(0, -128), spread=20.0))
    model, inputs = write_tflite(graph), samples(graph, random=1)
    got = run_on_host(compile_tflite(model), inputs, cc="gcc")
    assert np.array_equal(got, run_tflm(model, inputs))


def test_nothing_else_lies_where_state_lies() -> None:
    graph = run_passes(two_in_a_row())
    assert [state.name for state in graph.states] == [
        *("first_hidden", "first_cell", "second_hidden", "second_cell")
    ]
    for state, buffer in tensor_buffers(graph).items():
        if state.variable:
            assert (buffer.first, buffer.last) == (-1, len(graph.nodes))


RESET_MAIN = """
#include <stdio.h>
#include <string.h>
#include "model.h"
static uint8_t arena[MODEL_ARENA_BYTES] __attribute__((aligned(16)));
int main(void)
{
    int8_t first[MODEL_OUTPUT_BYTES];
    int run;
    memset(arena, 0x5A, sizeof arena);
    if (model_reset(NULL) != MODEL_ERROR_ARENA || model_reset(arena + 1) != MODEL_ERROR_ARENA) {
        return 2;
    }
    for (run = 0; run < 3; ++run) {
        if (run != 1 && model_reset(arena) != 0) {
            return 3;
        }
        memset(model_input(arena), 42, MODEL_INPUT_BYTES);
        if (model_invoke(arena) != 0) {
            return 4;
        }
        if (run == 0) {
            memcpy(first, model_output(arena), sizeof first);
        }
        if ((memcmp(first, model_output(arena), sizeof first) != 0) != (run == 1)) {
            return 5;
        }
    }
    return 0;
}
"""


@needs_gcc
def test_a_reset_starts_again(tmp_path: Path) -> None:
    for name, text in compile_tflite(write_tflite(two_in_a_row())).files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "main.c").write_text(RESET_MAIN)
    run_tool(["gcc", "-std=c99", "main.c", "model.c", "-o", "main"], cwd=str(tmp_path))
    run_tool([str(tmp_path / "main")], cwd=str(tmp_path))


def test_a_model_without_state_has_no_reset() -> None:
    files = compile_tflite(write_tflite(model_of(relu("r")))).files
    assert all("_reset" not in text for text in files.values())


def test_a_file_keeps_what_is_state() -> None:
    read = read_tflite(write_tflite(two_in_a_row()))
    assert [state.name for state in read.states] == [s.name for s in two_in_a_row().states]


def test_state_of_another_operator_is_refused() -> None:
    node = relu("r")
    node = replace(node, inputs=(replace(node.input(0), variable=True),))
    graph = Graph((node,), (activation("x", (1, 4)),), (node.output,))
    message = r"RELU at 'r_out': Input 0 must not be state \(a variable tensor\). Got 'r_in'"
    with pytest.raises(UnsupportedOpError, match=message):
        compile_tflite(write_tflite(graph))


def test_a_cell_without_state_is_refused() -> None:
    node = lstm("l", 0)
    inputs = list(node.inputs)
    inputs[18] = replace(node.input(18), variable=False)
    with pytest.raises(UnsupportedOpError, match=r"Input 18 must be state"):
        compile_tflite(write_tflite(model_of(replace(node, inputs=tuple(inputs)))))


def test_shared_state_is_refused() -> None:
    one, other = lstm("one", 0), lstm("other", 1)
    other = replace(other, inputs=(*other.inputs[:18], *one.inputs[18:]))
    with pytest.raises(ModelError, match="State 'one_hidden' must belong to one operator"):
        compile_tflite(write_tflite(model_of(one, other)))


@pytest.mark.parametrize("role", ["inputs", "outputs"])
def test_state_at_the_edge_of_a_model_is_refused(role: str) -> None:
    graph = model_of(lstm("one", 0))
    tensors = (*getattr(graph, role), graph.nodes[0].input(18))
    with pytest.raises(ModelError, match=r"State 'one_hidden' must .* be no input or output"):
        compile_tflite(write_tflite(replace(graph, **{role: tensors})))


@needs_gcc
def test_a_model_from_keras_equals_tflm() -> None:
    """LSTM(5) on [6, 3], random weights, and Dense(3) with softmax, as TensorFlow 2.21 converts it.

    The last step of the sequence is taken by a STRIDED_SLICE.
    """
    model = KERAS.read_bytes()
    inputs = np.random.default_rng(0).integers(-128, 128, (30, 6, 3)).astype(np.int8)
    got = run_on_host(compile_tflite(model), inputs, cc="gcc", sanitize="address,undefined")
    assert np.array_equal(got, run_tflm(model, inputs))


@needs_gcc
@pytest.mark.skipif(not TRAINED.exists(), reason="needs ../shared/models")
def test_a_trained_model_equals_tflm() -> None:
    model = TRAINED.read_bytes()
    inputs = np.random.default_rng(0).integers(-128, 128, (30, 28, 28)).astype(np.int8)
    expected = run_tflm(model, inputs)
    got = run_on_host(compile_tflite(model), inputs, cc="gcc", sanitize="address,undefined")
    assert np.array_equal(got, expected)
    for core in ("cortex-m0plus", "cortex-m4"):
        compiled = compile_tflite(model, target=core)
        assert np.array_equal(emulate(compiled, find_core(core), inputs[:4]).outputs, expected[:4])
