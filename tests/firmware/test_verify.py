"""Verification: right C passes, and of wrong C the layer is named."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from firmware_export import CompiledModel, ModelError, compile_tflite, read_tflite
from firmware_export.errors import BoardError
from firmware_export.ir import Graph, Tensor
from firmware_export.tflite_writer import write_tflite
from firmware_export.verify import saturating_samples, truncated_model, verify_tflite
from tests.firmware.fixtures.single_ops import (
    activation,
    conv_2d,
    depthwise_conv_2d,
    fully_connected,
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


def test_samples_that_saturate() -> None:
    assert saturating_samples(3).tolist() == [
        [-128, -128, -128],
        [127, 127, 127],
        [-128, 127, -128],
        [127, -128, 127],
    ]


@pytest.mark.parametrize("inputs", [np.zeros((2, 71), np.int8), np.zeros((2, 72), np.int16)])
def test_inputs_that_do_not_fit_are_refused(inputs: np.ndarray) -> None:
    with pytest.raises(ModelError, match="72 values for each sample"):
        verify_tflite(MODEL, inputs=inputs)


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(BoardError, match="cortex-m4"):
        verify_tflite(MODEL, target="cortex-m44")
