"""Channels that never change are removed, and not a byte of the outputs changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from firmware_export import compile_tflite
from firmware_export.ir import Graph, Node, Tensor
from firmware_export.measure import emulate, run_on_host
from firmware_export.passes import run_passes, verify
from firmware_export.passes.interval_analysis import find_intervals
from firmware_export.passes.interval_rules import RULES
from firmware_export.passes.remove_constant_channels import remove_constant_channels
from firmware_export.target import find_core
from firmware_export.tflite_writer import write_tflite
from firmware_export.tflm import run_tflm
from tests.firmware.dead_channels import (
    GROWN,
    SATURATING,
    chained,
    deadened,
    random_dead_graph,
    reading,
)
from tests.firmware.fixtures.single_ops import (
    activation,
    add,
    conv_2d,
    depthwise_conv_2d,
    fully_connected,
    mean,
    pool_2d,
    reshape,
    samples,
)
from tests.firmware.random_graphs import differing_outputs, side_by_side

SEED = 20_261_360
GRAPHS = 32


def dead_graphs(count: int, first: int = SEED) -> list[Graph]:
    return [random_dead_graph(first + i, name=f"net{i}") for i in range(count)]


def shut(node: Node, *channels: int, bias: int = -SATURATING) -> Node:
    """``node`` whose ``channels`` get this bias and no weights."""
    weights, sums = node.input(1), node.input(2)
    values, biases = weights.values.copy(), sums.values.copy()
    for channel in channels:
        values[(..., channel) if node.op == "DEPTHWISE_CONV_2D" else channel] = 0
        biases[channel] = bias
    operands = (replace(weights, data=values), replace(sums, data=biases))
    return replace(node, inputs=(node.input(0), *operands))


def width(graph: Graph, index: int) -> int:
    return graph.nodes[index].output.shape[-1]


def assert_equal_to_tflm(graph: Graph, random: int = 8) -> None:
    model, inputs = write_tflite(graph), samples(graph, random=random)
    got = run_on_host(compile_tflite(model), inputs, cc="gcc", sanitize="address,undefined")
    assert differing_outputs(graph, got, run_tflm(model, inputs)) == []


def test_random_networks_with_dead_channels_equal_tflm_under_sanitizers():
    graphs = dead_graphs(GRAPHS)
    shrunk = [graph for graph in graphs if remove_constant_channels(graph) is not graph]
    assert len(shrunk) > GRAPHS // 4
    assert_equal_to_tflm(side_by_side(shrunk), random=6)


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m0plus"])
def test_random_networks_with_dead_channels_equal_tflm_on_an_emulated_core(core):
    graph = side_by_side(dead_graphs(8, SEED + GRAPHS))
    model, inputs = write_tflite(graph), samples(graph, random=1)
    got = emulate(compile_tflite(model, target=core), find_core(core), inputs, optimize="Os")
    assert differing_outputs(graph, got.outputs, run_tflm(model, inputs)) == []


def test_intervals_hold_every_value_that_tflm_computes():
    seen = set()
    for graph in dead_graphs(GRAPHS):
        tensors = tuple(tensor for node in graph.nodes for tensor in node.outputs)
        whole = replace(graph, outputs=tensors)
        rows = run_tflm(write_tflite(whole), samples(whole, random=8)).reshape(11 + 1, -1)
        found = find_intervals(graph)
        ends = np.cumsum([0, *(tensor.elements for tensor in tensors)])
        for tensor, start, end in zip(tensors, ends, ends[1:], strict=False):
            values = rows[:, start:end].reshape(-1, tensor.shape[-1])
            assert (values >= found[tensor].low).all(), tensor.name
            assert (values <= found[tensor].high).all(), tensor.name
        seen |= {node.op for node in graph.nodes}
    assert seen == set(GROWN)
    assert set(GROWN) - set(RULES) == {"PRELU", "RESIZE_BILINEAR", "SUM"}


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_the_interval_of_a_convolution_is_reached(padding):
    """Extreme inputs chosen by the weights' signs give both ends, at a border too."""
    node = conv_2d("c", 3, image=(1, 3, 3, 2), channels=4, padding=padding, spread=4.0)
    graph = Graph((node,), (node.input(0),), node.outputs)
    found = find_intervals(graph)[node.output]
    taps = node.input(1).values.astype(int)
    extreme = []
    for y, x in [(1, 1)] if padding == "VALID" else [(y, x) for y in range(3) for x in range(3)]:
        for channel in range(4):
            plane = np.zeros((5, 5, 2), int)
            plane[y : y + 3, x : x + 3] = np.sign(taps[channel])
            inside = plane[1:4, 1:4]
            extreme += [np.where(inside > 0, 127, -128), np.where(inside > 0, -128, 127)]
    inputs = np.array(extreme).astype(np.int8).reshape(len(extreme), -1)
    values = run_tflm(write_tflite(graph), inputs).reshape(-1, 4)
    assert values.min(axis=0).tolist() == found.low.tolist()
    assert values.max(axis=0).tolist() == found.high.tolist()


@pytest.mark.parametrize("row", [0, 2])
def test_the_interval_of_a_constant_counts_the_border(row):
    """With one row of taps left, the sums differ where that row lies outside the image."""
    first = shut(conv_2d("first", 1, channels=2), 0, 1, bias=4000)
    second = depthwise_conv_2d("second", 2, image=first.output.shape, with_bias=False)
    taps = np.zeros_like(second.input(1).values)
    taps[0, row, 1] = 100
    weights = replace(second.input(1), data=taps)
    graph = chained(first, replace(second, inputs=(second.input(0), weights)))
    found = find_intervals(graph)[graph.outputs[0]]
    values = run_tflm(write_tflite(graph), samples(graph)).reshape(-1, 2)
    assert not found.constant.any()
    assert values.min(axis=0).tolist() == found.low.tolist()
    assert values.max(axis=0).tolist() == found.high.tolist()


def mobilenet(strides: int, padding: str, bias: int) -> Graph:
    """Convolution, depthwise, pointwise with a residual sum, depthwise, pointwise, mean, dense."""
    relu = {"activation_function": "RELU", "zero_points": (-128, -128)}
    geometry = {"padding": padding, "strides": (strides, strides), **relu}
    nodes = [shut(conv_2d("stem", 1, image=(1, 17, 15, 3), channels=8, **geometry), 1, 4)]

    def then(build, name, *dead, **options):
        shape = nodes[-1].output.shape
        node = reading(build(name, len(nodes), image=shape, **options), nodes[-1].output)
        nodes.append(shut(node, *dead, bias=bias) if dead else node)

    then(depthwise_conv_2d, "dw1", 2, **{**geometry, "strides": (1, 1), "padding": "SAME"})
    then(conv_2d, "pw1", 0, 7, channels=8, kernel=(1, 1), **relu)
    skip = nodes[-1].output
    then(conv_2d, "pw2", 0, 3, channels=8, kernel=(1, 1), **relu)
    shapes = (skip.shape, skip.shape)
    total = add("sum", shapes=shapes, zero_points=(-128, -128, -128), activation_function="RELU")
    nodes.append(replace(total, inputs=(skip, nodes[-1].output)))
    then(depthwise_conv_2d, "dw2", 5, multiplier=2, **geometry)
    then(conv_2d, "pw3", 1, 2, 3, channels=12, kernel=(1, 1), **relu)
    pooled = mean("mean", image=nodes[-1].output.shape)
    nodes.append(reading(pooled, nodes[-1].output))
    dense = fully_connected("dense", 9, shape=nodes[-1].output.shape, features=4)
    nodes.append(reading(dense, nodes[-1].output))
    return Graph(tuple(nodes), (nodes[0].input(0),), nodes[-1].outputs)


@pytest.mark.parametrize(
    ("strides", "padding", "bias"),
    [(1, "SAME", -SATURATING), (2, "SAME", 3000), (1, "VALID", 3000), (2, "VALID", -SATURATING)],
)
def test_a_mobilenet_with_dead_channels_equals_tflm(strides, padding, bias):
    graph = mobilenet(strides, padding, bias)
    small = verify(remove_constant_channels(graph))
    # Channel 2 leaves with its depthwise output; the two of the stem are at the zero point.
    assert width(small, 0) == width(small, 1) == 5
    # Channel 0 is constant on both sides of the sum, 3 and 7 on one only. Behind it a depthwise
    # layer pads: what is not the zero point differs at its border.
    pads = padding == "SAME" and bias > 0
    assert width(small, 2) == width(small, 3) == width(small, 4) == 8 - (not pads)
    assert width(small, 6) == width(small, 7) == 9
    assert_equal_to_tflm(graph)


BORDER = {
    "the zero point, padded": ("SAME", -SATURATING, 3),
    "another value, padded": ("SAME", 4000, 4),
    "another value, inside": ("VALID", 4000, 3),
}


@pytest.mark.parametrize("case", BORDER)
def test_what_adds_less_at_the_border_stays(case):
    padding, bias, left = BORDER[case]
    relu = {"activation_function": "RELU", "zero_points": (-7, -128)}
    first = shut(conv_2d("first", 1, channels=4, **relu), 2, bias=bias)
    second = conv_2d("second", 2, image=first.output.shape, padding=padding, zero_points=(-128, 3))
    graph = chained(first, second)
    assert width(remove_constant_channels(graph), 0) == left
    assert_equal_to_tflm(graph)


def behind_a_constant(image: tuple[int, int, int, int], taps: np.ndarray) -> Graph:
    """A padded 3x3 convolution that reads a constant, not at the zero point, with ``taps``."""
    relu = {"activation_function": "RELU", "zero_points": (-7, -128)}
    first = shut(conv_2d("first", 1, image=image, channels=4, **relu), 2, bias=4000)
    second = conv_2d("second", 2, image=first.output.shape, zero_points=(-128, 3))
    values = second.input(1).values.copy()
    values[..., 2] *= taps.astype(np.int8)
    weights = replace(second.input(1), data=values)
    return chained(first, replace(second, inputs=(second.input(0), weights, second.input(2))))


MIDDLE = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]])
ALIKE = {
    "one pixel, which has the same taps outside everywhere": ((1, 1, 1, 3), np.ones((3, 3)), 3),
    "no weight where a tap can be outside": ((1, 6, 7, 3), MIDDLE, 3),
    "one row, and weights above and below it": ((1, 1, 6, 3), np.array([[0, 1, 0]] * 3), 3),
    "a weight that the first corner loses": ((1, 6, 7, 3), np.diag([1, 1, 0]), 4),
    "one row, and weights to its left and right": ((1, 1, 6, 3), np.ones((3, 3)), 4),
}


@pytest.mark.parametrize("case", ALIKE)
def test_what_adds_the_same_at_the_border_is_removed(case):
    image, taps, left = ALIKE[case]
    graph = behind_a_constant(image, taps)
    assert width(remove_constant_channels(graph), 0) == left
    assert_equal_to_tflm(graph)


def test_what_is_read_with_weights_of_zero_only_is_removed_although_it_changes():
    first = conv_2d("first", 1, channels=4)
    second = conv_2d("second", 2, image=first.output.shape)
    values = second.input(1).values.copy()
    values[..., 1] = 0
    weights = replace(second.input(1), data=values)
    graph = chained(first, replace(second, inputs=(second.input(0), weights, second.input(2))))
    assert width(remove_constant_channels(graph), 0) == 3
    assert_equal_to_tflm(graph)


def test_a_bias_appears_where_there_was_none():
    first = shut(conv_2d("first", 1, channels=4), 0, 3, bias=2500)
    second = conv_2d("second", 2, image=first.output.shape, kernel=(1, 1), with_bias=False)
    graph = chained(first, second)
    small = remove_constant_channels(graph)
    assert small.nodes[1].input(2).values.any()
    assert_equal_to_tflm(graph)


def test_a_flattened_image_loses_its_channels():
    first = shut(conv_2d("first", 1, channels=4), 0, 2, bias=2500)
    shape = first.output.shape
    flat = reshape("flat", shape=shape, new_shape=(1, first.output.elements))
    dense = fully_connected("dense", 2, shape=flat.output.shape)
    graph = chained(first, flat, dense)
    small = verify(remove_constant_channels(graph))
    assert [tensor.shape[-1] for node in small.nodes for tensor in node.outputs] == [2, 84, 5]
    assert_equal_to_tflm(graph)


def test_parts_of_a_concatenation_lose_channels_of_their_own():
    x = activation("x", (1, 6, 7, 3))
    parts = [
        replace(shut(conv_2d(f"c{i}", i, channels=4), i, bias=900), outputs=(output,))
        for i in range(2)
        for output in [activation(f"part{i}", (1, 6, 7, 4), 1.0, 11)]
    ]
    parts = [reading(part, x) for part in parts]
    joined = Node(
        "CONCATENATION",
        1,
        tuple(part.output for part in parts),
        (activation("joined", (1, 6, 7, 8), 1.0, 11),),
        {"axis": 3, "fused_activation_function": 0},
        "ConcatenationOptions",
    )
    last = reading(conv_2d("last", 4, image=(1, 6, 7, 8), kernel=(1, 1)), joined.output)
    graph = Graph((*parts, joined, last), (x,), last.outputs)
    assert [width(verify(remove_constant_channels(graph)), i) for i in range(3)] == [3, 3, 6]
    assert_equal_to_tflm(graph)


def test_a_tensor_without_any_live_channel_keeps_one():
    first = shut(conv_2d("first", 1, channels=3), 0, 1, 2, bias=700)
    graph = chained(first, conv_2d("second", 2, image=first.output.shape, kernel=(1, 1)))
    assert width(remove_constant_channels(graph), 0) == 1
    assert_equal_to_tflm(graph)


def grouped() -> Node:
    return conv_2d("second", 2, image=(1, 6, 7, 4), channels=4, groups=2, padding="VALID")


def pooled() -> Node:
    return pool_2d("MAX_POOL_2D", "second", image=(1, 6, 7, 4))


@pytest.mark.parametrize("second", [grouped, pooled])
def test_what_the_model_gives_or_a_grouped_convolution_reads_stays(second):
    graph = chained(shut(conv_2d("first", 1, channels=4), 1), second())
    assert remove_constant_channels(graph) is graph


def test_a_network_that_is_alive_stays_as_it_is():
    graph = chained(conv_2d("a", 1, channels=4), conv_2d("b", 2, image=(1, 6, 7, 4)))
    assert remove_constant_channels(graph) is graph


def test_the_gain_is_reported():
    first = shut(conv_2d("first", 1, channels=4), 0, 3, bias=2500)
    second = conv_2d("second", 2, image=first.output.shape, kernel=(1, 1))
    graph = chained(first, second)
    compiled = compile_tflite(write_tflite(graph))
    positions = 6 * 7
    assert compiled.removed.channels == 2
    assert compiled.removed.macs == positions * (2 * 27 + 5 * 2)
    assert compiled.removed.weights_bytes == 2 * (27 + 4) + 5 * 2
    assert compiled.macs == positions * (2 * 27 + 5 * 2)


def test_too_many_channels_are_not_analysed():
    x = Tensor("x", (1, 2**21), "int8", activation("q", (1,)).quantization)
    assert find_intervals(Graph((), (x,), (x,))) is None
    assert remove_constant_channels(Graph((), (x,), (x,))).inputs == (x,)


@pytest.mark.parametrize("op", ["TRANSPOSE", "PAD"])
def test_a_single_value_without_dimensions_is_no_obstacle(op):
    x = activation("x", ())
    none = Tensor("none", (0,), "int32", None, np.zeros(0, np.int32))
    graph = Graph((Node(op, 1, (x, none), (activation("y", ()),)),), (x,), ())
    assert find_intervals(graph)[graph.nodes[0].output].high.tolist() == [127]
    assert remove_constant_channels(graph) is graph


def test_deadened_channels_are_constant():
    node = deadened(conv_2d("c", 1, channels=6), [0, 3, 5], np.random.default_rng(0))
    graph = Graph((node,), (node.input(0),), node.outputs)
    found = find_intervals(run_passes(graph))[node.output]
    assert np.flatnonzero(found.constant).tolist() == [0, 3, 5]
