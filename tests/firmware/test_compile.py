"""Whole models: what others trained, networks of random layers, and the facts about them."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import firmware_export
from firmware_export import CompiledModel, TinykdError, UnsupportedOpError, compile_tflite
from firmware_export.errors import BoardError
from firmware_export.ir import Graph, Node, Tensor
from firmware_export.measure import emulate, run_on_host
from firmware_export.target import find_core
from firmware_export.tflite_writer import write_tflite
from firmware_export.tflm import run_tflm
from tests.firmware.fixtures.single_ops import (
    activation,
    add,
    conv_2d,
    depthwise_conv_2d,
    fully_connected,
    mean,
    model_of,
    pool_2d,
    relu,
    reshape,
    samples,
    softmax,
)

MODELS = Path(__file__).parents[2].parent / "shared" / "models"
needs_models = pytest.mark.skipif(not MODELS.is_dir(), reason=f"needs the models in {MODELS.name}")

# MACs and the largest set of live tensors, counted elsewhere for the MLPerf Tiny models; and the
# arena that working in place makes of it: one tensor of 8000 bytes with working memory for kws,
# two of 16384 bytes a little apart, with working memory, for the ResNet.
TRAINED = [
    ("kws_ref_model.tflite", 2_656_768, 16_000, 8_512),
    ("pretrainedResnet_quant.tflite", 12_501_632, 49_152, 34_448),
    ("hello_world_int8.tflite", 288, 28, 32),
]


def follows(previous: Tensor, node: Node) -> Node:
    """``node`` reading ``previous``; where it keeps quantization, its output follows as well."""
    node = replace(node, inputs=(previous, *node.inputs[1:]))
    if node.op in {"RESHAPE", "AVERAGE_POOL_2D", "MAX_POOL_2D"}:
        output = replace(node.output, quantization=previous.quantization)
        node = replace(node, outputs=(output,))
    return node


def chain(x: Tensor, *nodes: Node) -> Graph:
    placed: list[Node] = []
    for node in nodes:
        placed.append(follows(placed[-1].output if placed else x, node))
    return Graph(tuple(placed), (x,), (placed[-1].output,))


def separable_network() -> Graph:
    return chain(
        activation("x", (1, 9, 8, 1), zero_point=-4),
        conv_2d("c0", 0, image=(1, 9, 8, 1), channels=6, strides=(2, 2)),
        depthwise_conv_2d("d1", 1, image=(1, 5, 4, 6), activation_function="RELU"),
        conv_2d("p2", 2, image=(1, 5, 4, 6), channels=10, kernel=(1, 1)),
        pool_2d("MAX_POOL_2D", "m3", image=(1, 5, 4, 10), padding="SAME"),
        mean("m4", image=(1, 3, 2, 10)),
        fully_connected("f5", 5, shape=(1, 10), features=4),
        softmax("s6", shape=(1, 4)),
    )


def residual_network() -> Graph:
    """Two branches that meet in an addition; the sum and a view of it are both outputs."""
    x = activation("x", (1, 6, 6, 4), zero_point=3)
    stem = follows(x, conv_2d("stem", 0, image=(1, 6, 6, 4), channels=4))
    left = follows(stem.output, conv_2d("left", 1, image=(1, 6, 6, 4), channels=4))
    right = follows(stem.output, depthwise_conv_2d("right", 2, image=(1, 6, 6, 4)))
    total = add("total", shapes=((1, 6, 6, 4), (1, 6, 6, 4)), activation_function="RELU")
    total = replace(total, inputs=(left.output, right.output))
    flat = follows(total.output, reshape("flat", shape=(1, 6, 6, 4), new_shape=(1, 144)))
    head = follows(flat.output, fully_connected("head", 3, shape=(1, 144), features=3))
    nodes = (stem, left, right, total, flat, head)
    return Graph(nodes, (x,), (head.output, flat.output))


def input_used_twice() -> Graph:
    x = activation("x", (1, 20), zero_point=5)
    first = follows(x, relu("first", shape=(1, 20)))
    total = add("total", shapes=((1, 20), (1, 20)))
    total = replace(total, inputs=(x, first.output))
    double = replace(add("double", shapes=((1, 20), (1, 20))), inputs=(x, x))
    return Graph((first, total, double), (x,), (total.output, double.output, x))


def unused_layers() -> Graph:
    kept = relu("kept")
    dropped = follows(kept.input(0), softmax("dropped", shape=(1, 50)))
    return Graph((dropped, kept), (kept.input(0),), (kept.output,))


NETWORKS = {
    network.__name__: network
    for network in (separable_network, residual_network, input_used_twice, unused_layers)
}


@needs_models
@pytest.mark.parametrize(("file", "macs", "bound", "arena"), TRAINED)
def test_trained_models_equal_tflm(file, macs, bound, arena):
    model = (MODELS / file).read_bytes()
    compiled = compile_tflite(model)
    inputs = np.random.default_rng(7).integers(-128, 128, (30, compiled.inputs[0].size_bytes))
    inputs = np.concatenate([inputs, [[-128], [127]] * np.ones(inputs.shape[1], int)])
    inputs = inputs.astype(np.int8)
    got = run_on_host(compiled, inputs, cc="gcc", sanitize="address,undefined")
    assert np.array_equal(got, run_tflm(model, inputs))
    assert compiled.macs + compiled.removed.macs == macs
    assert compiled.arena_lower_bound_bytes == bound
    assert compiled.arena_bytes <= arena


@needs_models
@pytest.mark.parametrize(("file", "macs"), [row[:2] for row in TRAINED])
def test_trained_models_equal_tflm_on_an_emulated_cortex_m4(file, macs):
    model = (MODELS / file).read_bytes()
    compiled = compile_tflite(model)
    inputs = np.random.default_rng(8).integers(-128, 128, (3, compiled.inputs[0].size_bytes))
    result = emulate(compiled, find_core("cortex-m4"), inputs.astype(np.int8))
    assert np.array_equal(result.outputs, run_tflm(model, inputs.astype(np.int8)))
    assert result.instructions < 3 * macs + 20_000


@needs_models
@pytest.mark.parametrize(
    ("file", "highest"), [("image_example1.tflite", 255), ("rock_paper_scissors.tflite", 1)]
)
def test_trained_models_of_real_values_equal_tflm(file, highest):
    model = (MODELS / file).read_bytes()
    compiled = compile_tflite(model)
    rng = np.random.default_rng(9)
    inputs = (rng.random((5, compiled.inputs[0].elements)) * highest).astype(np.float32)
    expected = run_tflm(model, inputs)
    got = run_on_host(compiled, inputs, cc="gcc", sanitize="address,undefined")
    assert compiled.inputs[0].dtype == compiled.outputs[0].dtype == "float32"
    assert np.array_equal(got, expected)
    assert len(np.unique(expected)) > 1


@pytest.mark.parametrize("network", NETWORKS)
def test_networks_equal_tflm(network):
    graph = NETWORKS[network]()
    model = write_tflite(graph)
    inputs = samples(graph, random=40)
    compiled = compile_tflite(model)
    got = run_on_host(compiled, inputs, cc="gcc", sanitize="address,undefined")
    assert np.array_equal(got, run_tflm(model, inputs))


def test_inner_tensors_as_outputs_do_not_disturb():
    """Every tensor is kept for the end: the planner must not reuse any."""
    graph = separable_network()
    model = write_tflite(replace(graph, outputs=tuple(node.output for node in graph.nodes)))
    inputs = samples(graph)
    got = run_on_host(compile_tflite(model), inputs, cc="gcc")
    assert np.array_equal(got, run_tflm(model, inputs))


def test_a_model_of_views_only_gives_its_input():
    model = write_tflite(model_of(reshape("r", shape=(1, 6), new_shape=(1, 2, 3))))
    compiled = compile_tflite(model)
    inputs = np.arange(12, dtype=np.int8).reshape(2, 6)
    assert compiled.layers == ()
    assert run_on_host(compiled, inputs, cc="gcc").reshape(2, 6).tolist() == inputs.tolist()


def test_the_facts_of_a_compiled_model():
    graph = separable_network()
    compiled = compile_tflite(write_tflite(graph), name="Nice Net!")
    assert compiled.name == "nice_net"
    assert list(compiled.files) == ["nice_net.h", "nice_net.c"]
    assert [layer.op for layer in compiled.layers] == [node.op for node in graph.nodes]
    first, pointwise = compiled.layers[0], compiled.layers[2]
    assert first.symbol == "nice_net_0_conv_2d"
    assert (first.input_shapes, first.output_shape) == (((1, 9, 8, 1),), (1, 5, 4, 6))
    assert first.macs == 5 * 4 * 6 * 9
    # One of its ten channels never leaves zero: none of its sums is above it.
    assert pointwise.macs == 5 * 4 * 9 * 6
    assert compiled.removed.channels > 0
    # Nine weights fill twelve places; then bias, multiplier and shift of each channel.
    assert first.weights_bytes == 6 * (12 + 3 * 4)
    assert compiled.inputs[0].zero_point == -4
    assert compiled.outputs[0].scale == 1 / 256
    assert compiled.macs == sum(layer.macs for layer in compiled.layers)
    for layer in compiled.layers:
        assert f"TKD_LAYER void {layer.symbol}(uint8_t *arena)" in compiled.files["nice_net.c"]


def test_ports_lie_in_the_arena():
    compiled = compile_tflite(write_tflite(residual_network()))
    for port in (*compiled.inputs, *compiled.outputs):
        assert port.arena_offset_bytes % 16 == 0
        assert port.arena_offset_bytes + port.size_bytes <= compiled.arena_bytes


def test_the_name_comes_from_the_file(tmp_path):
    path = tmp_path / "My model-2.tflite"
    path.write_bytes(write_tflite(model_of(relu("r"))))
    assert compile_tflite(path).name == "my_model_2"
    assert compile_tflite(path, name="other").name == "other"
    assert compile_tflite(path.read_bytes()).name == "model"


def test_an_unknown_target_is_refused():
    with pytest.raises(BoardError, match="cortex-m4"):
        compile_tflite(write_tflite(model_of(relu("r"))), target="cortex-m44")


def test_an_unsupported_model_writes_nothing():
    with pytest.raises(UnsupportedOpError) as caught:
        compile_tflite(write_tflite(model_of(replace(relu("r"), op="COS"))))
    assert caught.value.op == "COS"
    assert caught.value.tensor == "r_out"
    assert isinstance(caught.value, TinykdError)


@needs_models
def test_compiling_is_quick():
    compile_tflite(MODELS / "kws_ref_model.tflite")
    start = time.process_time()
    for file, *_ in TRAINED:
        compile_tflite(MODELS / file)
    assert time.process_time() - start < 1.0


def test_importing_costs_nothing_and_never_tensorflow():
    program = (
        "import sys; import firmware_export\n"
        "assert 'numpy' not in sys.modules\n"
        "firmware_export.compile_tflite\n"
        "assert not {'tensorflow', 'keras', 'tf_keras', 'unicorn'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_public_names_exist():
    assert firmware_export.CompiledModel is CompiledModel
    for name in firmware_export.__all__:
        assert getattr(firmware_export, name)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        firmware_export.nonsense  # noqa: B018  (the access is what is tested)
