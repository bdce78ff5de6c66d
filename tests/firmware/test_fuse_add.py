"""A convolution that adds what it gives to another tensor: the same bytes, in a smaller arena."""

from collections.abc import Iterable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import firmware_export.compiler
from firmware_export import CompiledModel, compile_tflite
from firmware_export.choose import Goal
from firmware_export.errors import ModelError
from firmware_export.ir import Graph, Node, Tensor
from firmware_export.ir_text import graph_text
from firmware_export.measure import emulate, run_on_host
from firmware_export.ops.conv_2d_add import CONV_2D_ADD
from firmware_export.passes import PASSES, run_passes, verify
from firmware_export.passes.fuse_add import fuse_add, fusions, with_fusions
from firmware_export.target import find_core
from firmware_export.tflite_writer import write_tflite
from firmware_export.tflm import run_tflm
from firmware_export.verify import verify_tflite
from tests.firmware.fixtures.single_ops import (
    activation,
    add,
    conv_2d,
    float32,
    relu,
    reshape,
    samples,
)
from tests.firmware.test_in_place import random_network

RESNET = Path(__file__).parents[3] / "shared/models/pretrainedResnet_quant.tflite"


def pair(
    name: str,
    seed: int = 0,
    *,
    ratio: float = 0.6,
    addend_zero_point: int = 20,
    first: bool = True,
    total: str = "NONE",
    wide: float = 1.0,
    **options: object,
) -> tuple[Node, Node]:
    """A convolution, and the addition of what it gives and of an input of the model.

    Args:
        name: Of the nodes.
        seed: Of the weights.
        ratio: Of the addend's scale to that of the convolution's output.
        addend_zero_point: int8.
        first: Whether that output is the first operand.
        total: The activation of the addition.
        wide: The scale of the sum, as a part of both scales together.
        options: Of the convolution.
    """
    convolution = conv_2d(f"{name}_conv", seed, **options)  # type: ignore[arg-type]
    product = convolution.output
    scale = float32(product.scale * ratio)
    addend = activation(f"{name}_addend", product.shape, scale, addend_zero_point)
    made = add(
        f"{name}_add",
        shapes=(product.shape, product.shape),
        scales=(product.scale, scale, float32((product.scale + scale) * wide)),
        activation_function=total,
    )
    operands = (product, addend) if first else (addend, product)
    return convolution, replace(made, inputs=operands)


PAIRS = [
    {},
    {"first": False},
    {"kernel": (1, 1), "image": (1, 5, 5, 4), "channels": 8},
    {"kernel": (1, 1), "strides": (2, 2), "image": (1, 7, 6, 5), "channels": 3},
    {"strides": (2, 2), "padding": "VALID"},
    {"groups": 3, "channels": 6, "image": (1, 5, 4, 6)},
    {"dilation": (2, 1), "channels": 1},
    {"image": (2, 3, 3, 4), "channels": 4},
    {"kernel": (3, 1), "image": (1, 5, 1, 2), "channels": 2},
    {"with_bias": False, "per_channel": False},
    {"activation_function": "RELU"},
    {"activation_function": "RELU6", "total": "RELU"},
    {"total": "RELU6", "wide": 0.2},
    {"ratio": 1.0},
    {"ratio": 30.0, "first": False},
    {"ratio": 1e-4},
    {"ratio": 2.0, "wide": 100.0},
    {"wide": 1e-3},
    {"zero_points": (127, -128), "addend_zero_point": -128},
    {"zero_points": (-128, 127), "addend_zero_point": 127},
    {"image": (1, 8, 8, 8), "channels": 8},
    {"image": (1, 13, 11, 16), "channels": 23, "total": "RELU"},
]


def pairs() -> Graph:
    made = [pair(f"p{i}", i, **options) for i, options in enumerate(PAIRS)]
    return graph_of(*(node for both in made for node in both), last=[b.output for _, b in made])


def graph_of(*nodes: Node, last: Iterable[Tensor] = ()) -> Graph:
    """What nobody computes is an input; the outputs are ``last``, or that of the last node."""
    computed = {tensor for node in nodes for tensor in node.outputs}
    read = dict.fromkeys(tensor for node in nodes for tensor in node.activations)
    inputs = tuple(tensor for tensor in read if tensor not in computed)
    return Graph(nodes, inputs, tuple(last) or nodes[-1].outputs)


def fused_everywhere(graph: Graph, **_: object) -> Graph:
    """The passes, without asking whether a fusion pays."""
    graph = run_passes(graph, PASSES[:-1])
    return verify(with_fusions(graph, tuple(fusions(graph))))


@pytest.fixture
def everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firmware_export.compiler, "run_passes", fused_everywhere)


def differing(graph: Graph, got: np.ndarray, expected: np.ndarray) -> list[str]:
    ends = np.cumsum([tensor.elements for tensor in graph.outputs])[:-1]
    parts = zip(np.split(got != expected, ends, axis=1), graph.outputs, strict=True)
    return [tensor.name for wrong, tensor in parts if wrong.any()]


def fused_layers(compiled: CompiledModel) -> int:
    return sum(layer.op == CONV_2D_ADD.name for layer in compiled.layers)


@pytest.mark.usefixtures("everywhere")
def test_c_on_the_host_equals_tflm() -> None:
    """With sanitizers; every sum lies over its addend, which is an input of the model."""
    graph = pairs()
    model, inputs = write_tflite(graph), samples(graph, random=4)
    compiled = compile_tflite(model, optimize="speed")
    assert fused_layers(compiled) == len(PAIRS)
    assert any("winograd" in layer.variant for layer in compiled.layers)
    got = run_on_host(compiled, inputs, cc="gcc", sanitize="address,undefined")
    assert differing(graph, got, run_tflm(model, inputs)) == []


@pytest.mark.parametrize(
    ("core", "goal"),
    [
        ("cortex-m0plus", "balanced"),
        ("cortex-m4", "balanced"),
        ("cortex-m4", "speed"),
        ("riscv32", "balanced"),
    ],
)
@pytest.mark.usefixtures("everywhere")
def test_c_on_an_emulated_core_equals_tflm(core: str, goal: Goal) -> None:
    graph = pairs()
    model, inputs = write_tflite(graph), samples(graph, random=1)
    compiled = compile_tflite(model, target=core, optimize=goal)
    got = emulate(compiled, find_core(core), inputs, optimize="Os")
    assert differing(graph, got.outputs, run_tflm(model, inputs)) == []


@pytest.mark.usefixtures("everywhere")
def test_the_addend_may_be_what_the_convolution_reads() -> None:
    x = activation("x", (1, 6, 6, 6), zero_point=-7)
    convolution, addition = pair("p", image=x.shape, channels=6)
    convolution = replace(convolution, inputs=(x, *convolution.inputs[1:]))
    graph = graph_of(convolution, replace(addition, inputs=(x, convolution.output)))
    model, inputs = write_tflite(graph), samples(graph, random=4)
    for optimize in ("balanced", "speed"):
        compiled = compile_tflite(model, optimize=optimize)
        assert fused_layers(compiled) == 1
        got = run_on_host(compiled, inputs, cc="gcc", sanitize="address,undefined")
        assert np.array_equal(got, run_tflm(model, inputs))


def read_twice() -> Graph:
    convolution, addition = pair("p")
    clamp = replace(relu("r", shape=convolution.output.shape), inputs=(convolution.output,))
    return graph_of(convolution, addition, clamp, last=[addition.output, clamp.output])


def also_an_output() -> Graph:
    convolution, addition = pair("p")
    return graph_of(convolution, addition, last=[addition.output, convolution.output])


def addend_read_later() -> Graph:
    convolution, addition = pair("p")
    clamp = replace(relu("r", shape=addition.output.shape), inputs=(addition.input(1),))
    return graph_of(convolution, addition, clamp, last=[addition.output, clamp.output])


def addend_read_between() -> Graph:
    convolution, addition = pair("p")
    clamp = replace(relu("r", shape=addition.output.shape), inputs=(addition.input(1),))
    return graph_of(convolution, clamp, addition, last=[addition.output, clamp.output])


def addend_is_an_output() -> Graph:
    convolution, addition = pair("p")
    addend = replace(relu("r", shape=addition.output.shape), outputs=(addition.input(1),))
    return graph_of(addend, convolution, addition, last=[addition.output, addend.output])


def addend_computed_later() -> Graph:
    convolution, addition = pair("p")
    addend = replace(relu("r", shape=addition.output.shape), outputs=(addition.input(1),))
    return graph_of(convolution, addend, addition)


def repeated_addend() -> Graph:
    convolution, addition = pair("p")
    addend = activation("row", (1, 1, 1, convolution.output.shape[3]), 0.05)
    return graph_of(convolution, replace(addition, inputs=(convolution.output, addend)))


def constant_addend() -> Graph:
    convolution, addition = pair("p")
    zeros = np.zeros(convolution.output.shape, np.int8)
    addend = replace(addition.input(1), data=zeros)
    return graph_of(convolution, replace(addition, inputs=(convolution.output, addend)))


def doubled() -> Graph:
    convolution, addition = pair("p")
    return graph_of(convolution, replace(addition, inputs=(convolution.output,) * 2))


def subtraction() -> Graph:
    convolution, addition = pair("p")
    return graph_of(convolution, replace(addition, op="SUB", options_table="SubOptions"))


def seen_in_another_shape() -> Graph:
    """A view of what the convolution gives is read as well."""
    convolution, addition = pair("p")
    shape = convolution.output.shape
    flat = reshape("flat", shape=shape, new_shape=(1, convolution.output.elements))
    output = replace(flat.output, quantization=convolution.output.quantization)
    flat = replace(flat, inputs=(convolution.output, *flat.inputs[1:]), outputs=(output,))
    clamp = replace(relu("r", shape=output.shape), inputs=(output,))
    return graph_of(convolution, flat, addition, clamp, last=[addition.output, clamp.output])


LEFT_ALONE = (
    read_twice,
    also_an_output,
    addend_read_later,
    addend_read_between,
    addend_is_an_output,
    addend_computed_later,
    repeated_addend,
    constant_addend,
    doubled,
    subtraction,
    seen_in_another_shape,
)


@pytest.mark.parametrize("build", LEFT_ALONE)
def test_what_must_stay_apart(build) -> None:
    graph = run_passes(build(), PASSES[:-1])
    assert list(fusions(graph)) == []
    model, inputs = write_tflite(build()), samples(build(), random=2)
    assert np.array_equal(run_on_host(compile_tflite(model), inputs), run_tflm(model, inputs))


def test_of_two_convolutions_the_later_one_adds() -> None:
    one, addition = pair("one")
    other = replace(conv_2d("other", 5), outputs=(addition.input(1),))
    (found,) = fusions(graph_of(other, one, addition))
    assert found.convolution is one


def block(x: Tensor, name: str, seed: int) -> list[Node]:
    """Two convolutions, and their input added to what they give."""
    shape = x.shape
    first = conv_2d(f"{name}_first", seed, image=shape, channels=shape[3], zero_points=(0, 0))
    convolution, addition = pair(name, seed + 1, image=shape, channels=shape[3])
    return [
        replace(first, inputs=(x, *first.inputs[1:])),
        replace(convolution, inputs=(first.output, *convolution.inputs[1:])),
        replace(addition, inputs=(convolution.output, x)),
    ]


def three_blocks() -> Graph:
    nodes: list[Node] = []
    x = activation("x", (1, 12, 12, 8), zero_point=-7)
    for i in range(3):
        nodes += block(nodes[-1].output if nodes else x, f"block{i}", 10 * i)
    return graph_of(*nodes)


def test_blocks_that_need_the_same_arena_are_fused_together() -> None:
    """Only all of them together make it smaller."""
    graph = three_blocks()
    model, inputs = write_tflite(graph), samples(graph, random=3)
    compiled = compile_tflite(model)
    assert fused_layers(compiled) == 3
    patches = 4 * 9 * 8 * 2  # of int16, for four pixels; beside them lie two images
    assert compiled.arena_bytes == 2 * 12 * 12 * 8 + patches
    assert np.array_equal(run_on_host(compiled, inputs), run_tflm(model, inputs))


@pytest.mark.parametrize("seed", range(10))
def test_no_arena_grows(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model = write_tflite(random_network(seed))
    with_fusion = compile_tflite(model)
    monkeypatch.setattr(
        firmware_export.compiler,
        "run_passes",
        lambda graph, **_: run_passes(graph, PASSES[:-1]),
    )
    without = compile_tflite(model)
    assert with_fusion.arena_bytes <= without.arena_bytes
    assert fused_layers(with_fusion) == 0 or with_fusion.arena_bytes < without.arena_bytes


@pytest.mark.skipif(not RESNET.exists(), reason="needs ../shared/models")
def test_a_trained_network_has_a_smaller_arena() -> None:
    """The first block lies where the arena is fullest: two images and the patches are left."""
    compiled = compile_tflite(RESNET)
    assert [i for i, layer in enumerate(compiled.layers) if layer.op == CONV_2D_ADD.name] == [2]
    assert compiled.arena_bytes == 2 * 32 * 32 * 16 + 4 * 9 * 16 * 2


def test_it_is_within_its_own_limits() -> None:
    graph = graph_of(*pair("p"))
    (found,) = fusions(graph)
    stranger = activation("stranger", (1, 6, 7, 4), 0.05)
    wrong = replace(found.node, inputs=(*found.node.inputs[:3], stranger))
    with pytest.raises(ModelError, match="CONV_2D_ADD at 'p_add_out': It must be an addition"):
        verify(replace(graph, nodes=(wrong,), inputs=(graph.inputs[0], stranger)))


def test_the_text_of_a_graph_tells_what_it_does() -> None:
    graph = graph_of(*pair("p", activation_function="RELU"))
    text = graph_text(with_fusions(graph, tuple(fusions(graph))))
    assert "CONV_2D_ADD  5,670 MACs\n" in text
    assert "  does    CONV_2D dilation_h_factor=1" in text
    assert " giving 'p_conv_out' int8 [1, 6, 7, 5] scale " in text
    assert "  does    ADD fused_activation_function=NONE giving 'p_add_out'" in text


@pytest.mark.usefixtures("everywhere")
def test_a_wrong_sum_is_blamed_on_the_addition() -> None:
    """The convolution alone is right, as an output of a model that is cut off behind it."""

    def wrong(model: bytes) -> CompiledModel:
        compiled = compile_tflite(model)
        source = compiled.files["model.c"].replace("left + right", "left + right / 2")
        return replace(compiled, files={**compiled.files, "model.c": source})

    found = verify_tflite(write_tflite(graph_of(*pair("p"))), samples=2, compile_model=wrong)
    assert found.first_difference is not None
    assert (found.first_difference.op, found.first_difference.layer) == ("ADD", 1)


def test_too_many_are_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = run_passes(three_blocks(), PASSES[:-1])
    assert fuse_add(graph) is not graph
    module = import_module("firmware_export.passes.fuse_add")  # the function has the same name
    monkeypatch.setattr(module, "FUSIONS_TO_TRY", 2)
    assert fuse_add(graph) is graph


def test_nothing_is_planned_where_nothing_can_be_fused() -> None:
    graph = graph_of(conv_2d("alone", 0))
    assert fuse_add(graph) is graph
