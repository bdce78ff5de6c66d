"""Layers of equal shape share one function: the bytes stay, the code is there once."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import firmware_export.compiler
from firmware_export import CompiledModel, compile_tflite
from firmware_export.ir import Graph, Node
from firmware_export.measure import emulate, run_on_host
from firmware_export.measure.toolchain import run_tool
from firmware_export.ops import OPS
from firmware_export.profile import profile_tflite
from firmware_export.target import find_core
from firmware_export.tflite_writer import write_tflite
from firmware_export.tflm import run_tflm
from tests.firmware.fixtures.single_ops import (
    conv_2d,
    depthwise_conv_2d,
    fully_connected,
    model_of,
    relu,
    samples,
)
from tests.firmware.test_ops import CASES, differing_cases


def compiled(*nodes: Node, name: str = "model", target: str = "cortex-m4") -> CompiledModel:
    return compile_tflite(write_tflite(model_of(*nodes)), name=name, target=target)


def functions(model: CompiledModel) -> list[str]:
    return [layer.shared_function for layer in model.layers]


def named(node: Node, name: str) -> Node:
    """The same on tensors of other names, so that the two are independent of each other."""
    fresh = {t: replace(t, name=name + t.name) for t in (*node.inputs, *node.outputs) if t}
    inputs = tuple(t and fresh[t] for t in node.inputs)
    return replace(node, inputs=inputs, outputs=tuple(fresh[t] for t in node.outputs))


def twice(nodes: list[Node]) -> Graph:
    return model_of(*nodes, *(named(node, "again_") for node in nodes))


def is_int8(node: Node) -> bool:
    return {tensor.dtype for tensor in (*node.activations, *node.outputs)} == {"int8"}


ONE_OF_EACH = [cases[0] for cases in CASES.values() if is_int8(cases[0])]


def test_layers_that_differ_in_weights_and_memory_share():
    model = compiled(conv_2d("a", 0), fully_connected("f", 0), conv_2d("b", 1), conv_2d("c", 2))
    shared = "model_shared_0_conv_2d"
    assert functions(model) == [shared, "", shared, shared]
    text = model.files["model.c"]
    assert text.count(f"TKD_LAYER void {shared}(") == 1
    assert text.count(f"    {shared}(\n") == 3
    assert text.count("tkd_conv_2d_s8(\n") == 1


@pytest.mark.parametrize(
    "other",
    [
        conv_2d("b", 1, zero_points=(-7, 12)),
        conv_2d("b", 1, zero_points=(-8, 11)),
        conv_2d("b", 1, strides=(1, 2)),
        conv_2d("b", 1, channels=6),
        conv_2d("b", 1, activation_function="RELU"),
        depthwise_conv_2d("b", 1),
    ],
    ids=["output zero point", "input zero point", "stride", "channels", "activation", "operator"],
)
def test_layers_that_differ_in_anything_else_do_not(other):
    assert functions(compiled(conv_2d("a", 0), other)) == ["", ""]


def test_what_is_no_larger_than_a_call_is_not_shared():
    nodes = [relu(name, scales=(0.05, 0.05), zero_points=(0, 0)) for name in "abc"]
    assert functions(compiled(*nodes)) == ["", "", ""]


def test_every_operator_twice_on_the_host_equals_tflm():
    """With address and undefined-behaviour sanitizers."""
    graph = twice(ONE_OF_EACH)
    model, inputs = write_tflite(graph), samples(graph)
    compiled_model = compile_tflite(model)
    sharing = {layer.op for layer in compiled_model.layers if layer.shared_function}
    assert sharing >= {"CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "MAX_POOL_2D", "SOFTMAX", "SUM"}
    got = run_on_host(compiled_model, inputs, cc="gcc", sanitize="address,undefined")
    assert differing_cases(graph, got, run_tflm(model, inputs)) == []


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m0plus"])
def test_shared_functions_on_an_emulated_core_equal_tflm(core):
    """With weights that differ: each layer reads its own."""
    graph = model_of(
        *(conv_2d(f"c{seed}", seed) for seed in range(3)),
        *(depthwise_conv_2d(f"d{seed}", seed) for seed in range(3)),
        *(fully_connected(f"f{seed}", seed) for seed in range(3)),
    )
    model, inputs = write_tflite(graph), samples(graph)
    got = emulate(compile_tflite(model, target=core), find_core(core), inputs)
    assert differing_cases(graph, got.outputs, run_tflm(model, inputs)) == []
    assert all(layer.instructions > 0 for layer in got.layers)


def test_the_profile_counts_a_shared_function_once():
    nodes = [conv_2d(f"c{seed}", seed) for seed in range(3)]
    profile = profile_tflite(write_tflite(model_of(*nodes)), "nano33ble")
    first, *others, _ = profile.layers
    assert first.code_shared_with == ""
    assert [layer.code_shared_with for layer in others] == [first.name] * 2
    assert all(0 < layer.code_bytes < 80 for layer in others)
    assert first.code_bytes > 300
    assert sum(layer.code_bytes for layer in profile.layers) <= profile.code_bytes
    assert max(layer.instructions for layer in profile.layers[:3]) < 1.1 * first.instructions


@pytest.mark.cross
@pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None, reason="needs arm-none-eabi-gcc installed"
)
def test_no_operator_becomes_larger(tmp_path, monkeypatch):
    """Two layers of each that is shared, together and apart, for size."""
    sharing = compile_tflite(write_tflite(twice(ONE_OF_EACH)))
    monkeypatch.setattr(firmware_export.compiler, "share_functions", lambda layers, _: layers)
    apart = compile_tflite(write_tflite(twice(ONE_OF_EACH)))
    small, large = (code_bytes(model, tmp_path) for model in (sharing, apart))
    grown = {}
    for op in OPS:
        symbols = [x.symbol for x in sharing.layers if x.op == op]
        shared = {x.shared_function for x in sharing.layers if x.op == op} - {""}
        together = sum(small.get(symbol, 0) for symbol in {*symbols, *shared})
        before = sum(large.get(symbol, 0) for symbol in symbols)
        if shared and together > before:
            grown[op] = (before, together)
    assert grown == {}


def code_bytes(model: CompiledModel, folder: Path) -> dict[str, int]:
    for name, text in model.files.items():
        (folder / name).write_text(text)
    core = find_core("cortex-m4")
    flags = ["-std=c99", *core.gcc_flags, "-Os", "-fno-ipa-icf"]
    run_tool(["arm-none-eabi-gcc", *flags, "-c", "model.c", "-o", "m.o"], cwd=str(folder))
    rows = run_tool(["arm-none-eabi-nm", "-S", "m.o"], cwd=str(folder)).decode().splitlines()
    fields = [row.split() for row in rows]
    return {row[3].split(".")[0]: int(row[1], 16) for row in fields if len(row) == 4}


def test_golden_shared_layers(golden):
    """What a reader sees of two layers that share."""
    nodes = [fully_connected(name, 0, shape=(1, 4), features=3) for name in ("one", "two")]
    source = compiled(*nodes, name="tiny").files["tiny.c"]
    golden(
        "shared_layers.txt", source[source.index("/* FULLY_CONNECTED") : source.index("/* one_in")]
    )
