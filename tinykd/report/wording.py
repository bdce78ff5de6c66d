"""How numbers are written for people. The exact ones are in ``report.json``."""

from __future__ import annotations

import math

from tinykd.tasks import Metric

NONE = "–"
"""Stands in a table where there is no value."""

MINUS = "−"

METRIC_DIGITS = 4
"""Significant digits of a metric that is no share."""


def percent(share: float, samples: int) -> str:
    """Write a share of ``samples`` in percent, with the digits that so many samples can carry.

    Args:
        share: In [0, 1].
        samples: What it is a share of; one decimal below a thousand, two from there on.

    Example:
        >>> percent(0.98333, 360), percent(0.91234, 10_000)
        ('98.3', '91.23')
    """
    return f"{100 * share:.{_decimals(samples)}f}"


def points(difference: float, samples: int) -> str:
    """Write a difference of two shares in percentage points, with its sign.

    Example:
        >>> points(-0.0028, 360), points(0.0028, 360), points(-0.0001, 360)
        ('−0.3', '+0.3', '0.0')
    """
    return _signed(100 * difference, _decimals(samples))


def metric_value(metric: Metric, value: float, samples: int) -> str:
    """Write a metric of so many samples: a share in percent, others with four digits.

    Example:
        >>> metric_value(Metric("rmse", "RMSE", "RMSE", is_share=False), 53.4567, 110)
        '53.46'
    """
    return percent(value, samples) if metric.is_share else figures(value, METRIC_DIGITS)


def metric_difference(metric: Metric, difference: float, samples: int, *, beside: float) -> str:
    """Write a difference of two metrics with its sign: of shares in percentage points.

    Args:
        metric: What was measured.
        difference: Of two models.
        samples: Of which it is a share.
        beside: One of the two; a difference that is no share has as many decimals.

    Example:
        >>> rmse = Metric("rmse", "RMSE", "RMSE", is_share=False)
        >>> metric_difference(rmse, -0.5, 110, beside=53.4)
        '−0.50'
    """
    if metric.is_share:
        return points(difference, samples)
    return _signed(difference, _figures_decimals(beside, METRIC_DIGITS))


def _signed(difference: float, decimals: int) -> str:
    rounded = round(difference, decimals)
    size = f"{abs(rounded):,.{decimals}f}"
    if rounded == 0:
        return size
    return (MINUS if rounded < 0 else "+") + size


def _decimals(samples: int) -> int:
    return 1 if samples < 1000 else 2


def figures(value: float, digits: int = 3) -> str:
    """Write a positive number with ``digits`` significant digits and no exponent.

    Example:
        >>> [figures(value) for value in (0.04567, 3.14159, 99.96, 250.4, 16384)]
        ['0.0457', '3.14', '100', '250', '16,384']
    """
    if value == 0:
        return "0"
    return f"{value:,.{_figures_decimals(value, digits)}f}"


def _figures_decimals(value: float, digits: int) -> int:
    """Decimals that so many significant digits of a number have."""
    if value == 0:
        return digits - 1
    rounded = float(f"{value:.{digits - 1}e}")
    return max(0, digits - 1 - math.floor(math.log10(abs(rounded))))


def kib(size_bytes: int) -> str:
    """Write bytes in KiB, without the unit, with two decimals at most.

    Example:
        >>> kib(72), kib(32_000), kib(983_040)
        ('0.07', '31.2', '960')
    """
    size = size_bytes / 1024
    return f"{size:.2f}" if 0 < size < 1 else figures(size)


def milliseconds(time_us: float) -> str:
    """Write microseconds in milliseconds, without the unit.

    Example:
        >>> milliseconds(3_456.7)
        '3.46'
    """
    return figures(time_us / 1000)


def short_count(value: int) -> str:
    """Write a count in thousands or millions from ten thousand on.

    Example:
        >>> short_count(6_410), short_count(64_100), short_count(1_234_567)
        ('6,410', '64.1 k', '1.23 M')
    """
    if value < 10_000:
        return f"{value:,}"
    if value < 1_000_000:
        return f"{figures(value / 1000)} k"
    return f"{figures(value / 1_000_000)} M"


def duration(seconds: float) -> str:
    """Write a wall time.

    Example:
        >>> duration(0.04), duration(7.26), duration(119.7), duration(7322)
        ('0.04 s', '7.3 s', '2 min 0 s', '2 h 2 min')
    """
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def clock(clock_hz: int) -> str:
    """Write a clock in MHz, with the unit.

    Example:
        >>> clock(64_000_000)
        '64 MHz'
    """
    return f"{clock_hz / 1e6:g} MHz"


def layer_name(tensor: str, width: int = 32) -> str:
    """The telling part of a tensor's name: TFLite joins those of fused operators by semicolons.

    Example:
        >>> layer_name("net/act/Relu;net/bn/Fused;net/conv/BiasAdd"), layer_name("a" * 40, 8)
        ('net/act/Relu', '…aaaaaaa')
    """
    first = tensor.split(";", maxsplit=1)[0]
    return first if len(first) <= width else "…" + first[1 - width :]


def shape(dimensions: tuple[int, ...]) -> str:
    """Write a shape.

    Example:
        >>> shape((28, 28, 1))
        '28×28×1'
    """
    return "×".join(str(size) for size in dimensions)
