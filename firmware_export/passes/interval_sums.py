"""Intervals of convolutions and FULLY_CONNECTED: sums of products, requantized."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt

from firmware_export.ir import Node
from firmware_export.numerics import Int64Array, requantize
from firmware_export.ops import weights
from firmware_export.ops.windows import Window, kernel_window
from firmware_export.passes.intervals import Intervals

MAX_TERMS = 2**24
"""Border cases times taps times channels: more would take longer than they are worth."""

Taps = npt.NDArray[np.float64]
"""Per tap and output channel, [channels, height, width]: integers, exact below 2**53."""


def weighted_sum(node: Node, x: Intervals) -> tuple[Int64Array, Int64Array] | None:
    """Lowest and highest result of every output channel, before the activation.

    A border case is a set of taps inside the image. Its smallest sum has each operand at the end
    of its interval that the sign of the weight asks for; padding adds nothing. The extremes over
    all border cases are what is sought.

    Args:
        node: CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED.
        x: Of its input.

    Returns:
        int64 [channels] twice, with the output zero point; None where that is not worked out.
    """
    found = _taps(node, x)
    if found is None:
        return None
    low, high = found
    rows, columns = border_cases(node)
    if len(rows) * len(columns) * low.size > MAX_TERMS:
        return None
    cases = list(product(rows, columns))
    bias = weights.bias(node)
    lowest = np.min([low[:, r, c].sum(axis=(1, 2)) for r, c in cases], axis=0)
    highest = np.max([high[:, r, c].sum(axis=(1, 2)) for r, c in cases], axis=0)
    return _requantized(node, lowest, bias), _requantized(node, highest, bias)


def _taps(node: Node, x: Intervals) -> tuple[Taps, Taps] | None:
    """The smallest and the largest contribution of each tap to each output channel.

    With the middle and half the width of the interval, doubled to stay whole, the ends are
    ``(w * middle -+ |w| * width) / 2``.
    """
    zero_point = node.input(0).zero_point
    middle = (x.low + x.high - 2 * zero_point).astype(np.float64)
    width = (x.high - x.low).astype(np.float64)
    filters = weights.filters(node).astype(np.float64)
    channels = len(filters)
    if node.op == "DEPTHWISE_CONV_2D":
        source = np.arange(channels) // (channels // len(x.low))
        taps = (filters * middle[source, None], np.abs(filters) * width[source, None])
    else:
        # A row of FULLY_CONNECTED may cover several rows of channels.
        covered = filters.shape[1] if node.op == "FULLY_CONNECTED" else node.input(1).shape[3]
        if covered % len(x.low):
            return None
        repeats = covered // len(x.low)
        rows = filters.reshape(channels, -1, covered)
        taps = (rows @ np.tile(middle, repeats), np.abs(rows) @ np.tile(width, repeats))
    size = node.input(1).shape[1:3] if node.op != "FULLY_CONNECTED" else (1, 1)
    centre, reach = (part.reshape(channels, *size) for part in taps)
    return (centre - reach) / 2, (centre + reach) / 2


def border_cases(node: Node) -> tuple[list[slice], list[slice]]:
    """The rows of taps, and the columns, that lie inside the image together somewhere.

    Args:
        node: CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED, which has one tap.
    """
    window = None if node.op == "FULLY_CONNECTED" else kernel_window(node)
    if window is None or not window.reaches_outside:
        return [slice(None)], [slice(None)]
    return _along(window, 0), _along(window, 1)


def _along(window: Window, axis: int) -> list[slice]:
    """Taps inside the image along one axis, for each position near its two ends.

    Between them, where no tap is outside, all positions are alike.
    """
    stride, step = window.stride[axis], window.dilation[axis]
    count, size = window.output[axis], window.input[axis]
    near = window.span[axis] // stride + 2
    chosen = {*range(min(near, count)), *range(max(0, count - near), count)}
    cases = set()
    for position in chosen:
        origin = position * stride - window.pad[axis]
        first = max(0, -(origin // step))
        end = min(window.kernel[axis], -((origin - size) // step))
        cases.add((first, max(first, end)))
    return [slice(first, end) for first, end in sorted(cases)]


def _requantized(node: Node, sums: npt.NDArray[np.float64], bias: Int64Array) -> Int64Array:
    """Every channel with its own multiplier and shift."""
    whole = sums.astype(np.int64) + bias
    multipliers, shifts = weights.channel_multipliers(node)
    results = np.empty_like(whole)
    for shift in np.unique(shifts):
        here = shifts == shift
        results[here] = requantize(whole[here], multipliers[here], int(shift))
    return results + node.output.zero_point
