"""How wide students can be: channels of each architecture, and the widths that differ in them."""

from __future__ import annotations

from tinykd.config import WIDTHS

CHANNELS: dict[str, tuple[int, ...]] = {
    "mlp": (32, 32),
    "ds_cnn": (16, 32, 48, 64),
    "resnet8": (16, 32, 64),
    "cnn1d": (16, 32, 64),
    "autoencoder": (64, 8, 64),
}
"""Channels, or units, of the layers of each architecture at width 1, from the input on."""


def channels(architecture: str, width: float) -> tuple[int, ...]:
    """Channels at a width; multiples of four, which the SIMD kernels want.

    Example:
        >>> channels("ds_cnn", 0.5)
        (8, 16, 24, 32)
    """
    return tuple(max(4, 4 * round(base * width / 4)) for base in CHANNELS[architecture])


def distinct_widths(architecture: str) -> tuple[float, ...]:
    """Widths that give other channels each, in hundredths, from the narrowest to the widest.

    Example:
        >>> distinct_widths("mlp")[:4]
        (0.1, 0.19, 0.32, 0.44)
    """
    narrowest, widest = (round(100 * width) for width in WIDTHS)
    first: dict[tuple[int, ...], float] = {}
    for hundredths in range(narrowest, widest + 1):
        first.setdefault(channels(architecture, hundredths / 100), hundredths / 100)
    return tuple(first.values())
