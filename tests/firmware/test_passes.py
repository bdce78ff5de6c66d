"""Passes keep the meaning of a graph, and the verifier catches one that does not."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from firmware_export.errors import ModelError
from firmware_export.ir import Graph, Tensor
from firmware_export.passes import PASSES, run_passes, verify
from firmware_export.passes.alias_views import alias_views
from firmware_export.passes.drop_unused import drop_unused
from tests.firmware.fixtures.single_ops import activation, add, model_of, relu, reshape


def two_in_a_row() -> Graph:
    x = activation("x", (1, 8))
    first = replace(relu("first", shape=(1, 8)), inputs=(x,))
    second = replace(relu("second", shape=(1, 8)), inputs=(first.output,))
    return Graph((first, second), (x,), (second.output,))


def test_a_sound_graph_passes_the_verifier():
    graph = two_in_a_row()
    assert verify(graph) is graph


def wrong_order(graph: Graph) -> Graph:
    return graph.with_nodes(graph.nodes[::-1])


def written_twice(graph: Graph) -> Graph:
    return graph.with_nodes((*graph.nodes, graph.nodes[1]))


def writes_the_input(graph: Graph) -> Graph:
    return graph.with_nodes((replace(graph.nodes[0], outputs=graph.inputs), graph.nodes[1]))


def lost_node(graph: Graph) -> Graph:
    return graph.with_nodes(graph.nodes[:1])


def unknown_operand(graph: Graph) -> Graph:
    stranger = replace(graph.nodes[1], inputs=(activation("stranger", (1, 8)),))
    return graph.with_nodes((graph.nodes[0], stranger))


def constant_input(graph: Graph) -> Graph:
    fixed = add("a", constant_operand=1).input(1)
    return replace(graph, inputs=(*graph.inputs, fixed))


def no_output(graph: Graph) -> Graph:
    return replace(graph, outputs=())


def view_of_another_size(graph: Graph) -> Graph:
    return replace(graph, views={activation("v", (1, 9)): graph.inputs[0]})


def another_shape(graph: Graph) -> Graph:
    longer = replace(graph.nodes[1], outputs=(activation("y", (1, 9)),))
    return replace(graph, nodes=(graph.nodes[0], longer), outputs=longer.outputs)


def another_type(graph: Graph) -> Graph:
    wrong = replace(graph.nodes[1].output, dtype="int16")
    nodes = (graph.nodes[0], replace(graph.nodes[1], outputs=(wrong,)))
    return replace(graph, nodes=nodes, outputs=(wrong,))


def unlike_its_values(graph: Graph) -> Graph:
    node = add("a", shapes=((1, 8), (1, 8)), constant_operand=1)
    short = replace(node.input(1), shape=(1, 1))
    node = replace(node, inputs=(graph.inputs[0], short))
    return Graph((*graph.nodes, node), graph.inputs, (*graph.outputs, node.output))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (wrong_order, "RELU at 'second_out' reads 'first_out', which nothing has computed"),
        (written_twice, "'second_out' is written twice"),
        (writes_the_input, "'x' is written twice"),
        (lost_node, "The model gives 'second_out', which nothing has computed"),
        (unknown_operand, "reads 'stranger'"),
        (constant_input, "Model input 'a_1' is a constant"),
        (no_output, "at least one input and one output"),
        (another_shape, r"RELU at 'y': The output shape must be \[1, 8\]. Got \[1, 9\]"),
        (another_type, "RELU at 'second_out': The data input and the output must be int8"),
        (unlike_its_values, r"Constant 'a_1' must be int8 \[1, 1\]. Got int8 \[1, 8\]"),
        (view_of_another_size, "View 'v' has another size than its owner 'x'"),
    ],
)
def test_the_verifier_names_what_is_wrong(spoil, message):
    with pytest.raises(ModelError, match=message):
        verify(spoil(two_in_a_row()))


def test_the_verifier_runs_after_every_pass():
    with pytest.raises(ModelError, match="nothing has computed"):
        run_passes(two_in_a_row(), passes=(lost_node,))


def test_the_documentation_lists_the_passes_in_their_order():
    page = (Path(__file__).parents[2] / "docs" / "compiler.md").read_text()
    rows = re.findall(r"^\| (\d) \| `(\w+)` \|", page, re.MULTILINE)
    names = ["fold_constants", *(apply.__name__ for apply in PASSES)]
    assert rows == [(str(index), name) for index, name in enumerate(names)]


def test_unused_nodes_are_dropped_and_nothing_else():
    graph = two_in_a_row()
    unused = replace(relu("unused", shape=(1, 8)), inputs=graph.inputs)
    also = replace(relu("also", shape=(1, 8)), inputs=(unused.output,))
    wider = graph.with_nodes((graph.nodes[0], unused, also, graph.nodes[1]))
    assert drop_unused(wider) == graph
    assert drop_unused(graph) == graph


def test_a_chain_of_views_leads_to_its_owner():
    graph = two_in_a_row()
    chain: list[Tensor] = [graph.nodes[1].output]
    views = []
    for index in range(3):
        view = reshape(f"view{index}", shape=(1, 8), new_shape=(1, 8))
        views.append(replace(view, inputs=(chain[-1], *view.inputs[1:])))
        chain.append(views[-1].output)
    aliased = alias_views(Graph((*graph.nodes, *views), graph.inputs, (chain[-1],)))
    assert aliased.nodes == graph.nodes
    assert [aliased.storage(tensor) for tensor in chain] == [chain[0]] * 4
    verify(aliased)


def test_passes_do_not_change_the_graph_they_are_given():
    graph = model_of(reshape("r", shape=(1, 4), new_shape=(2, 2)), relu("r2"))
    nodes, views = graph.nodes, dict(graph.views)
    run_passes(graph)
    assert (graph.nodes, dict(graph.views)) == (nodes, views)
