"""Which variant runs a layer: goal and budget decide, by estimates that counting confirms."""

import numpy as np
import pytest

import firmware_export.compiler
from firmware_export import CompiledModel, ModelError, compile_tflite
from firmware_export.choose import UNLIMITED, Budget, Choice, board_budget, choose, flash_bytes
from firmware_export.ir import Graph, Node
from firmware_export.measure import emulate, run_on_host
from firmware_export.ops import OPS, Variant
from firmware_export.passes import run_passes
from firmware_export.profile import profile_tflite
from firmware_export.target import BOARDS, find_core
from firmware_export.tflite_reader import read_tflite
from firmware_export.tflite_writer import write_tflite
from firmware_export.tflm import run_tflm
from tests.firmware.fixtures.single_ops import activation, conv_2d, model_of, samples
from tests.firmware.test_compile import MODELS, chain, needs_models

ESTIMATE_FACTOR = 1.5
"""Formulas are fitted to gcc -O3 and large layers; clang and small ones were seen 1.4 apart."""


def network() -> Graph:
    """Two layers that have variants, of which the first saves more, and one that has none."""
    return chain(
        activation("x", (1, 16, 16, 16), zero_point=-4),
        conv_2d("large", 0, image=(1, 16, 16, 16), channels=16),
        conv_2d("half", 1, image=(1, 16, 16, 16), channels=32, strides=(2, 2)),
        conv_2d("small", 2, image=(1, 8, 8, 32), channels=16),
    )


GRAPH = network()
MODEL = write_tflite(GRAPH)


def variants(compiled: CompiledModel) -> list[str]:
    return [layer.variant.partition(",")[0] for layer in compiled.layers]


def test_each_goal_has_its_kernels():
    size, balanced, speed = (
        compile_tflite(MODEL, optimize=goal) for goal in ("size", "balanced", "speed")
    )
    assert variants(size) == ["direct", "", "direct"]
    assert variants(speed) == ["winograd", "", "winograd"]
    assert size.arena_bytes == balanced.arena_bytes < speed.arena_bytes
    saved = [sum(x.saved_instructions for x in c.layers) for c in (size, balanced, speed)]
    assert 0 == saved[0] <= saved[1] < saved[2]


def test_the_budget_decides():
    free = compile_tflite(MODEL, optimize="speed")
    least = compile_tflite(MODEL, optimize="size")
    ram = Budget(UNLIMITED.flash_bytes, free.arena_bytes - 1)
    assert least.arena_bytes <= compile_tflite(MODEL, optimize="speed", budget=ram).arena_bytes
    assert compile_tflite(MODEL, optimize="speed", budget=ram).arena_bytes < free.arena_bytes
    nothing = Budget(0, 0)
    assert variants(compile_tflite(MODEL, optimize="speed", budget=nothing)) == variants(least)


def test_of_two_layers_the_one_that_saves_more_goes_first():
    graph = run_passes(read_tflite(MODEL))
    base = flash_bytes(OPS["CONV_2D"].variants(node)[0] for node in graph.nodes[::2])
    room_for_one = Budget(base + graph_code_bytes(graph), UNLIMITED.arena_bytes)
    chosen = choose(graph, "cortex-m4", "speed", room_for_one)
    assert [c.variant.partition(",")[0] for c in chosen] == ["winograd", "", "direct"]


def graph_code_bytes(graph: Graph) -> int:
    """Constants of what has no variants, and the code of one variant more."""
    middle = OPS["CONV_2D"].emit(graph.nodes[1]).constant_bytes
    direct, winograd, *_ = OPS["CONV_2D"].variants(graph.nodes[0])
    return middle + winograd.code_bytes + winograd.shared_code_bytes - direct.code_bytes


def test_a_core_without_dsp_instructions_has_the_plain_kernels():
    compiled = compile_tflite(MODEL, target="cortex-m0plus", optimize="speed")
    assert variants(compiled) == ["direct", "", "direct"]


def test_the_same_choice_gives_the_same_text():
    assert compile_tflite(MODEL, optimize="speed") == compile_tflite(MODEL, optimize="speed")


def test_an_unknown_goal_is_refused():
    with pytest.raises(ModelError, match="speed, balanced, size"):
        compile_tflite(MODEL, optimize="fast")


def test_a_board_leaves_a_quarter_to_the_program():
    assert board_budget(BOARDS["unor4"]) == Budget(196_608, 24_576)


@pytest.mark.parametrize("goal", ["speed", "size"])
def test_every_goal_equals_tflm(goal):
    inputs = samples(GRAPH)
    expected = run_tflm(MODEL, inputs)
    compiled = compile_tflite(MODEL, optimize=goal)
    assert np.array_equal(run_on_host(compiled, inputs, cc="gcc"), expected)
    on_core = emulate(compiled, find_core("cortex-m4"), inputs)
    assert np.array_equal(on_core.outputs, expected)


def side_by_side() -> list[tuple[Node, Variant]]:
    """Layers with two of their variants each: the direct one, and groups of eight tiles."""
    shapes = [((1, 16, 16, 32), 32), ((1, 8, 8, 64), 24), ((2, 13, 9, 16), 15)]
    found = []
    for i, (image, channels) in enumerate(shapes):
        for which in ("direct", "winograd, 8 tiles"):
            made = conv_2d(f"{which[0]}{i}", i, image=image, channels=channels)
            found += [(made, v) for v in OPS["CONV_2D"].variants(made) if v.name == which]
    return found


def test_estimates_are_what_the_emulator_counts(monkeypatch):
    pairs = side_by_side()
    monkeypatch.setattr(
        firmware_export.compiler,
        "choose",
        lambda *_: tuple(Choice(variant.call, variant.name) for _, variant in pairs),
    )
    graph = model_of(*(node for node, _ in pairs))
    compiled = compile_tflite(write_tflite(graph))
    counted = emulate(compiled, find_core("cortex-m4"), samples(graph, random=1)[-1:]).layers
    ratios = {
        variant.name + str(node.input(0).shape): cost.instructions / variant.instructions
        for (node, variant), cost in zip(pairs, counted, strict=False)
    }
    assert {k: r for k, r in ratios.items() if not 1 / ESTIMATE_FACTOR < r < ESTIMATE_FACTOR} == {}
    direct, winograd = counted[0], counted[1]
    assert winograd.instructions < direct.instructions


def test_a_profile_names_the_variants():
    profile = profile_tflite(MODEL, "nano33ble", optimize="speed")
    assert profile.optimize == "speed"
    assert [layer.variant.partition(",")[0] for layer in profile.layers] == [
        "winograd", "", "winograd", "",
    ]  # fmt: skip
    assert profile.layers[0].saved_instructions > 0
    assert "-O3" in profile.how


@needs_models
def test_the_resnet_within_its_marks():
    """0.65 of the RAM of TFLM with CMSIS-NN by default; what speed adds is working memory."""
    tflite = (MODELS / "pretrainedResnet_quant.tflite").read_bytes()
    balanced, speed = (compile_tflite(tflite, optimize=goal) for goal in ("balanced", "speed"))
    assert balanced.arena_bytes <= 0.65 * 56_556
    assert {layer.variant for layer in balanced.layers} == {"", "direct"}  # for 0.6 of the flash
    assert sum(layer.saved_instructions for layer in speed.layers) > 2_500_000
    assert speed.weights_bytes == balanced.weights_bytes
