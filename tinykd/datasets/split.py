"""Which training samples are kept for validation, so that every class is trained and judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.errors import DataError

DRAWS = 200
"""Ways to choose among groups that are tried."""

OTHERWISE = "taken in order they would leave a class without any"


@dataclass(frozen=True)
class HeldOut:
    """The choice.

    Attributes:
        mask: bool [n]; True for what is kept for validation.
        rule: How it was made, for people.
    """

    mask: NDArray[np.bool_]
    rule: str


def hold_out(
    labels: NDArray[Any], every: int, *, groups: NDArray[np.int64] | None = None
) -> HeldOut:
    """Keep every n-th sample, or group, in the order of the data if that serves every class.

    Data in a cycle of classes, or with rare ones, would lose a class in that way: then it is every
    n-th sample of each class in an order drawn with a fixed seed, or groups drawn until each class
    is on both sides. A class with a single sample is trained on.

    Args:
        labels: Classes as integers, [n]. All equal, they ask for nothing.
        every: One sample in so many is kept.
        groups: Number of each sample's group, from 0; a group is never divided. None: no groups.

    Raises:
        DataError: If, however groups are chosen, a class has no training sample left.
    """
    classes = np.unique(labels, return_inverse=True)[1]
    if groups is None:
        in_order = np.arange(len(labels)) % every == 0
        if _serves(in_order, classes, np.bincount(classes) > 1):
            return HeldOut(in_order, f"one sample in {every}, in the order of the data")
        rule = f"one sample in {every} of each class, drawn with a fixed seed: {OTHERWISE}"
        return HeldOut(_of_each_class(classes, every), rule)
    return _whole_groups(classes, groups, every)


def _of_each_class(classes: NDArray[np.int64], every: int) -> NDArray[np.bool_]:
    mask = np.zeros(len(classes), bool)
    rng = np.random.default_rng(0)
    for label in range(classes.max() + 1):
        members = rng.permutation(np.flatnonzero(classes == label))
        if len(members) > 1:
            mask[members[::every]] = True
    return mask


def _whole_groups(classes: NDArray[np.int64], groups: NDArray[np.int64], every: int) -> HeldOut:
    count = groups.max() + 1
    holders = np.zeros((count, classes.max() + 1), bool)
    holders[groups, classes] = True
    several = holders.sum(axis=0) > 1
    in_order = np.arange(count) % every == 0
    drawn = (np.random.default_rng(seed).permutation(in_order) for seed in range(DRAWS))
    ways = [in_order, *drawn]
    for judged in (several, np.zeros_like(several)):  # rather untested than untrained
        for number, chosen in enumerate(ways):
            mask = chosen[groups]
            if _serves(mask, classes, judged):
                how = "in their order" if number == 0 else f"drawn: {OTHERWISE}"
                return HeldOut(mask, f"one group in {every}, {how}")
    raise DataError(
        f"however one group in {every} is kept for validation, a class has no training sample "
        "left: its samples are of one group. Raise data.validation_every, or leave data.group_by "
        "out."
    )


def _serves(mask: NDArray[np.bool_], classes: NDArray[np.int64], judged: NDArray[np.bool_]) -> bool:
    """Whether every class is trained, and every one of ``judged`` is in validation."""
    count = len(judged)
    trained = np.bincount(classes[~mask], minlength=count) > 0
    seen = np.bincount(classes[mask], minlength=count) > 0
    return bool(trained.all() and seen[judged].all())
