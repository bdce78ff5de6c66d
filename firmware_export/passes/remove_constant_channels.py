"""Channels that are the same for every input of the model are not computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from firmware_export.ir import NO_OPTIONS, Array, Graph, Node, Quantization, Tensor
from firmware_export.numerics import Int64Array
from firmware_export.ops import weights
from firmware_export.passes.channel_links import LINKERS
from firmware_export.passes.channel_use import Mask, find_used, reader_of, tap_sums
from firmware_export.passes.interval_analysis import find_intervals
from firmware_export.passes.interval_sums import border_cases
from firmware_export.passes.intervals import Intervals, channels_of


def remove_constant_channels(graph: Graph) -> Graph:
    """Leave out channels on which nothing depends but constants, and fold these into biases.

    Training leaves channels whose activation clamps every sum to one value, or whose weights are
    0. Interval analysis proves which. Not a byte of the model's outputs changes: what a constant
    channel adds to a sum is added to the bias at compile time, and it stays where that differs
    near a border.
    """
    intervals = find_intervals(graph)
    used = find_used(graph, intervals) if intervals is not None else None
    if intervals is None or used is None or all(mask.all() for mask in used.values()):
        return graph
    smaller = {
        tensor: tensor if mask.all() else _narrowed(tensor, mask) for tensor, mask in used.items()
    }
    return graph.with_nodes(
        tuple(_rewritten(node, smaller, used, intervals) for node in graph.nodes)
    )


def _narrowed(tensor: Tensor, mask: Mask) -> Tensor:
    return replace(tensor, shape=(*tensor.shape[:-1], int(mask.sum())))


def _rewritten(
    node: Node,
    smaller: Mapping[Tensor, Tensor],
    used: Mapping[Tensor, Mask],
    intervals: Mapping[Tensor, Intervals],
) -> Node:
    """``node`` on the smaller tensors; the very same node where none of its tensors changed."""
    tensors = (*node.activations, *node.outputs)
    if all(smaller[tensor] is tensor for tensor in tensors):
        return node
    narrow = replace(
        node,
        inputs=tuple(smaller.get(t, t) if t else None for t in node.inputs),
        outputs=tuple(smaller[t] for t in node.outputs),
    )
    if node.op in {"CONV_2D", "FULLY_CONNECTED"}:
        return replace(narrow, inputs=(narrow.input(0), *_folded(node, used, intervals)))
    if node.op == "DEPTHWISE_CONV_2D":
        outputs = used[node.output]
        operands = [_chosen(node.input(1), outputs)]
        if node.optional_input(2) is not None:
            operands.append(_bias(node, weights.bias(node)[outputs], outputs))
        return replace(narrow, inputs=(narrow.input(0), *operands))
    if node.op == "RESHAPE":  # its second operand would repeat the old shape
        return replace(narrow, inputs=narrow.inputs[:1], options=NO_OPTIONS, options_table="NONE")
    return replace(narrow, inputs=_with_narrow_constants(node, narrow, used[node.output]))


def _with_narrow_constants(node: Node, narrow: Node, mask: Mask) -> tuple[Tensor | None, ...]:
    """The operands, constants among them with the channels that are left of the output."""
    operands = list(narrow.inputs)
    for link in LINKERS[node.op](node) or ():
        tensor = node.input(link.operand)
        if tensor.data is not None:
            kept = mask[link.target]
            operands[link.operand] = _chosen(tensor, kept) if kept.any() else None
    dropped = node.op == "CONCATENATION"
    return tuple(t for t in operands if t is not None) if dropped else tuple(operands)


def _folded(
    node: Node, used: Mapping[Tensor, Mask], intervals: Mapping[Tensor, Intervals]
) -> tuple[Tensor, Tensor]:
    """Weights and bias without the channels that are gone on either side."""
    x, y, tensor = node.input(0), node.output, node.input(1)
    reader = reader_of(node, intervals)
    channel = reader.channel if reader else np.arange(tensor.shape[-1])
    inputs, outputs = used[x][channel], used[y]
    kept = _chosen(tensor, outputs, axis=0)
    bias = weights.bias(node) + _contribution(node, channel, ~inputs, intervals.get(x))
    return _chosen(kept, inputs), _bias(node, bias[outputs], outputs)


def _contribution(
    node: Node, channel: Int64Array, gone: Mask, known: Intervals | None
) -> Int64Array:
    """What the channels that are gone add to every sum: int64 [output channels].

    It stays within the bound on the sums that `weights.largest_accumulator` checks, of which it
    was a part. A channel that is gone and not constant has weights of 0 only.
    """
    count = channels_of(node.output)
    if known is None or not gone.any():
        return np.zeros(count, np.int64)
    centred = (known.low - node.input(0).zero_point)[channel[gone]]
    rows, columns = border_cases(node)  # the same at each, or it would have to stay
    added: Int64Array = tap_sums(node, gone, (rows[0], columns[0])) @ centred
    return added


def _bias(node: Node, values: Int64Array, outputs: Mask) -> Tensor:
    """A bias tensor; where the file has none, with the scales of the sums."""
    found, tensor = node.optional_input(2), node.input(1)
    if found is not None:
        quantization = _chosen_scales(found.quantization, outputs, axis=0)
        name = found.name
    else:
        scales = tensor.quantization.scales if tensor.quantization else ()
        own = Quantization(
            tuple(node.input(0).scale * scale for scale in scales), (0,) * len(scales), 0
        )
        quantization, name = _chosen_scales(own, outputs, axis=0), f"{tensor.name}_folded"
    return Tensor(name, values.shape, "int32", quantization, values.astype(np.int32))


def _chosen(tensor: Tensor, mask: Mask, axis: int = -1) -> Tensor:
    """A constant without some of its channels."""
    axis %= len(tensor.shape)
    values: Array = np.ascontiguousarray(np.compress(mask, tensor.values, axis))
    return replace(
        tensor,
        shape=values.shape,
        data=values,
        quantization=_chosen_scales(tensor.quantization, mask, axis),
    )


def _chosen_scales(found: Quantization | None, mask: Mask, axis: int) -> Quantization | None:
    if found is None or len(found.scales) == 1 or found.axis != axis:
        return found
    return replace(
        found,
        scales=tuple(np.compress(mask, found.scales).tolist()),
        zero_points=tuple(np.compress(mask, found.zero_points).tolist()),
    )
