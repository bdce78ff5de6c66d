"""Intervals: the values that each channel of a tensor can take at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from firmware_export.ir import Tensor
from firmware_export.numerics import INT8_MAX, INT8_MIN, Int64Array


@dataclass(frozen=True)
class Intervals:
    """Lowest and highest value of each channel, at any position and for any input of the model.

    A channel is an index into the last dimension.

    Attributes:
        low: int64 [channels].
        high: int64 [channels], not below ``low``.
    """

    low: Int64Array
    high: Int64Array

    @property
    def constant(self) -> npt.NDArray[np.bool_]:
        """Which channels have one value everywhere: bool [channels]."""
        return np.equal(self.low, self.high)

    def union(self, other: Intervals) -> Intervals:
        """What holds the values of both, channel by channel."""
        return Intervals(np.minimum(self.low, other.low), np.maximum(self.high, other.high))

    def at(self, channels: npt.NDArray[np.int64]) -> Intervals:
        """The channels that are named, in that order."""
        return Intervals(self.low[channels], self.high[channels])

    def spread(self, count: int) -> Intervals:
        """``count`` channels, each of which may have the values of all of these."""
        return between(int(self.low.min()), int(self.high.max()), count)


def between(low: int, high: int, channels: int) -> Intervals:
    """The same interval for each channel.

    Example:
        >>> between(-1, 5, 2).high.tolist()
        [5, 5]
    """
    return Intervals(np.full(channels, low, np.int64), np.full(channels, high, np.int64))


def channels_of(tensor: Tensor) -> int:
    """Extent of the last dimension; 1 for a single value."""
    return tensor.shape[-1] if tensor.shape else 1


def any_int8(tensor: Tensor) -> Intervals:
    """What is known of a tensor of which nothing is known."""
    return between(INT8_MIN, INT8_MAX, channels_of(tensor))


def of_constant(tensor: Tensor) -> Intervals:
    """The values that a constant has along its other dimensions."""
    rows = tensor.values.reshape(-1, channels_of(tensor)).astype(np.int64)
    return Intervals(rows.min(axis=0), rows.max(axis=0))
