"""Verification: right C passes, and of wrong C the layer is named."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from firmware_export import CompiledModel, ModelError, compile_tflite, read_tflite
from firmware_export.errors import BoardError
from firmware_export.ir import Graph, Tensor
from firmware_export.profile import profile_tflite
from firmware_export.tflite_writer import write_tflite
from firmware_export.verify import truncated_model, verify_tflite
from tests.firmware.fixtures.elementwise_ops import arg_max, unary
from tests.firmware.fixtures.single_ops import (
    activation,
    conv_2d,
    depthwise_conv_2d,
    fully_connected,
    model_of,
    reshape,
    softmax,
)

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")


def network() -> Graph:
    x = activation("x", (1, 6, 6, 2), zero_point=3)
    first = replace_input(conv_2d("first", 0, image=(1, 6, 6, 2), channels=4), x)
    second = replace_input(depthwise_conv_2d("second", 1, image=(1, 6, 6, 4)), first.output)
    flat = reshape("flat", shape=(1, 6, 6, 4), new_shape=(1, 144))
    output = replace(flat.output, quantization=second.output.quantization)
    flat = replace(replace_input(flat, second.output), outputs=(output,))
    third = replace_input(fully_connected("third", 2, shape=(1, 144), features=5), flat.output)
    last = replace_input(softmax("last", shape=(1, 5)), third.output)
    return Graph((first, second, flat, third, last), (x,), (last.output,))


def replace_input(node, tensor):
    return replace(node, inputs=(tensor, *node.inputs[1:]))


def with_edges(before: str, after: str) -> Graph:
    """A convolution between a QUANTIZE from one type and a QUANTIZE or DEQUANTIZE to another."""
    shape = (1, 4, 4, 2)
    zeros = (128 if before == "uint8" else 0, -7)
    first = unary("QUANTIZE", "first", shape=shape, dtypes=(before, "int8"), zero_points=zeros)
    conv = replace_input(conv_2d("conv", 0, image=shape, channels=3), first.output)
    op = "DEQUANTIZE" if after == "float32" else "QUANTIZE"
    last = unary(op, "last", shape=conv.output.shape, dtypes=("int8", after), zero_points=(0, 9))
    last = replace_input(last, conv.output)
    return Graph((first, conv, last), first.activations, (last.output,))


def of_several_types() -> Graph:
    """Inputs of three types; outputs of three, an index among them."""
    parts = [with_edges("float32", "int8"), with_edges("uint8", "float32"), network()]
    index = replace_input(arg_max("index", (1, 5), 1), parts[2].outputs[0])
    return Graph(
        (*(node for part in parts for node in part.nodes), index),
        tuple(tensor for part in parts for tensor in part.inputs),
        (*(tensor for part in parts for tensor in part.outputs), index.output),
    )


MODEL = write_tflite(network())


def wrong_multiplier_in(layer: str):
    """A compiler that halves the multipliers of one layer in the C."""

    def compile_model(tflite: bytes) -> CompiledModel:
        nodes = []
        graph = read_tflite(tflite)
        spoilt = {f"{layer}_w", f"{layer}_b"}
        for node in graph.nodes:
            inputs = [halved(t) if t is not None and t.name in spoilt else t for t in node.inputs]
            nodes.append(replace(node, inputs=tuple(inputs)))
        return compile_tflite(write_tflite(graph.with_nodes(tuple(nodes))))

    return compile_model


def halved(tensor: Tensor) -> Tensor:
    scales = tuple(scale / 2 for scale in tensor.quantization.scales)
    return replace(tensor, quantization=replace(tensor.quantization, scales=scales))


@needs_gcc
def test_right_c_is_equal_on_the_host() -> None:
    given = np.arange(72, dtype=np.int8).reshape(1, 6, 6, 2)
    result = verify_tflite(MODEL, inputs=given, samples=5, cc="gcc")
    assert result.equal
    assert result.first_difference is None
    assert (result.samples, result.compared_bytes) == (4 + 5 + 1, 10 * 5)
    assert "sanitizers" in result.how


def test_right_c_is_equal_on_an_emulated_core() -> None:
    result = verify_tflite(MODEL, samples=1, target="cortex-m4")
    assert result.equal
    assert result.target == "cortex-m4"


@needs_gcc
@pytest.mark.parametrize(
    ("name", "layer", "op"),
    [
        ("first", 0, "CONV_2D"),
        ("second", 1, "DEPTHWISE_CONV_2D"),
        ("third", 3, "FULLY_CONNECTED"),
    ],
)
def test_the_layer_with_a_planted_fault_is_named(name: str, layer: int, op: str) -> None:
    result = verify_tflite(MODEL, samples=8, cc="gcc", compile_model=wrong_multiplier_in(name))
    assert not result.equal
    found = result.first_difference
    assert found is not None
    assert (found.layer, found.op, found.name) == (layer, op, f"{name}_out")
    assert found.expected != found.got
    assert 0 < found.differing_bytes < found.compared_bytes


def test_a_truncated_model_ends_with_its_layer() -> None:
    ops = [layer.op for layer in compile_tflite(truncated_model(MODEL, 1)).layers]
    assert ops == ["CONV_2D", "DEPTHWISE_CONV_2D"]
    assert compile_tflite(truncated_model(MODEL, 2)).outputs[0].shape == (1, 144)


@pytest.mark.parametrize("inputs", [np.zeros((2, 71), np.int8), np.zeros((2, 72), np.int16)])
def test_inputs_that_do_not_fit_are_refused(inputs: np.ndarray) -> None:
    with pytest.raises(ModelError, match="72 values for each sample"):
        verify_tflite(MODEL, inputs=inputs)
    with pytest.raises(ModelError, match="72 values for each sample"):
        profile_tflite(MODEL, "nano33ble", inputs=inputs)


@needs_gcc
@pytest.mark.parametrize(
    ("before", "after"),
    [("float32", "float32"), ("uint8", "uint8"), ("int16", "int16"), ("float32", "int8")],
)
def test_other_types_at_the_edges_are_verified(before: str, after: str) -> None:
    model = write_tflite(with_edges(before, after))
    result = verify_tflite(model, inputs=np.zeros((2, 32), before), samples=3, cc="gcc")
    assert result.equal
    assert result.compared_bytes == (4 + 3 + 2) * 48 * np.dtype(after).itemsize


@needs_gcc
def test_several_inputs_and_outputs_of_several_types_are_verified() -> None:
    graph = of_several_types()
    given = {
        graph.inputs[0].name: np.full((2, 4, 4, 2), 0.25, np.float32),
        "arr_1": np.full((2, 4, 4, 2), 200, np.uint8),
        graph.inputs[2].name: np.zeros((2, 72), np.int8),
    }
    result = verify_tflite(write_tflite(graph), inputs=given, samples=3, cc="gcc")
    assert result.equal
    assert (result.samples, result.compared_bytes) == (9, 9 * (48 + 48 * 4 + 5 + 4))


def test_a_model_of_several_types_is_profiled() -> None:
    profile = profile_tflite(write_tflite(of_several_types()), "nano33ble")
    assert profile.layers[0].op == "QUANTIZE"


@needs_gcc
def test_a_planted_fault_between_other_types_is_named() -> None:
    model = write_tflite(with_edges("float32", "float32"))
    result = verify_tflite(model, cc="gcc", compile_model=wrong_multiplier_in("conv"))
    found = result.first_difference
    assert found is not None
    assert (found.layer, found.op, found.name) == (1, "CONV_2D", "conv_out")


@needs_gcc
def test_a_real_value_that_differs_is_told_as_one() -> None:
    right, wrong = (
        model_of(unary("DEQUANTIZE", "x", shape=(1, 6), scales=(s, 1), dtypes=("int8", "float32")))
        for s in (0.5, 0.25)
    )
    result = verify_tflite(
        write_tflite(right), cc="gcc", compile_model=lambda _: compile_tflite(write_tflite(wrong))
    )
    found = result.first_difference
    assert found is not None
    assert (found.sample, found.position, found.compared_bytes) == (0, 0, 36 * 6 * 4)
    assert (found.expected, found.got) == (-60.5, -30.25)


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(BoardError, match="cortex-m4"):
        verify_tflite(MODEL, target="cortex-m44")
