"""Networks of random operators: they compile without a sanitizer's complaint and equal TFLM."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from firmware_export import compile_tflite
from firmware_export.ir import Graph, Node
from firmware_export.measure import emulate
from firmware_export.ops import OPS
from firmware_export.ops.limits import SAME
from firmware_export.target import find_core
from firmware_export.tflite_writer import write_tflite
from firmware_export.tflm import run_tflm
from tests.firmware.fixtures.single_ops import samples
from tests.firmware.growers import GROWERS
from tests.firmware.growth import Growth, graph_input
from tests.firmware.random_graphs import (
    differing_outputs,
    random_graph,
    side_by_side,
    two_sequences,
)

SEED = 20_261_121
GRAPHS = 24
AROUND_STATE = {"ADD", "FULLY_CONNECTED", "RESHAPE", "TRANSPOSE", "UNIDIRECTIONAL_SEQUENCE_LSTM"}
PAIRS = frozenset({"ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM"})


def random_graphs(count: int, first_seed: int = SEED) -> list[Graph]:
    return [random_graph(first_seed + i, name=f"net{i}") for i in range(count)]


def test_random_graphs_equal_tflm_under_sanitizers() -> None:
    graph = side_by_side(random_graphs(GRAPHS))
    compiled = compile_tflite(write_tflite(graph))
    assert two_sequences(graph, compiled, samples(graph, random=6)) == []


def test_state_of_random_graphs_stays_until_a_reset_under_sanitizers() -> None:
    drawn = (random_graph(SEED + i, name=f"net{i}", ops=AROUND_STATE) for i in range(30))
    graph = side_by_side([graph for graph in drawn if graph.states])
    inputs = samples(graph, random=2)
    expected = run_tflm(write_tflite(graph), np.repeat(inputs, 2, axis=0))
    assert len(differing_outputs(graph, expected[::2], expected[1::2])) >= 8  # state shows
    assert two_sequences(graph, compile_tflite(write_tflite(graph)), inputs) == []


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m0plus"])
def test_random_graphs_equal_tflm_on_an_emulated_core(core: str) -> None:
    graph = side_by_side(random_graphs(8, SEED + GRAPHS))
    model, inputs = write_tflite(graph), samples(graph, random=1)
    got = emulate(compile_tflite(model, target=core), find_core(core), inputs, optimize="Os")
    assert differing_outputs(graph, got.outputs, run_tflm(model, inputs)) == []


def test_every_operator_occurs() -> None:
    used = {node.op for graph in random_graphs(300) for node in graph.nodes}
    assert used == set(OPS) == set(GROWERS)


FORMS: dict[str, Callable[[Node], bool]] = {
    "dilated": lambda n: n.options.get("dilation_h_factor", 1) > 1,
    "grouped": lambda n: n.op == "CONV_2D" and n.input(0).shape[3] // n.input(1).shape[3] > 1,
    "depth multiplier": lambda n: n.options.get("depth_multiplier", 1) > 1,
    "transposed with padding": lambda n: n.op == "TRANSPOSE_CONV" and n.option("padding") == SAME,
    "repeated second operand": lambda n: n.op == "ADD" and n.input(1).elements < n.output.elements,
    "repeated first operand": lambda n: n.op == "ADD" and n.input(0).elements < n.output.elements,
    "both repeated": lambda n: (
        n.op in PAIRS and max(n.input(i).elements for i in (0, 1)) < n.output.elements
    ),
    "fewer dimensions": lambda n: n.op in PAIRS and len({len(x.shape) for x in n.inputs if x}) > 1,
    "two computed operands": lambda n: n.op in PAIRS and len(n.activations) > 1,
    "a tensor twice": lambda n: n.op in PAIRS and n.input(0) == n.input(1),
    "backwards": lambda n: n.op == "STRIDED_SLICE" and n.input(3).values.min() < 0,
    "three parts": lambda n: n.op == "CONCATENATION" and len(n.inputs) > 2,
    "uint8": lambda n: n.output.dtype == "uint8",
    "float32": lambda n: n.output.dtype == "float32",
    "int32": lambda n: n.output.dtype == "int32",
    "time first": lambda n: n.options.get("time_major") is True,
}
"""What must occur among the nodes."""


def test_every_form_occurs() -> None:
    nodes = [node for graph in random_graphs(300) for node in graph.nodes]
    assert [name for name, form in FORMS.items() if not any(map(form, nodes))] == []


def test_inputs_outputs_and_readers_are_one_or_several() -> None:
    graphs = random_graphs(100)
    assert {1, 2, 3} <= {len(graph.inputs) for graph in graphs}
    assert {1, 2, 3} <= {len(graph.outputs) for graph in graphs}
    readers = [Counter(t for n in graph.nodes for t in n.activations) for graph in graphs]
    assert max(max(counts.values()) for counts in readers) > 3


def test_some_layers_share_their_code() -> None:
    graph = side_by_side(random_graphs(GRAPHS))
    layers = compile_tflite(write_tflite(graph)).layers
    assert {layer.op for layer in layers if layer.shared_function} >= {"CONV_2D"}


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
