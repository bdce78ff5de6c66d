"""Which channels of every activation have to be computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from firmware_export.ir import Graph, Node, Tensor
from firmware_export.numerics import Int64Array
from firmware_export.ops import weights
from firmware_export.passes.channel_links import LINKERS, Link
from firmware_export.passes.interval_sums import MAX_TERMS, border_cases
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

    It does not depend on a channel whose weights are all 0, nor on one that is constant and adds
    the same to the sums of all positions: that belongs into the bias. Where the window reaches
    outside the image a sum has fewer terms, which are the same where the constant is the zero
    point, where the weights of the taps outside add up to 0, or where the same taps are outside at
    every position.
    """
    x = node.input(0)
    if node.op not in {"CONV_2D", "FULLY_CONNECTED"} or x not in intervals:
        return None
    covered, count = node.input(1).shape[-1], channels_of(x)
    if covered % count or (node.op == "CONV_2D" and covered != count):
        return None  # grouped, or rows that are no whole pixels
    known, channel = intervals[x], np.arange(covered) % count
    taps = weights.filters(node).reshape(channels_of(node.output), -1, covered)
    reads = taps.any(axis=1) & ~(known.constant & (known.low == x.zero_point))[channel]
    others = known.constant[channel] & reads.any(axis=0)
    reads[:, others] = _depends_on_position(node, others)
    return Reader(node, channel, reads)


def _depends_on_position(node: Node, weights_of: Mask) -> Mask:
    """Whether equal values of some channels add different amounts to the sums of two positions.

    Args:
        node: CONV_2D or FULLY_CONNECTED.
        weights_of: Which weights of an output channel, bool [weights].

    Returns:
        bool [outputs, chosen weights]; all of them where that is too much to work out.
    """
    cases = list(product(*border_cases(node)))
    if len(cases) * weights.filters(node).size > MAX_TERMS:
        return np.ones((channels_of(node.output), int(weights_of.sum())), bool)
    sums = [tap_sums(node, weights_of, case) for case in cases]
    different: Mask = np.any([case != sums[0] for case in sums], axis=0)
    return different


def tap_sums(node: Node, weights_of: Mask, case: tuple[slice, slice]) -> Int64Array:
    """Sums of the weights of the taps inside the image: int64 [outputs, chosen weights].

    Args:
        node: CONV_2D or FULLY_CONNECTED.
        weights_of: Which weights of an output channel, bool [weights].
        case: Rows and columns of taps, of `border_cases`.
    """
    size = node.input(1).shape[1:3] if node.op == "CONV_2D" else (1, 1)
    taps = weights.filters(node).reshape(channels_of(node.output), *size, len(weights_of))
    inside = taps[:, case[0], case[1]][..., weights_of]
    return np.asarray(inside.sum(axis=(1, 2), dtype=np.int64))


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
