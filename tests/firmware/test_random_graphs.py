"""Networks of random operators: they compile without a sanitizer's complaint and equal TFLM."""

import numpy as np
import pytest

from firmware_export import compile_tflite
from firmware_export.ir import Graph
from firmware_export.measure import emulate, run_on_host
from firmware_export.ops import OPS
from firmware_export.target import find_core
from firmware_export.tflite_writer import write_tflite
from firmware_export.tflm import run_tflm
from tests.firmware.fixtures.single_ops import samples
from tests.firmware.random_graphs import (
    GROWERS,
    NOT_GROWN,
    Growth,
    differing_outputs,
    graph_input,
    random_graph,
    side_by_side,
)

SEED = 20_261_121
GRAPHS = 32


def random_graphs(count: int, first_seed: int = SEED) -> list[Graph]:
    return [random_graph(first_seed + i, name=f"net{i}") for i in range(count)]


def test_random_graphs_equal_tflm_under_sanitizers() -> None:
    graph = side_by_side(random_graphs(GRAPHS))
    model, inputs = write_tflite(graph), samples(graph, random=6)
    got = run_on_host(compile_tflite(model), inputs, cc="gcc", sanitize="address,undefined")
    assert differing_outputs(graph, got, run_tflm(model, inputs)) == []


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m0plus"])
def test_random_graphs_equal_tflm_on_an_emulated_core(core: str) -> None:
    graph = side_by_side(random_graphs(8, SEED + GRAPHS))
    model, inputs = write_tflite(graph), samples(graph, random=1)
    got = emulate(compile_tflite(model, target=core), find_core(core), inputs, optimize="Os")
    assert differing_outputs(graph, got.outputs, run_tflm(model, inputs)) == []


def test_every_supported_operator_is_grown_or_explained() -> None:
    assert set(OPS) <= set(GROWERS) | set(NOT_GROWN)
    assert not set(GROWERS) & set(NOT_GROWN)


def test_every_operator_occurs() -> None:
    used = {node.op for graph in random_graphs(300) for node in graph.nodes}
    assert used == set(OPS) & set(GROWERS)


def test_a_seed_gives_the_same_graph() -> None:
    one, other, third = (write_tflite(random_graph(seed)) for seed in (5, 5, 6))
    assert one == other != third


@pytest.mark.parametrize("op", GROWERS)
def test_what_is_grown_is_valid_in_tflm(op: str) -> None:
    """Also operators that the compiler has no row for: TFLM is asked, not the compiler."""
    grown = 0
    for seed in range(8):
        growth = Growth("x", np.random.default_rng(seed))
        growth.inputs.append(graph_input(growth, 0))
        node = GROWERS[op](growth, growth.pick())
        if node is not None:
            graph = Graph((node,), tuple(growth.inputs), node.outputs)
            run_tflm(write_tflite(graph), samples(graph, random=1))
            grown += 1
    assert grown > 0
