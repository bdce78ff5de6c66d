"""Which channels of every activation have to be computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from firmware_export.ir import Graph, Node, Tensor
from firmware_export.numerics import Int64Array
from firmware_export.ops import weights
from firmware_export.ops.windows import kernel_window
from firmware_export.passes.channel_links import LINKERS, Link
from firmware_export.passes.intervals import Intervals, channels_of

Mask = npt.NDArray[np.bool_]

MAX_ROUNDS = 30
"""Far more than a real network needs, however many branches it has."""


@dataclass(frozen=True)
class Reader:
    """A CONV_2D or FULLY_CONNECTED: its operand may lose channels, and its result others.

    Attributes:
        node: The layer.
        channel: Of each input weight of an output channel, the input channel: int64 [weights].
        reads: Whether an output channel depends on a weight's channel: bool [outputs, weights].
    """

    node: Node
    channel: Int64Array
    reads: Mask


def reader_of(node: Node, intervals: Mapping[Tensor, Intervals]) -> Reader | None:
    """What a layer of weights reads, or None where it must keep all of its channels.

    It does not depend on a channel whose weights are all 0, nor on one that is constant: what that
    adds to every sum belongs into the bias. With a window that reaches outside the image this
    holds for the zero point only, because the sums at the border have fewer terms.
    """
    x = node.input(0)
    if node.op not in {"CONV_2D", "FULLY_CONNECTED"} or x not in intervals:
        return None
    covered, count = node.input(1).shape[-1], channels_of(x)
    if covered % count or (node.op == "CONV_2D" and covered != count):
        return None  # grouped, or rows that are no whole pixels
    known, channel = intervals[x], np.arange(covered) % count
    foldable = known.constant
    if node.op == "CONV_2D" and kernel_window(node).reaches_outside:
        foldable &= known.low == x.zero_point
    taps = weights.filters(node).reshape(channels_of(node.output), -1, covered)
    return Reader(node, channel, taps.any(axis=1) & ~foldable[channel])


def find_used(graph: Graph, intervals: Mapping[Tensor, Intervals]) -> Mapping[Tensor, Mask] | None:
    """The channels that must stay: the smallest sets that satisfy every operator.

    Args:
        graph: Of supported operators.
        intervals: Of its int8 activations.

    Returns:
        Tensor to bool [channels], at least one of which is true; None where no answer is found
        within `MAX_ROUNDS`.
    """
    written = (tensor for node in graph.nodes for tensor in node.outputs)
    tensors = (*graph.inputs, *graph.states, *written)
    used = {tensor: np.zeros(channels_of(tensor), bool) for tensor in tensors}
    links, readers = {}, {}
    for node in graph.nodes:
        if reader := reader_of(node, intervals):
            readers[node] = reader
        elif node.op in LINKERS and (found := LINKERS[node.op](node)) is not None:
            links[node] = found
        else:
            for tensor in (*node.activations, *node.outputs):
                used[tensor][:] = True
    for tensor in (*graph.inputs, *graph.outputs):
        used[tensor][:] = True
    for _ in range(MAX_ROUNDS):
        before = sum(int(mask.sum()) for mask in used.values())
        for node in (*reversed(graph.nodes), *graph.nodes):
            if node in readers:
                _read(readers[node], used)
            for link in links.get(node, ()):
                _join(node, link, used)
        for mask in used.values():
            mask[0] |= not mask.any()  # a tensor without channels is none
        if before == sum(int(mask.sum()) for mask in used.values()):
            return MappingProxyType(used)
    return None


def _read(reader: Reader, used: dict[Tensor, Mask]) -> None:
    """What the kept outputs depend on must stay."""
    needed = reader.reads[used[reader.node.output]].any(axis=0)
    used[reader.node.input(0)][reader.channel[needed]] = True


def _join(node: Node, link: Link, used: dict[Tensor, Mask]) -> None:
    """Bring both sides of a link to the same state; a constant operand follows the output."""
    output = used[node.output]
    operand = node.input(link.operand)
    if operand.data is not None:
        return
    either = used[operand][link.source] | output[link.target]
    used[operand][link.source[either]] = True
    output[link.target[either]] = True
