"""A student that was trained, and by whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.results import TrainingCurve
from tinykd.training import Trainee, predict


@dataclass(frozen=True)
class Pupil:
    """A student that was trained.

    Attributes:
        name: For its checkpoint.
        taught_by: ``teacher``, or the link of the chain before it.
        trainee: The network, and how it is fed.
        curve: Its training.
        validation_accuracy: Top-1 in [0, 1].
    """

    name: str
    taught_by: str
    trainee: Trainee
    curve: TrainingCurve
    validation_accuracy: float

    def answer(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """Its logits for raw samples."""
        return predict(self.trainee, x)
