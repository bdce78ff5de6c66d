"""Where a training stands, in memory and on disk."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.training.trainee import Trainee, variables_behind

RIGHT = "right"
"""Key, in a checkpoint, of the bits of ``right_answers``."""


@dataclass
class State:
    """Where a training stands; everything that a continued training needs."""

    variables: list[Any]
    model_variables: list[Any]
    best: list[NDArray[Any]]
    epoch: int = 0
    losses: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    right: list[NDArray[np.uint8]] = field(default_factory=list)  # bits, one for each sample

    @classmethod
    def load_or_new(cls, checkpoint: Path, trainee: Trainee, optimizer: Any) -> State:
        """The state of a training that has not begun, or the one on disk if it fits."""
        model_variables = trainee.variables
        state = cls(
            [*model_variables, *variables_behind(optimizer.variables)],
            model_variables,
            best=[variable.numpy() for variable in model_variables],
        )
        if checkpoint.exists():
            state._load(checkpoint)
        return state

    def record(
        self, loss: float, validation_loss: float, score: float, right: NDArray[np.bool_]
    ) -> None:
        """Note a finished epoch, and its weights if they are the best so far."""
        if validation_loss < min(self.validation_losses, default=math.inf):
            self.best = [variable.numpy() for variable in self.model_variables]
        self.epoch += 1
        self.losses.append(loss)
        self.validation_losses.append(validation_loss)
        self.accuracies.append(score)
        self.right.append(np.packbits(right))

    def is_finished(self, patience: int | None) -> bool:
        """The best epoch lies ``patience`` epochs back."""
        if patience is None or not self.validation_losses:
            return False
        return self.epoch - int(np.argmin(self.validation_losses)) > patience

    def restore_best(self) -> None:
        """Return the network to the epoch of the lowest validation loss."""
        for variable, value in zip(self.model_variables, self.best, strict=True):
            variable.assign(value)

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays that no longer change."""
        arrays = {f"v{i}": variable.numpy() for i, variable in enumerate(self.variables)}
        arrays |= {f"b{i}": value for i, value in enumerate(self.best)}
        history = {
            "epoch": self.epoch,
            "losses": self.losses,
            "accuracies": self.accuracies,
            "validation_losses": self.validation_losses,
        }
        return {**arrays, RIGHT: np.array(self.right), "history": np.array(json.dumps(history))}

    def _load(self, checkpoint: Path) -> None:
        """Take over a checkpoint; one that is damaged or of another network is as good as none."""
        try:
            with checkpoint.open("rb") as file, np.load(file, allow_pickle=False) as saved:
                history = json.loads(str(saved["history"]))
                values = [saved[f"v{i}"] for i in range(len(self.variables))]
                best = [saved[f"b{i}"] for i in range(len(self.model_variables))]
                right = list(saved[RIGHT])
            if any(v.shape != x.shape for v, x in zip(self.variables, values, strict=True)):
                return
        except Exception:  # zipfile, zlib or NumPy, as the damage will have it
            return
        for variable, value in zip(self.variables, values, strict=True):
            variable.assign(value)
        self.best, self.right = best, right
        for name, value in history.items():
            setattr(self, name, value)


def write_checkpoint(checkpoint: Path, arrays: Mapping[str, Any]) -> None:
    """Write a snapshot under a temporary name, then rename it."""
    temporary = checkpoint.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.savez(file, **arrays)
    temporary.replace(checkpoint)


def right_answers(checkpoint: Path, samples: int) -> NDArray[np.bool_]:
    """Which validation samples were right after each epoch of a training.

    Args:
        checkpoint: What ``train`` left.
        samples: Size of the validation split.

    Returns:
        [epochs, samples].
    """
    with checkpoint.open("rb") as file, np.load(file, allow_pickle=False) as saved:
        bits: NDArray[np.uint8] = saved[RIGHT]
    return np.unpackbits(bits, axis=1, count=samples).astype(bool)
