"""Augmentation as a finite table of views, so that a teacher's answers to all can be kept.

The teacher must see exactly what the student sees. With a finite number of views it does, and is
still asked only once for each: afterwards its answers cost nothing in a training step.

Source: Beyer et al., "Knowledge distillation: A good teacher is patient and consistent", CVPR 2022.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[Any]


def no_views(x: Samples) -> list[Samples]:
    """The samples as they are."""
    return [x]


def shifted_views(x: Samples) -> list[Samples]:
    """Images moved by up to one pixel in each direction; signals by up to two steps in time.

    Args:
        x: [n, height, width, channels], [n, length, channels] or [n, features].

    Returns:
        The samples themselves first, then their shifts, each of the shape of ``x``. Features have
        no neighbourhood: they stay alone.
    """
    if x.ndim == 2:
        return [x]
    if x.ndim == 3:
        return [x, *(_shift(x, (step,)) for step in (-2, -1, 1, 2))]
    steps = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]
    return [x, *(_shift(x, step) for step in steps)]


VIEWS: dict[str, Callable[[Samples], list[Samples]]] = {
    "none": no_views,
    "shift": shifted_views,
}


def _shift(x: Samples, steps: tuple[int, ...]) -> Samples:
    """Move the axes after the first; what comes in repeats the border."""
    pad = max(abs(step) for step in steps)
    axes = len(steps)
    widths = [(0, 0), *[(pad, pad)] * axes, *[(0, 0)] * (x.ndim - 1 - axes)]
    window = tuple(
        slice(pad - step, pad - step + extent)
        for step, extent in zip(steps, x.shape[1 : 1 + axes], strict=True)
    )
    return np.pad(x, widths, mode="edge")[(slice(None), *window)]
