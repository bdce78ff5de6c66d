"""Activations are fused and operators that change nothing disappear; the bytes stay."""

from dataclasses import replace

import numpy as np
import pytest

from firmware_export import compile_tflite
from firmware_export.ir import Graph, Node
from firmware_export.measure import run_on_host
from firmware_export.passes import verify
from firmware_export.passes.drop_identities import SAME_BYTES, drop_identities
from firmware_export.passes.fuse_activations import FUSED, fuse_activations
from firmware_export.tflite_writer import write_tflite
from firmware_export.tflm import run_tflm
from tests.firmware.dead_channels import chained
from tests.firmware.fixtures import movement_ops as movement
from tests.firmware.fixtures.elementwise_ops import pair
from tests.firmware.fixtures.single_ops import (
    ACTIVATION_CODES,
    activation,
    add,
    conv_2d,
    depthwise_conv_2d,
    fully_connected,
    node,
    pool_2d,
    relu,
    reshape,
    samples,
)
from tests.firmware.random_graphs import side_by_side


def clamped(writer: Node, op: str = "RELU", **other: object) -> Graph:
    """``writer``, then an activation of the same quantization unless ``other`` says so."""
    y = writer.output
    quantization = {"scale": y.scale, "zero_point": y.zero_point, **other}
    clamp = node(op, f"{writer.name}_{op}", [y], y.shape, **quantization)
    inputs = tuple(dict.fromkeys(writer.activations))
    return Graph((writer, clamp), inputs, clamp.outputs)


WRITERS = {
    "ADD": add("a"),
    "AVERAGE_POOL_2D": pool_2d("AVERAGE_POOL_2D", "p"),
    "CONV_2D": conv_2d("c", 1),
    "DEPTHWISE_CONV_2D": depthwise_conv_2d("d", 2),
    "FULLY_CONNECTED": fully_connected("f", 3),
    "MAX_POOL_2D": pool_2d("MAX_POOL_2D", "m"),
    "MUL": pair("MUL", "x"),
    "SUB": pair("SUB", "s"),
}


def test_every_operator_that_clamps_is_tried():
    assert set(WRITERS) == FUSED


@pytest.mark.parametrize("op", ["RELU", "RELU6"])
def test_fused_activations_equal_tflm(op):
    graphs = [clamped(writer, op) for writer in WRITERS.values()]
    for graph in graphs:
        (only,) = verify(fuse_activations(graph)).nodes
        assert only.option("fused_activation_function") == ACTIVATION_CODES[op]
        assert only.outputs == graph.outputs
    graph = side_by_side(graphs)
    model, inputs = write_tflite(graph), samples(graph, random=6)
    got = run_on_host(compile_tflite(model), inputs, cc="gcc", sanitize="address,undefined")
    np.testing.assert_array_equal(got, run_tflm(model, inputs))


def read_twice() -> Graph:
    graph = clamped(conv_2d("c", 1))
    return replace(graph, outputs=(*graph.outputs, graph.nodes[0].output))


NOT_FUSED = {
    "another scale": clamped(conv_2d("c", 1), scale=0.5),
    "another zero point": clamped(conv_2d("c", 1), zero_point=-128),
    "another activation": clamped(conv_2d("c", 1, activation_function="RELU_N1_TO_1")),
    "a second reader": read_twice(),
    "an operator that does not clamp": clamped(relu("r")),
}


@pytest.mark.parametrize("case", NOT_FUSED)
def test_an_activation_that_does_more_than_clamp_stays(case):
    assert fuse_activations(NOT_FUSED[case]) is NOT_FUSED[case]


IMAGE = (1, 4, 5, 3)
START = (0, 0, 0, 0)
NONE = ((0, 0), (0, 0), (0, 0), (0, 0))


def rescaled(scale: float) -> Node:
    x = activation("q_in", IMAGE, 0.05, -7)
    return node("QUANTIZE", "q", [x], IMAGE, scale=scale, zero_point=-7)


def one_tap(op: str, **options: object) -> Node:
    return pool_2d(op, op, image=IMAGE, kernel=(1, 1), strides=(1, 1), **options)


def strided(steps: tuple[int, ...], begin: tuple[int, ...], end: tuple[int, ...]) -> Node:
    return movement.strided_slice("v", shape=IMAGE, begin=begin, end=end, strides=steps)


UNCHANGED = {
    "AVERAGE_POOL_2D": one_tap("AVERAGE_POOL_2D"),
    "BATCH_TO_SPACE_ND": movement.batch_to_space("b", shape=IMAGE, block=(1, 1)),
    "CONCATENATION": movement.concatenation("c", shapes=[IMAGE]),
    "EXPAND_DIMS": movement.expand_dims("e", shape=IMAGE, axis=1),
    "MAX_POOL_2D": one_tap("MAX_POOL_2D"),
    "MIRROR_PAD": movement.mirror_pad("m", borders=NONE),
    "PAD": movement.pad("p", borders=NONE),
    "PADV2": movement.padv2("p", borders=NONE),
    "QUANTIZE": rescaled(0.05),
    "RESHAPE": replace(movement.pad("r", borders=NONE), op="RESHAPE", options_table="NONE"),
    "SLICE": movement.slice_of("s", shape=IMAGE, begin=START, size=IMAGE),
    "SPACE_TO_BATCH_ND": movement.space_to_batch("t", shape=IMAGE, block=(1, 1), borders=NONE[:2]),
    "SPLIT": movement.split("i", shape=IMAGE, axis=3, count=1),
    "SQUEEZE": movement.squeeze("z", shape=IMAGE, output=IMAGE[1:]),
    "STRIDED_SLICE": strided((1, 1, 1, 1), START, IMAGE),
    "TRANSPOSE": movement.transpose("o", shape=IMAGE, order=(1, 0, 2, 3)),
}


def test_every_operator_that_may_change_nothing_is_tried():
    assert set(UNCHANGED) == set(SAME_BYTES)


@pytest.mark.parametrize("op", UNCHANGED)
def test_what_changes_nothing_is_no_layer_and_gives_the_bytes_of_tflm(op):
    last = UNCHANGED[op]
    first = replace(relu("first", shape=IMAGE), outputs=last.activations)
    graph = Graph((first, last), first.inputs, last.outputs)
    simple = verify(drop_identities(graph))
    assert [node.op for node in simple.nodes][1:] in (["RESHAPE"], [op])
    model, inputs = write_tflite(graph), samples(graph)
    compiled = compile_tflite(model)
    assert [layer.op for layer in compiled.layers] == ["RELU"]
    got = run_on_host(compiled, inputs, cc="gcc")
    np.testing.assert_array_equal(got.reshape(len(inputs), -1), rows(run_tflm(model, inputs)))


def rows(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1)


def test_readers_read_what_was_before_it():
    first = reshape("first", shape=(1, 8), new_shape=(1, 8))
    graph = chained(first, relu("last", shape=(1, 8)))
    (last,) = drop_identities(graph).nodes
    assert last.input(0) is graph.inputs[0]


CHANGED = {
    "another scale": rescaled(0.5),
    "an activation": one_tap("MAX_POOL_2D", activation_function="RELU"),
    "backwards": strided((1, -1, 1, 1), (0, 3, 0, 0), (1, -5, 5, 3)),
    "another order": movement.transpose("o", shape=IMAGE, order=(0, 2, 1, 3)),
    "a window": pool_2d("AVERAGE_POOL_2D", "a", image=IMAGE, padding="SAME", strides=(1, 1)),
}


@pytest.mark.parametrize("case", CHANGED)
def test_what_changes_something_stays(case):
    changed = CHANGED[case]
    graph = Graph((changed,), changed.inputs[:1], changed.outputs)
    assert drop_identities(graph) is graph
