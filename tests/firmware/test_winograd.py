"""Winograd's convolution: the bytes of TFLM, exact bounds, and nothing read after it is written."""

from dataclasses import replace

import numpy as np
import pytest

import firmware_export.compiler
from firmware_export import compile_tflite
from firmware_export.choose import Choice
from firmware_export.ir import Graph, Node
from firmware_export.measure import emulate, run_on_host
from firmware_export.ops import OPS, winograd
from firmware_export.ops.conv_2d import CONV_2D
from firmware_export.target import find_core
from firmware_export.tflite_writer import write_tflite
from firmware_export.tflm import run_tflm
from tests.firmware.fixtures.single_ops import constant, conv_2d, model_of, samples
from tests.firmware.test_in_place import overlaid
from tests.firmware.test_ops import differing_cases

# Input and output channels, image, and what else is special; with groups of several sizes, so that
# groups end inside and at the end of a row of tiles, and the last one is not full.
SHAPES = [
    {"image": (1, 8, 8, 4), "channels": 4},
    {"image": (1, 7, 9, 8), "channels": 5},
    {"image": (1, 9, 7, 12), "channels": 3, "padding": "VALID"},
    {"image": (2, 6, 5, 4), "channels": 7, "padding": "VALID"},
    {"image": (2, 5, 6, 8), "channels": 6, "zero_points": (127, -128)},
    {"image": (1, 1, 1, 4), "channels": 1},
    {"image": (1, 2, 11, 20), "channels": 2, "zero_points": (-128, 127)},
    {"image": (3, 3, 3, 4), "channels": 1, "padding": "VALID"},
    {"image": (1, 6, 6, 4), "channels": 9, "with_bias": False, "per_channel": False},
    {"image": (1, 5, 5, 4), "channels": 4, "activation_function": "RELU6", "spread": 0.3},
    {"image": (1, 5, 4, 4), "channels": 3, "spread": 0.0002},
    {"image": (1, 5, 4, 16), "channels": 3, "spread": 0.01},
]
NODES = [conv_2d(f"w{i}", i, **shape) for i, shape in enumerate(SHAPES)]


def forced(tiles: int, monkeypatch: pytest.MonkeyPatch, nodes: list[Node]) -> tuple:
    """The nodes side by side, each by Winograd with groups of so many tiles."""

    def always(graph: Graph, *_: object) -> tuple[Choice, ...]:
        return tuple(Choice(winograd.call(node, tiles), "winograd") for node in graph.nodes)

    monkeypatch.setattr(firmware_export.compiler, "choose", always)
    graph = model_of(*nodes)
    model = write_tflite(graph)
    return graph, model, compile_tflite(model)


def extremes(sign: int, channels: int = 64, size: int = 4) -> Node:
    """Every weight at its limit: the largest sums that there can be."""
    image = (1, size, size, channels)
    node = conv_2d(f"x{sign}{size}", 0, image=image, channels=2, zero_points=(127, 0))
    weights = np.full(node.input(1).shape, 127 * sign, np.int8)
    scales = node.input(1).quantization.scales
    return replace(node, inputs=(node.input(0), constant("w", weights, scales), node.input(2)))


def test_c_on_the_host_equals_tflm(monkeypatch):
    """With address and undefined-behaviour sanitizers."""
    # Of 516 channels and one tile: what lies beside it must not overflow either.
    largest = [extremes(1), extremes(-1), extremes(1, channels=516, size=2)]
    graph, model, compiled = forced(4, monkeypatch, [*NODES, *largest])
    inputs = samples(graph, random=4)
    got = run_on_host(compiled, inputs, cc="gcc", sanitize="address,undefined")
    assert differing_cases(graph, got, run_tflm(model, inputs)) == []


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m0plus"])
def test_c_on_an_emulated_core_equals_tflm(core, monkeypatch):
    nodes = NODES if core == "cortex-m4" else NODES[:3]
    graph, model, compiled = forced(4, monkeypatch, [*nodes, extremes(1), extremes(-1)])
    inputs = samples(graph)
    got = emulate(compiled, find_core(core), inputs, optimize="Os")
    assert differing_cases(graph, got.outputs, run_tflm(model, inputs)) == []


@pytest.mark.parametrize("tiles", [2, 6])
def test_in_place_equals_tflm(tiles, monkeypatch):
    monkeypatch.setattr(firmware_export.compiler, "plan_memory", overlaid(0))
    graph, model, compiled = forced(tiles, monkeypatch, NODES)
    inputs = samples(graph, random=4)
    got = run_on_host(compiled, inputs, cc="gcc")
    assert differing_cases(graph, got, run_tflm(model, inputs)) == []


def test_closer_than_asked_for_goes_wrong(monkeypatch):
    plan = overlaid(0, closer_bytes=32)
    nodes = [node for node in NODES if winograd.overlap(node, 2) >= 32]
    assert nodes
    monkeypatch.setattr(firmware_export.compiler, "plan_memory", plan)
    graph, model, compiled = forced(2, monkeypatch, nodes)
    inputs = samples(graph)
    got = run_on_host(compiled, inputs, cc="gcc")
    assert differing_cases(graph, got, run_tflm(model, inputs)) != []


def test_the_transformed_product_is_four_times_the_convolution():
    rng = np.random.default_rng(0)
    b = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
    a = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])
    for _ in range(50):
        d, g = rng.integers(-128, 128, (4, 4)), rng.integers(-128, 128, (1, 9)).astype(np.int8)
        windows = np.lib.stride_tricks.sliding_window_view(d, (3, 3))
        direct = (windows * g.reshape(3, 3)).sum(axis=(2, 3))
        products = winograd.transform(g)[0, :, :, 0] * (b @ d @ b.T)
        assert np.array_equal(a @ products @ a.T, 4 * direct)


def test_the_bound_covers_what_the_weights_can_give():
    node = extremes(1)
    sums = np.abs(winograd.transform(np.full((1, 9 * 64), 127, np.int8))).sum()
    assert winograd.largest_sum(node) == 512 * sums
    assert winograd.applies(node)
    assert sums == 64 * 127 * 8 * 8
    assert winograd.applies(extremes(1, channels=516))
    assert not winograd.applies(extremes(1, channels=520))  # the sums might leave int32


@pytest.mark.parametrize(
    "shape",
    [
        {"kernel": (1, 1)},
        {"kernel": (3, 1)},
        {"strides": (2, 1)},
        {"dilation": (2, 2), "image": (1, 8, 8, 4)},
        {"groups": 2, "image": (1, 8, 8, 8), "channels": 4},
        {"image": (1, 8, 8, 6)},
    ],
)
def test_other_convolutions_have_no_such_variant(shape):
    node = conv_2d("c", 0, **{"image": (1, 8, 8, 4), **shape})
    assert not winograd.applies(node)
    assert CONV_2D.variants(node) == ()


def test_variants_are_named_by_their_groups():
    names = [variant.name for variant in OPS["CONV_2D"].variants(conv_2d("c", 0, **SHAPES[0]))]
    assert names[:2] == ["direct", "winograd, 2 tiles"]
    assert len(set(names)) == len(names)
