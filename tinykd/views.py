"""Augmentation as a finite table of views, so that a teacher's answers to all can be kept.

The teacher must see exactly what the student sees. With a finite number of views it does, and is
still asked only once for each: afterwards its answers cost nothing in a training step. That holds
for erased and for mixed samples too: which part and which pair is drawn once for each view, the
same for every seed of a build, so that all of them share the answers.

Source: Beyer et al., "Knowledge distillation: A good teacher is patient and consistent", CVPR 2022.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.errors import ConfigError
from tinykd.lesson import Mixture

Samples = NDArray[Any]

NEEDED: dict[str, tuple[str, tuple[int, ...]]] = {
    "flip": ("mirrors images", (4,)),
    "jitter": ("adds noise to signals", (3,)),
    "cutout": ("erases a part of images or signals", (3, 4)),
}
"""What a view does, and how many axes its samples may have; the others take any."""

FEWEST = 4
"""So many noisy, erased or mixed views at least; as many as there are others, if these are more."""

NOISE = 0.05
"""Of the jitter, as a share of each channel's deviation over all samples."""

LOUDNESS = 0.1
"""Deviation of what a noisy sample's distance from its mean is multiplied by."""

CUTOUT_SHARE = 0.25
"""Side of the square that is erased, as a share of the image's: 8 of 32 pixels in the paper."""

MIXUP_ALPHA = 0.2
"""Of the beta distribution of the shares: mostly one sample with a little of another."""


@dataclass(frozen=True)
class Views:
    """Every view of some samples.

    Attributes:
        x: One array for each view, each [n, ...]; the first is the samples themselves.
        mixture: Of the rows of all views, one view after the other, [views * n]: its ``labels`` are
            the numbers of the samples that were mixed in. None where none was.
    """

    x: tuple[Samples, ...]
    mixture: Mixture | None = None


def make_views(x: Samples, augment: Sequence[str]) -> Views:
    """The samples, and what the chosen rows of ``VIEWS`` make of them, in the table's order.

    Args:
        x: [n, height, width, channels], [n, length, channels] or [n, features].
        augment: Keys of ``VIEWS``; none of them gives the samples alone.

    Raises:
        ConfigError: If one of them does nothing to such samples.
    """
    for name, (does, axes) in NEEDED.items():
        if name in augment and x.ndim not in axes:
            raise ConfigError(
                f"distill.augment: '{name}' {does}, and a sample here has the shape {x.shape[1:]}. "
                "Leave it out, or give images as [n, height, width, channels], signals as "
                "[n, length, channels]."
            )
    views = Views((x,))
    for name, extend in VIEWS.items():
        if name in augment:
            views = extend(views)
    return views


def shift(views: Views) -> Views:
    """Images moved by up to one pixel in each direction; signals by up to two steps in time.

    What comes in repeats the border. Features have no neighbourhood: they stay alone.
    """
    steps: dict[int, list[tuple[int, ...]]] = {
        3: [(step,) for step in (-2, -1, 1, 2)],
        4: [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)],
    }
    moves = steps.get(views.x[0].ndim, [])
    return Views(tuple(moved for x in views.x for moved in (x, *(_move(x, m) for m in moves))))


def flip(views: Views) -> Views:
    """Every view and its mirror image, left and right exchanged.

    Not for digits or text, of which the mirror image is another sign or none.
    """
    return Views((*views.x, *(x[:, :, ::-1].copy() for x in views.x)))


def jitter(views: Views) -> Views:
    """As many views of signals with noise on every value, each a little stronger or weaker.

    What leaves the range of whole numbers is set to its end.

    Source: Um et al., "Data Augmentation of Wearable Sensor Data for Parkinson's Disease Monitoring
    using Convolutional Neural Networks", ICMI 2017, section 3: jittering and scaling.
    """
    spread = views.x[0].std(axis=(0, 1), dtype=np.float32)
    return Views((*views.x, *(_disturb(x, spread, number) for number, x in _repeat(views.x))))


def cutout(views: Views) -> Views:
    """As many views with a square erased, of signals a stretch of time.

    The square is anywhere, also half outside, and has the mean of the sample in each channel: zero
    in the paper, after normalization.

    Source: DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with
    Cutout", 2017, section 3.2.
    """
    return Views((*views.x, *(_erase(x, number) for number, x in _repeat(views.x))))


def mixup(views: Views) -> Views:
    """As many views of pairs: a share of at least a half of each sample, the rest of another.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018, equation 1.
    """
    x, samples = views.x, len(views.x[0])
    alone = Mixture(np.tile(np.arange(samples), len(x)), np.ones(len(x) * samples, np.float32))
    parts, mixed = [alone], []
    for number, view in _repeat(x):
        rng = np.random.default_rng(number)
        share = rng.beta(MIXUP_ALPHA, MIXUP_ALPHA, samples).astype(np.float32)
        pairs = Mixture(rng.permutation(samples), np.maximum(share, 1 - share))
        parts.append(pairs)
        mixed.append(_mix(view, pairs))
    return Views(
        (*x, *mixed),
        Mixture(
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.share for part in parts]),
        ),
    )


VIEWS: dict[str, Callable[[Views], Views]] = {
    "shift": shift,
    "flip": flip,
    "jitter": jitter,
    "cutout": cutout,
    "mixup": mixup,
}
"""What ``distill.augment`` may name, in the order in which they build on one another."""


def _repeat(views: tuple[Samples, ...]) -> list[tuple[int, Samples]]:
    """The views, numbered, over again until they are ``FEWEST``."""
    return [(number, views[number % len(views)]) for number in range(max(FEWEST, len(views)))]


def _move(x: Samples, steps: tuple[int, ...]) -> Samples:
    """Move the axes after the first; what comes in repeats the border."""
    pad = max(abs(step) for step in steps)
    axes = len(steps)
    widths = [(0, 0), *[(pad, pad)] * axes, *[(0, 0)] * (x.ndim - 1 - axes)]
    window = tuple(
        slice(pad - step, pad - step + extent)
        for step, extent in zip(steps, x.shape[1 : 1 + axes], strict=True)
    )
    return np.pad(x, widths, mode="edge")[(slice(None), *window)]


def _disturb(x: Samples, spread: NDArray[np.float32], seed: int) -> Samples:
    """Signals [n, length, channels] under noise of ``NOISE`` of ``spread``, [channels]."""
    rng = np.random.default_rng(seed)
    mean = x.mean(axis=1, keepdims=True, dtype=np.float32)
    factor = rng.normal(1.0, LOUDNESS, (len(x), 1, 1)).astype(np.float32)
    noise = NOISE * spread * rng.standard_normal(x.shape, np.float32)
    return _as(mean + factor * (x - mean) + noise, x.dtype)


def _erase(x: Samples, seed: int) -> Samples:
    """Another place in each sample, [n, ...]."""
    rng = np.random.default_rng(seed)
    inside = np.ones((len(x), *[1] * (x.ndim - 1)), bool)
    for axis in range(1, x.ndim - 1):
        extent = x.shape[axis]
        side = max(1, round(CUTOUT_SHARE * extent))
        along = np.arange(extent) - (rng.integers(extent, size=len(x)) - side // 2)[:, None]
        shape = [extent if other == axis else 1 for other in range(1, x.ndim)]
        inside = inside & ((along >= 0) & (along < side)).reshape(len(x), *shape)
    mean = x.mean(axis=tuple(range(1, x.ndim - 1)), keepdims=True, dtype=np.float32)
    return np.where(inside, _as(mean, x.dtype), x)


def _mix(x: Samples, pairs: Mixture) -> Samples:
    share = pairs.share.reshape(-1, *[1] * (x.ndim - 1))
    return _as(share * x + (1 - share) * x[pairs.labels], x.dtype)


def _as(values: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Of the samples' type; whole numbers are rounded, and stay within their range."""
    if dtype.kind in "iu":
        values = np.clip(np.rint(values), np.iinfo(dtype).min, np.iinfo(dtype).max)
    return values.astype(dtype)
