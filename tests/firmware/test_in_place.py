"""Kernels that write over their input: at the distance that they ask for, the bytes stay right."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import firmware_export.compiler
from firmware_export import CompiledModel, compile_tflite
from firmware_export.ir import Graph, Node, Shape
from firmware_export.measure import emulate, run_on_host
from firmware_export.memory import (
    Buffer,
    MemoryPlan,
    align,
    overlaps,
    plan_memory,
    tensor_buffers,
    tensor_sharings,
)
from firmware_export.ops import OPS, definition
from firmware_export.ops.windows import Window, window_of
from firmware_export.passes import run_passes
from firmware_export.target import find_core
from firmware_export.tflite_reader import read_tflite
from firmware_export.tflite_writer import write_tflite
from firmware_export.tflm import run_tflm
from tests.firmware.fixtures.single_ops import (
    PADDING_CODES,
    activation,
    add,
    conv_2d,
    depthwise_conv_2d,
    model_of,
    pool_2d,
    relu,
    samples,
)
from tests.firmware.test_compile import MODELS, TRAINED, follows, needs_models
from tests.firmware.test_ops import CASES, differing_cases

Plan = Callable[[Graph, Sequence[int], Sequence[Mapping[int, int]]], MemoryPlan]


def sliding(seed: int) -> dict:
    """A random image, with a window that it can hold."""
    rng = np.random.default_rng(seed)
    height, width = (int(rng.integers(1, 10)) for _ in range(2))
    kernel = int(rng.integers(1, height + 1)), int(rng.integers(1, width + 1))
    return {
        "image": (int(rng.integers(1, 3)), height, width, int(rng.integers(1, 9))),
        "kernel": kernel,
        "strides": (int(rng.integers(1, 4)), int(rng.integers(1, 4))),
        "padding": str(rng.choice(["SAME", "VALID"])),
    }


RANDOM: dict[str, list[Node]] = {
    "CONV_2D": [
        conv_2d(f"random{seed}", seed, channels=1 + seed % 11, **sliding(seed))
        for seed in range(12)
    ],
    "DEPTHWISE_CONV_2D": [
        depthwise_conv_2d(f"random{seed}", seed, **sliding(seed)) for seed in range(100, 112)
    ],
    "MAX_POOL_2D": [
        pool_2d("MAX_POOL_2D", f"random{seed}", **sliding(seed)) for seed in range(200, 212)
    ],
}


def overlaps_of(node: Node) -> Mapping[int, int]:
    emit = OPS[node.op].emit
    return emit(node).overlaps if emit else {}


def in_place_cases() -> list[tuple[str, int]]:
    """Operators with the inputs that at least one of their cases may write over."""
    return [
        (op, index)
        for op, nodes in CASES.items()
        for index in sorted({i for node in nodes for i in overlaps_of(node)})
    ]


def overlaid(index: int, closer_bytes: int = 0) -> Plan:
    """A plan that puts every output over input ``index`` of its node, and all else apart."""

    def plan(
        graph: Graph, scratch_bytes: Sequence[int], distances: Sequence[Mapping[int, int]]
    ) -> MemoryPlan:
        tensors, scratch, end = {}, {}, closer_bytes
        for node, size, allowed in zip(graph.nodes, scratch_bytes, distances, strict=True):
            tensors[node.output] = end
            tensors[node.input(index)] = end + align(allowed[index]) - closer_bytes
            end += align(node.output.size_bytes)
            end = max(end, align(tensors[node.input(index)] + node.input(index).size_bytes))
            for tensor in node.activations:
                if tensor not in tensors:
                    tensors[tensor] = end
                    end += align(tensor.size_bytes)
            scratch[node] = end
            end += align(size)
        return MemoryPlan(tensors, scratch, end, 0, (0,) * len(graph.nodes))

    return plan


def compiled_with(
    plan: Plan, nodes: Sequence[Node], monkeypatch: pytest.MonkeyPatch
) -> tuple[Graph, bytes, CompiledModel]:
    graph = model_of(*nodes)
    model = write_tflite(graph)
    monkeypatch.setattr(firmware_export.compiler, "plan_memory", plan)
    return graph, model, compile_tflite(model)


def cases(op: str, index: int) -> list[Node]:
    return [node for node in (*CASES[op], *RANDOM.get(op, ())) if index in overlaps_of(node)]


def test_these_operators_can_work_in_place():
    assert {op for op, _ in in_place_cases()} >= {
        "ADD",
        "AVERAGE_POOL_2D",
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "MAX_POOL_2D",
        "RELU",
        "SOFTMAX",
    }


@pytest.mark.parametrize(("op", "index"), in_place_cases())
def test_c_on_the_host_equals_tflm_in_place(op, index, monkeypatch):
    """With address and undefined-behaviour sanitizers."""
    graph, model, compiled = compiled_with(overlaid(index), cases(op, index), monkeypatch)
    inputs = samples(graph, random=4)
    got = run_on_host(compiled, inputs, cc="gcc", sanitize="address,undefined")
    assert differing_cases(graph, got, run_tflm(model, inputs)) == []


@pytest.mark.parametrize("op", ["ADD", "CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D"])
def test_kernels_with_dsp_instructions_equal_tflm_in_place(op, monkeypatch):
    """They compute several pixels or channels at a time, in an order of their own."""
    graph, model, compiled = compiled_with(overlaid(0), cases(op, 0), monkeypatch)
    inputs = samples(graph)
    got = emulate(compiled, find_core("cortex-m4"), inputs, optimize="Os")
    assert differing_cases(graph, got.outputs, run_tflm(model, inputs)) == []


@pytest.mark.parametrize("op", ["CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D"])
def test_closer_than_asked_for_goes_wrong(op, monkeypatch):
    """So that the tests above would notice a distance that is too small."""
    plan = overlaid(0, closer_bytes=32)
    nodes = [node for node in RANDOM[op] if 0 in overlaps_of(node)]
    graph, model, compiled = compiled_with(plan, nodes, monkeypatch)
    inputs = samples(graph)
    got = run_on_host(compiled, inputs, cc="gcc")
    assert differing_cases(graph, got, run_tflm(model, inputs)) != []


def random_network(seed: int) -> Graph:
    """Layers in a row with now and then an addition of an earlier tensor of the same shape."""
    rng = np.random.default_rng(seed)
    shape = (1, int(rng.integers(5, 12)), int(rng.integers(5, 12)), int(rng.integers(1, 9)))
    x = activation("x", shape, zero_point=-4)
    tensors, nodes = [x], []
    for i in range(10):
        before = tensors[-1]
        alike = [t for t in tensors[:-1] if t.shape == before.shape]
        if alike and rng.random() < 0.5:
            total = add(f"a{i}", shapes=(before.shape, before.shape))
            earlier = alike[int(rng.integers(len(alike)))]
            operands = (before, earlier) if rng.random() < 0.5 else (earlier, before)
            nodes.append(replace(total, inputs=operands))
        else:
            nodes.append(follows(before, random_layer(rng, f"l{i}", before.shape)))
        tensors.append(nodes[-1].output)
    return Graph(tuple(nodes), (x,), (tensors[-1],))


def random_layer(rng: np.random.Generator, name: str, shape: Shape) -> Node:
    stride = int(rng.choice([1, 1, 1, 2]))
    kernel = (3, 3) if rng.random() < 0.6 else (1, 1)
    geometry = {"image": shape, "kernel": kernel, "strides": (stride, stride), "padding": "SAME"}
    kind = rng.random()
    if kind < 0.5:
        channels = shape[3] if rng.random() < 0.6 else int(rng.integers(1, 17))
        return conv_2d(name, int(rng.integers(99)), channels=channels, **geometry)
    if kind < 0.8:
        return depthwise_conv_2d(name, int(rng.integers(99)), **geometry)
    if kind < 0.9:
        return pool_2d("MAX_POOL_2D", name, **geometry)
    return relu(name, shape=shape)


@pytest.mark.parametrize("seed", range(4))
def test_random_networks_equal_tflm_and_their_plans_are_sound(seed):
    graph = random_network(seed)
    model = write_tflite(graph)
    compiled = compile_tflite(model)
    inputs = samples(graph, random=8)
    got = run_on_host(compiled, inputs, cc="gcc", sanitize="address,undefined")
    assert np.array_equal(got, run_tflm(model, inputs))
    assert faults_of_the_plan(graph) == []


def faults_of_the_plan(graph: Graph) -> list[str]:
    """What the memory plan of a graph does that it must not, by the independent checker."""
    graph = run_passes(graph)
    calls = [emit(node) for node in graph.nodes if (emit := definition(node).emit)]
    overlapping = [call.overlaps for call in calls]
    plan = plan_memory(graph, [call.scratch_bytes for call in calls], overlapping)
    tensors = tensor_buffers(graph)
    scratch = {
        node: Buffer("scratch", call.scratch_bytes, index, index)
        for index, (node, call) in enumerate(zip(graph.nodes, calls, strict=True))
        if call.scratch_bytes
    }
    buffers = [*tensors.values(), *scratch.values()]
    offsets = [*(plan.tensors[t] for t in tensors), *(plan.scratch[n] for n in scratch)]
    sharings = tensor_sharings(graph, tensors, overlapping)
    faults = [
        f"{buffers[one]} at {offsets[one]} and {buffers[other]} at {offsets[other]}"
        for one, other in overlaps(buffers, offsets, sharings)
    ]
    ends = [o + b.size_bytes for o, b in zip(offsets, buffers, strict=True)]
    return faults + [f"outside the arena: {end}" for end in ends if end > plan.arena_bytes]


@needs_models
@pytest.mark.parametrize("file", [row[0] for row in TRAINED])
def test_plans_of_trained_models_are_sound(file):
    assert faults_of_the_plan(read_tflite((MODELS / file).read_bytes())) == []


def lowest_distance(window: Window, node: Node) -> int:
    """By walking through all output pixels and taps."""
    batches, height, width, channels = node.input(0).shape
    out_height, out_width = window.output
    largest = pixel = 0
    for image in range(batches):
        for y in range(out_height):
            for x in range(out_width):
                read = [
                    ((image * height + row) * width + column) * channels
                    for row in range(height)
                    for column in range(width)
                    if 0 <= row - (y * window.stride[0] - window.pad[0]) < window.kernel[0]
                    and 0 <= column - (x * window.stride[1] - window.pad[1]) < window.kernel[1]
                ]
                largest = max(largest, pixel * node.output.shape[3] - min(read))
                pixel += 1
    return largest


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_the_distance_of_a_sliding_window(seed, out_channels):
    geometry = sliding(seed)
    node = conv_2d("conv", 0, channels=out_channels, **geometry)
    window = window_of(node, geometry["kernel"])
    assert window.padding == PADDING_CODES[geometry["padding"]]
    assert window.overlap(node) == lowest_distance(window, node)
