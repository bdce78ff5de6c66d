"""Which channels of an operator's operands and results must stay, or go, together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from firmware_export.ir import Node, Tensor
from firmware_export.numerics import Int64Array
from firmware_export.ops import pad
from firmware_export.ops.reduction import reduced_axes
from firmware_export.passes.intervals import channels_of


@dataclass(frozen=True)
class Link:
    """Channel ``source[i]`` of one tensor and channel ``target[i]`` of another: both or neither.

    Attributes:
        operand: Index of the input.
        source: Of that input, int64 [links].
        target: Of the node's output, int64 [links].
    """

    operand: int
    source: Int64Array
    target: Int64Array


Linker = Callable[[Node], tuple[Link, ...] | None]
"""The links of a node between its operands and its output; None where every channel must stay."""


def _straight(operand: int, tensor: Tensor) -> Link:
    every = np.arange(channels_of(tensor))
    return Link(operand, every, every)


def _one_to_one(node: Node) -> tuple[Link, ...] | None:
    """The first input and the output channel by channel; other inputs are of other kinds."""
    if channels_of(node.input(0)) != channels_of(node.output):
        return None
    return (_straight(0, node.output),)


def _pair(node: Node) -> tuple[Link, ...] | None:
    """Two operands; one with a single channel is repeated, and keeps it."""
    count = channels_of(node.output)
    operands = (node.input(0), node.input(1))
    if any(channels_of(tensor) not in {1, count} for tensor in operands):
        return None
    return tuple(
        _straight(index, node.output)
        for index, tensor in enumerate(operands)
        if channels_of(tensor) == count
    )


def _depthwise(node: Node) -> tuple[Link, ...]:
    outputs = np.arange(channels_of(node.output))
    multiplier = len(outputs) // channels_of(node.input(0))
    return (Link(0, outputs // multiplier, outputs),)


def _pad(node: Node) -> tuple[Link, ...] | None:
    widened = any(any(ends) for ends in pad.borders(node)[-1:])
    return None if widened else (_straight(0, node.output),)


def _reduction(node: Node) -> tuple[Link, ...] | None:
    if len(node.input(0).shape) - 1 in reduced_axes(node):
        return None
    return (_straight(0, node.output),)


def _transpose(node: Node) -> tuple[Link, ...] | None:
    order = node.input(1).values.reshape(-1).tolist()
    return (_straight(0, node.output),) if order[-1:] == [len(order) - 1] else None


def _reshape(node: Node) -> tuple[Link, ...] | None:
    """The values of a channel stay together where one extent is a multiple of the other."""
    before, after = channels_of(node.input(0)), channels_of(node.output)
    if max(before, after) % min(before, after):
        return None
    every = np.arange(max(before, after))
    return (Link(0, every % before, every % after),)


def _concatenation(node: Node) -> tuple[Link, ...]:
    parts = [channels_of(node.input(index)) for index in range(len(node.inputs))]
    beside = node.option("axis") % len(node.output.shape) == len(node.output.shape) - 1
    starts = np.cumsum([0, *parts]) if beside else np.zeros(len(parts), np.int64)
    return tuple(
        Link(index, np.arange(count), starts[index] + np.arange(count))
        for index, count in enumerate(parts)
    )


LINKERS: Mapping[str, Linker] = MappingProxyType(
    {
        **dict.fromkeys(("ELU", "HARD_SWISH", "LEAKY_RELU", "LOGISTIC", "TANH"), _one_to_one),
        **dict.fromkeys(("RELU", "RELU6", "QUANTIZE", "DEQUANTIZE"), _one_to_one),
        **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D"), _one_to_one),
        **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"), _one_to_one),
        **dict.fromkeys(("BATCH_TO_SPACE_ND", "SPACE_TO_BATCH_ND"), _one_to_one),
        **dict.fromkeys(("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM", "PRELU"), _pair),
        **dict.fromkeys(("PAD", "PADV2", "MIRROR_PAD"), _pad),
        **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX"), _reduction),
        **dict.fromkeys(("RESHAPE", "SQUEEZE", "EXPAND_DIMS"), _reshape),
        "CONCATENATION": _concatenation,
        "DEPTHWISE_CONV_2D": _depthwise,
        "TRANSPOSE": _transpose,
    }
)
"""Operators through which a channel can be removed; CONV_2D and FULLY_CONNECTED are where it ends.

Any other operator keeps every channel that it reads and writes.
"""
