"""Networks with channels that never change, as training leaves them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from firmware_export.ir import Graph, Node, Tensor
from firmware_export.passes.drop_unused import drop_unused
from tests.firmware.growers import GROWERS
from tests.firmware.growth import Growth, graph_input
from tests.firmware.random_graphs import acceptable

GROWN = (
    *("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED") * 3,
    *("ADD", "SUB", "MUL", "MAXIMUM", "CONCATENATION", "RELU", "LEAKY_RELU", "HARD_SWISH"),
    *("QUANTIZE", "PRELU", "AVERAGE_POOL_2D", "MAX_POOL_2D", "MEAN", "SUM", "REDUCE_MAX"),
    *("PAD", "PADV2", "MIRROR_PAD", "RESHAPE", "EXPAND_DIMS", "TRANSPOSE", "SLICE", "SPLIT"),
    *("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "STRIDED_SLICE"),
)
"""Operators of `random_dead_graph`: layers of weights more often than any other."""

WEIGHTED = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}
SATURATING = 2**24
"""A bias that no sum of the small layers of these tests can outweigh."""


def random_dead_graph(seed: int, name: str = "net", nodes: int = 9) -> Graph:
    """A random network that narrows to one output behind a layer of weights."""
    growth = Growth(name, np.random.default_rng(seed))
    growth.inputs.append(graph_input(growth, 0))
    for _ in range(60):
        if len(growth.nodes) < nodes:
            grow(growth, str(growth.rng.choice(GROWN)), growth.pick())
    last = growth.tensors[-1]
    grow(growth, "FULLY_CONNECTED", last)
    outputs = growth.nodes[-1].outputs
    graph = drop_unused(Graph(tuple(growth.nodes), tuple(growth.inputs), outputs))
    return with_dead_channels(graph, seed)


def grow(growth: Growth, op: str, source: Tensor) -> None:
    """Add a node that reads ``source``, where the operator fits it."""
    node = GROWERS[op](growth, source)
    if node is not None and acceptable(node):
        growth.nodes.append(node)


def with_dead_channels(graph: Graph, seed: int, share: float = 0.5) -> Graph:
    """The same network, some of whose channels are made constant: by weights of 0, or a bias."""
    rng = np.random.default_rng(seed)
    return graph.with_nodes(
        tuple(
            deadened(node, np.flatnonzero(rng.random(node.output.shape[-1]) < share), rng)
            if node.op in WEIGHTED
            else node
            for node in graph.nodes
        )
    )


def deadened(node: Node, channels: Sequence[int], rng: np.random.Generator) -> Node:
    """``node`` with constant ``channels``: at the bias's value, or at an end of the range."""
    weights, bias = node.input(1), node.optional_input(2)
    assert weights.data is not None
    values = weights.data.copy()
    sums = (
        np.zeros(node.output.shape[-1], np.int32)
        if bias is None or bias.data is None
        else bias.data.copy()
    )
    for channel in channels:
        match rng.integers(3 if bias is not None else 1):
            case 0:
                here = np.s_[..., channel] if node.op == "DEPTHWISE_CONV_2D" else np.s_[channel]
                values[here] = 0
            case 1:
                sums[channel] = -SATURATING
            case _:
                sums[channel] = SATURATING
    operands: list[Tensor | None] = [node.inputs[0], replace(weights, data=values)]
    if bias is not None:
        operands.append(replace(bias, data=sums))
    return replace(node, inputs=tuple(operands))


def chained(*nodes: Node) -> Graph:
    """Each node reads what the one before it writes."""
    placed = [nodes[0]]
    for node in nodes[1:]:
        placed.append(reading(node, placed[-1].output))
    return Graph(tuple(placed), (placed[0].input(0),), placed[-1].outputs)


def reading(node: Node, *sources: Tensor) -> Node:
    """``node`` on other operands, whose quantization it passes on where its kind does."""
    output = node.output
    if node.op in {"AVERAGE_POOL_2D", "MAX_POOL_2D", "PAD", "RESHAPE", "CONCATENATION"}:
        output = replace(output, quantization=sources[0].quantization)
    return replace(node, inputs=(*sources, *node.inputs[len(sources) :]), outputs=(output,))
