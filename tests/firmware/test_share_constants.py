"""Equal arrays are in the C once, and every layer still reads the right ones."""

import re
from dataclasses import replace

import numpy as np

from firmware_export import CompiledModel, compile_tflite
from firmware_export.ir import Graph
from firmware_export.measure import run_on_host
from firmware_export.tflite_writer import write_tflite
from firmware_export.tflm import run_tflm
from tests.firmware.fixtures.elementwise_ops import unary
from tests.firmware.fixtures.single_ops import (
    add,
    conv_2d,
    fully_connected,
    model_of,
    relu,
    samples,
)


def arrays(compiled: CompiledModel) -> list[str]:
    """Symbols of the constants of all layers."""
    text = compiled.files["model.c"]
    return re.findall(r"^static const \w+ (model_\w+)\[", text, re.MULTILINE)


def checked(graph: Graph) -> CompiledModel:
    model, inputs = write_tflite(graph), samples(graph)
    compiled = compile_tflite(model)
    got = run_on_host(compiled, inputs, cc="gcc", sanitize="address,undefined")
    np.testing.assert_array_equal(got, run_tflm(model, inputs))
    return compiled


def test_two_layers_with_the_same_weights_share_all_of_them():
    compiled = checked(model_of(conv_2d("one", 1), conv_2d("other", 1)))
    assert arrays(compiled) == ["model_0_conv_2d_weights", "model_0_conv_2d_channels"]
    first, second = compiled.layers
    assert first.weights_bytes > 0 == second.weights_bytes
    assert compiled.weights_bytes == first.weights_bytes


def test_only_what_is_equal_is_shared():
    """The same weights with other biases; and other layers with the same bytes."""
    one, other = fully_connected("one", 1), fully_connected("other", 1)
    bias = replace(other.input(2), data=other.input(2).values + np.int32(1))
    other = replace(other, inputs=(*other.inputs[:2], bias))
    compiled = checked(model_of(one, other, add("a", constant_operand=1)))
    assert arrays(compiled) == [
        "model_0_fully_connected_weights",
        "model_0_fully_connected_channels",
        "model_1_fully_connected_channels",
        "model_2_add_operand_1",
    ]


def test_tables_of_one_function_are_shared():
    compiled = checked(model_of(unary("ELU", "a"), unary("ELU", "b"), relu("r")))
    assert arrays(compiled) == ["model_0_elu_table"]


def test_an_array_of_another_length_is_another():
    """Zeros of one length are no zeros of another, although one begins like the other."""
    short, long = (add(f"a{i}", shapes=((1, i),) * 2, constant_operand=1) for i in (3, 5))
    zeros = (
        replace(n, inputs=(n.input(0), replace(n.input(1), data=np.zeros_like(n.input(1).values))))
        for n in (short, long)
    )
    assert len(arrays(checked(model_of(*zeros)))) == 2
