"""RELU and RELU6 after another operator become its fused activation."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from firmware_export.ir import Graph, Node, Tensor
from firmware_export.ops.limits import ACTIVATION_NAMES

FUSED = {
    "ADD",
    "AVERAGE_POOL_2D",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "MAX_POOL_2D",
    "MUL",
    "SUB",
}
"""Operators that clamp what they write to the range of an activation."""

CODES = {name: code for code, name in ACTIVATION_NAMES.items()}


def fuse_activations(graph: Graph) -> Graph:
    """Clamp where a value is written, and not once more after that.

    Between one quantization and itself RELU and RELU6 are only a clamp, by the same limits as the
    fused activation. With another quantization they round a second time, and stay.
    """
    readers = Counter(tensor for node in graph.nodes for tensor in node.activations)
    readers.update(graph.outputs)
    writers: dict[Tensor, Node] = {}
    fused: dict[Node, Node] = {}
    gone: set[Node] = set()
    for node in graph.nodes:
        writer = writers.get(node.activations[0]) if len(node.activations) == 1 else None
        if writer and readers[writer.output] == 1 and _clamps(writer, node):
            code = CODES[node.op]
            options = {**writer.options, "fused_activation_function": code}
            fused[writer] = replace(writer, options=options, outputs=node.outputs)
            gone.add(node)
        elif node.op in FUSED:
            writers[node.output] = node
    if not gone:
        return graph
    return graph.with_nodes(tuple(fused.get(n, n) for n in graph.nodes if n not in gone))


def _clamps(writer: Node, node: Node) -> bool:
    """Whether ``node`` only clamps what ``writer`` gives, which does not clamp it otherwise."""
    if node.op not in {"RELU", "RELU6"}:
        return False
    x, y = writer.output, node.output
    same = (x.scale, x.zero_point) == (y.scale, y.zero_point) and x.shape == y.shape
    return same and writer.option("fused_activation_function") in {CODES["NONE"], CODES[node.op]}
