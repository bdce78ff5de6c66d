"""Random int8 networks over the table of operators: valid, small, and reproducible by their seed.

A network grows node by node. `GROWERS` has a function for each operator that, given a tensor, makes
a node that reads it, or None where the operator does not fit the tensor. What the compiler's limits
refuse is thrown away, so that a grown network always compiles; what is left has to equal TFLM.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from firmware_export import CompiledModel, UnsupportedOpError
from firmware_export.ir import Graph, Node, Tensor
from firmware_export.measure import run_on_host
from firmware_export.ops import OPS
from firmware_export.tflite_writer import write_tflite
from firmware_export.tflm import run_tflm
from tests.firmware.fixtures.single_ops import float32
from tests.firmware.growers import GROWERS
from tests.firmware.growth import Growth, graph_input

MAX_ELEMENTS = 2048
MAX_NODES = 10
ATTEMPTS = 60
WITH_WEIGHTS = frozenset(
    {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "UNIDIRECTIONAL_SEQUENCE_LSTM"}
)


def random_graph(
    seed: int, *, name: str = "net", ops: Iterable[str] = OPS, max_nodes: int = MAX_NODES
) -> Graph:
    """A network of up to ``max_nodes`` operators, at least one.

    Args:
        seed: The same seed and operators give the same network.
        name: Prefix of its tensors.
        ops: Operators to choose from.
        max_nodes: Upper limit.
    """
    growth = Growth(name, np.random.default_rng(seed))
    choices = sorted(set(ops) & set(GROWERS))
    for index in range(int(growth.rng.choice([1, 2, 3], p=(0.7, 0.2, 0.1)))):
        growth.inputs.append(graph_input(growth, index))
    wanted = growth.integer(1, max_nodes)
    for _ in range(ATTEMPTS):
        if len(growth.nodes) == wanted:
            break
        op = str(growth.rng.choice(choices))
        node = GROWERS[op](growth, growth.pick())
        if node is not None and acceptable(node):
            growth.nodes.append(node)
            if growth.chance(0.2) and node.op in WITH_WEIGHTS:
                growth.nodes.append(_of_equal_shape(growth, node))
                if "ADD" in choices and growth.chance(0.5):
                    growth.nodes.append(_sum_of_both(growth))
    if not growth.nodes:
        return random_graph(seed + 2**32, name=name, ops=ops, max_nodes=max_nodes)
    return Graph(tuple(growth.nodes), tuple(growth.inputs), _outputs(growth))


def side_by_side(graphs: Sequence[Graph]) -> Graph:
    """Independent networks as one, so that one build runs them all."""
    return Graph(
        tuple(node for graph in graphs for node in graph.nodes),
        tuple(tensor for graph in graphs for tensor in graph.inputs),
        tuple(tensor for graph in graphs for tensor in graph.outputs),
    )


def two_sequences(graph: Graph, compiled: CompiledModel, inputs: NDArray) -> list[str]:
    """Names of the outputs with a wrong byte, where state is kept over all inputs, or reset.

    The C runs them twice, with a reset between; sanitizers watch it.
    """
    got = run_on_host(
        compiled,
        np.concatenate([inputs, inputs]),
        cc="gcc",
        sanitize="address,undefined",
        sequence_samples=len(inputs),
    )
    expected = run_tflm(write_tflite(graph), inputs)
    return differing_outputs(graph, got, np.concatenate([expected, expected]))


def differing_outputs(graph: Graph, got: NDArray, expected: NDArray) -> list[str]:
    """Names of the outputs that have a wrong byte; some may be float32, int32 or uint8."""
    ends = np.cumsum([tensor.size_bytes for tensor in graph.outputs])
    wrong = (_as_bytes(graph, got) != _as_bytes(graph, expected)).any(axis=0)
    places = np.searchsorted(ends, np.flatnonzero(wrong), "right")
    return sorted({graph.outputs[int(i)].name for i in places})


def _as_bytes(graph: Graph, values: NDArray) -> NDArray[np.uint8]:
    """The bytes of each sample: outputs of several types come as bytes, or in a wider type."""
    rows = np.ascontiguousarray(values.reshape(len(values), -1))
    if rows.nbytes == len(rows) * sum(tensor.size_bytes for tensor in graph.outputs):
        return rows.view(np.uint8)
    ends = np.cumsum([tensor.elements for tensor in graph.outputs])
    parts = zip(np.split(rows, ends[:-1], axis=1), graph.outputs, strict=True)
    return np.hstack([part.astype(tensor.dtype).view(np.uint8) for part, tensor in parts])


def acceptable(node: Node) -> bool:
    """Whether the node is small, and not refused by the compiler."""
    if any(tensor.elements > MAX_ELEMENTS for tensor in node.outputs):
        return False
    if node.op in OPS:
        try:
            OPS[node.op].check(node)
        except UnsupportedOpError:
            return False
    return True


def _of_equal_shape(growth: Growth, node: Node) -> Node:
    """The same layer on the same data with its weights in another order: it shares the code."""
    output = replace(node.output, name=growth.fresh("sibling"))
    inputs = tuple(tensor and _own(growth, tensor) for tensor in node.inputs)
    return replace(node, inputs=inputs, outputs=(output,))


def _sum_of_both(growth: Growth) -> Node:
    """The last two layers, which end alike, meet in an addition."""
    one, other = (node.output for node in growth.nodes[-2:])
    return growth.node(
        "ADD",
        [one, other] if growth.chance(0.5) else [other, one],
        one.shape,
        scale=float32((one.scale + other.scale) * growth.spread()),
        table="AddOptions",
        fused_activation_function=growth.activation_code(),
    )


def _own(growth: Growth, tensor: Tensor) -> Tensor:
    """What a sibling has in place of an operand: mirrored weights, state of its own."""
    if tensor.variable:
        return replace(tensor, name=growth.fresh("state"))
    if tensor.data is None or tensor.dtype != "int8":
        return tensor
    return replace(tensor, name=growth.fresh("mirrored"), data=tensor.data[..., ::-1].copy())


def _outputs(growth: Growth) -> tuple[Tensor, ...]:
    """What nobody reads, sometimes not all of it, and sometimes something that is read as well."""
    read = {tensor for node in growth.nodes for tensor in node.activations}
    written = [tensor for node in growth.nodes for tensor in node.outputs]
    leaves = [tensor for tensor in written if tensor not in read]
    inner = [tensor for tensor in written if tensor in read]
    if len(leaves) > 1 and growth.chance(0.1):
        leaves.pop(growth.integer(0, len(leaves) - 1))
    if inner and growth.chance(0.2):
        leaves.append(inner[growth.integer(0, len(inner) - 1)])
    return tuple(leaves)
