"""How each operator maps the intervals of its operands to those of its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from firmware_export.ir import Node
from firmware_export.numerics import (
    INT8_MAX,
    INT8_MIN,
    Int64Array,
    activation_range,
    quantize_multiplier,
    requantize,
)
from firmware_export.ops import add, definition, mean, mul, pad
from firmware_export.ops.limits import activation_name
from firmware_export.ops.reduction import positions, reduced_axes
from firmware_export.passes.interval_sums import weighted_sum
from firmware_export.passes.intervals import Intervals, any_int8, channels_of

Operands = tuple[Intervals, ...]
Rule = Callable[[Node, Operands], Intervals | None]
"""From a node and the intervals of its int8 inputs; None where the result may be anything."""


def _clamped(node: Node, low: Int64Array, high: Int64Array, name: str | None = None) -> Intervals:
    """Both ends within the range of the activation, which is the node's own or ``name``."""
    y = node.output
    limits = activation_range(name or activation_name(node), y.scale, y.zero_point)
    return Intervals(np.clip(low, *limits), np.clip(high, *limits))


def _same(node: Node, operands: Operands) -> Intervals | None:
    """Values that are only moved, or chosen, within their channel."""
    return operands[0] if channels_of(node.output) == len(operands[0].low) else None


def _pool(node: Node, operands: Operands) -> Intervals:
    # The mean of n equal values is that value: its rounding is exact there, and monotone.
    return _clamped(node, operands[0].low, operands[0].high)


def _pad(node: Node, operands: Operands) -> Intervals | None:
    value = node.optional_input(2)
    border = node.output.zero_point if value is None else int(value.values.reshape(-1)[0])
    moved = _same(node, operands)
    filled = Intervals(*(np.full_like(operands[0].low, border) for _ in range(2)))
    widened = any(any(ends) for ends in pad.borders(node))
    return moved.union(filled) if moved and widened else moved


def _space_to_batch(node: Node, operands: Operands) -> Intervals:
    zero = np.full_like(operands[0].low, node.output.zero_point)
    return operands[0].union(Intervals(zero, zero))


def _relu(node: Node, operands: Operands) -> Intervals:
    x, y = node.input(0), node.output
    scaling = quantize_multiplier(x.scale / y.scale)
    low, high = (
        requantize(end - x.zero_point, *scaling).astype(np.int64) + y.zero_point
        for end in (operands[0].low, operands[0].high)
    )
    return _clamped(node, low, high, node.op)


def _add(node: Node, operands: Operands) -> Intervals:
    """ADD and SUB: both operands on the common scale, then their sum on the output's."""
    multipliers, right_shifts = add.scalings(node)

    def scaled(values: Int64Array, which: int) -> Int64Array:
        return requantize(values, multipliers[which], -right_shifts[which]).astype(np.int64)

    def operand(which: int) -> tuple[Int64Array, Int64Array]:
        zero_point, found = node.input(which).zero_point, operands[which]
        low, high = (
            scaled((end - zero_point) << add.FRACTION_BITS, which)
            for end in (found.low, found.high)
        )
        return (-high, -low) if which == 1 and node.op == "SUB" else (low, high)

    a, b = operand(0), operand(1)
    low, high = (scaled(one + other, 2) for one, other in zip(a, b, strict=True))
    return _clamped(node, low + node.output.zero_point, high + node.output.zero_point)


def _mul(node: Node, operands: Operands) -> Intervals:
    """The product is smallest and largest at two of the four corners."""
    x, y = (
        (values.low - tensor.zero_point, values.high - tensor.zero_point)
        for values, tensor in zip(operands, (node.input(0), node.input(1)), strict=True)
    )
    corners = np.stack([one * other for one in x for other in y])
    multiplier, shift = quantize_multiplier(mul.ratio(node))
    low, high = (
        requantize(end, multiplier, shift).astype(np.int64) + node.output.zero_point
        for end in (corners.min(axis=0), corners.max(axis=0))
    )
    return _clamped(node, low, high)


def _extreme(node: Node, operands: Operands) -> Intervals:
    choose = np.maximum if node.op == "MAXIMUM" else np.minimum
    one, other = operands
    return Intervals(choose(one.low, other.low), choose(one.high, other.high))


def _largest(node: Node, operands: Operands) -> Intervals | None:
    """REDUCE_MAX within the channels, which are those of the input unless they are reduced."""
    return None if len(node.input(0).shape) - 1 in reduced_axes(node) else operands[0]


def _mean(node: Node, operands: Operands) -> Intervals | None:
    if len(node.input(0).shape) - 1 in reduced_axes(node):
        return None
    x, y = node.input(0), node.output
    low, high = (
        requantize((end - x.zero_point) * positions(node), *mean.multiplier(node)).astype(np.int64)
        for end in (operands[0].low, operands[0].high)
    )
    limits = INT8_MIN, INT8_MAX
    return Intervals(np.clip(low + y.zero_point, *limits), np.clip(high + y.zero_point, *limits))


def _concatenation(node: Node, operands: Operands) -> Intervals:
    if node.option("axis") % len(node.output.shape) == len(node.output.shape) - 1:
        return Intervals(
            np.concatenate([part.low for part in operands]),
            np.concatenate([part.high for part in operands]),
        )
    joined = operands[0]
    for part in operands[1:]:
        joined = joined.union(part)
    return joined


def _reshape(node: Node, operands: Operands) -> Intervals:
    """Channel c of n is every n-th value, which stays so where the other extent is a multiple."""
    x, count = operands[0], channels_of(node.output)
    known = len(x.low)
    if count % known == 0:
        return x.at(np.arange(count) % known)
    if known % count == 0:
        rows = (end.reshape(-1, count) for end in (x.low, x.high))
        low, high = rows
        return Intervals(low.min(axis=0), high.max(axis=0))
    return x.spread(count)


def _transpose(node: Node, operands: Operands) -> Intervals:
    order = node.input(1).values.reshape(-1).tolist()
    stays = order[-1:] == [len(order) - 1]
    return operands[0] if stays else operands[0].spread(channels_of(node.output))


def _moved(node: Node, operands: Operands) -> Intervals:
    return operands[0].spread(channels_of(node.output))


def _table(node: Node, operands: Operands) -> Intervals | None:
    """A function of one byte: its smallest and largest result within each interval."""
    results = _results(node)
    if results is None:
        return None
    ends = np.stack([operands[0].low, operands[0].high], axis=1)
    pairs, which = np.unique(ends, axis=0, return_inverse=True)
    within = [results[low - INT8_MIN : high - INT8_MIN + 1] for low, high in pairs.tolist()]
    found = np.array([(part.min(), part.max()) for part in within])[which.reshape(-1)]
    return Intervals(found[:, 0], found[:, 1])


def _results(node: Node) -> Int64Array | None:
    """For each of the inputs -128 to 127, where a table decides: int64 [256]."""
    emit = definition(node).emit
    table = emit(node).constants.get("table") if emit else None
    return table.astype(np.int64) if table is not None and node.input(0).dtype == "int8" else None


def _weighted(node: Node, operands: Operands) -> Intervals:
    unknown = any_int8(node.output)
    low, high = weighted_sum(node, operands[0]) or (unknown.low, unknown.high)
    return _clamped(node, low, high)


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "ADD": _add,
        "AVERAGE_POOL_2D": _pool,
        "BATCH_TO_SPACE_ND": _same,
        "CONCATENATION": _concatenation,
        "CONV_2D": _weighted,
        "DEPTHWISE_CONV_2D": _weighted,
        "ELU": _table,
        "EXPAND_DIMS": _reshape,
        "FULLY_CONNECTED": _weighted,
        "GATHER": _moved,
        "HARD_SWISH": _table,
        "LEAKY_RELU": _table,
        "LOGISTIC": _table,
        "MAXIMUM": _extreme,
        "MAX_POOL_2D": _pool,
        "MEAN": _mean,
        "MINIMUM": _extreme,
        "MIRROR_PAD": _same,
        "MUL": _mul,
        "PAD": _pad,
        "PADV2": _pad,
        "QUANTIZE": _table,
        "REDUCE_MAX": _largest,
        "RELU": _relu,
        "RELU6": _relu,
        "RESHAPE": _reshape,
        "RESIZE_NEAREST_NEIGHBOR": _same,
        "SLICE": _moved,
        "SPACE_TO_BATCH_ND": _space_to_batch,
        "SPLIT": _moved,
        "SQUEEZE": _reshape,
        "STRIDED_SLICE": _moved,
        "SUB": _add,
        "TANH": _table,
        "TRANSPOSE": _transpose,
    }
)
"""Operators whose results are bounded; any other may give any value."""
