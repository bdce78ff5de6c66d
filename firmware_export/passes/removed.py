"""What removing constant channels has saved, apart from any speed of the kernels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from firmware_export.compiled import RemovedChannels
from firmware_export.ir import Graph
from firmware_export.ops import definition
from firmware_export.passes import Step
from firmware_export.passes.intervals import channels_of
from firmware_export.passes.remove_constant_channels import remove_constant_channels


def removed_channels(steps: Sequence[Step]) -> RemovedChannels:
    """The difference that the pass `remove_constant_channels` has made.

    Args:
        steps: Of one compilation, in order.
    """
    for before, after in pairwise(steps):
        if after.name == remove_constant_channels.__name__:
            old, new = before.graph, after.graph
            return RemovedChannels(
                channels=_channels(old) - _channels(new),
                macs=_macs(old) - _macs(new),
                weights_bytes=_weights_bytes(old) - _weights_bytes(new),
            )
    return RemovedChannels()


def _channels(graph: Graph) -> int:
    return sum(channels_of(tensor) for node in graph.nodes for tensor in node.outputs)


def _macs(graph: Graph) -> int:
    return sum(definition(node).macs(node) for node in graph.nodes)


def _weights_bytes(graph: Graph) -> int:
    """Of the quantized constants as the file has them: weights, biases and operands."""
    found = {t for node in graph.nodes for t in node.inputs if t is not None and t.data is not None}
    return sum(tensor.size_bytes for tensor in found if tensor.quantization is not None)
