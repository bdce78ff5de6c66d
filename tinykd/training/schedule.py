"""How long a training is, how large its steps are, and when it stops."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tinykd.config import DistillConfig


@dataclass(frozen=True)
class Schedule:
    """Length, step size and stopping rule of one training.

    Attributes:
        epochs: At most so many.
        batch_size: Samples in one step.
        learning_rate: Peak.
        warmup_fraction: Share of the steps in which the learning rate rises from 0.
        weight_decay: Decoupled, applied to kernels only.
        patience: Stop when validation has not improved for so many epochs, and return to the best;
            None runs to the end and keeps the last weights.
        frozen_fraction: Share of the epochs, at the end, after ``freeze`` has been called.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    warmup_fraction: float = 0.05
    weight_decay: float = 0.0
    patience: int | None = None
    frozen_fraction: float = 0.0

    @classmethod
    def of_student(cls, config: DistillConfig) -> Schedule:
        """The schedule of every student, with a teacher or without: it runs to the end."""
        return cls(
            epochs=config.epochs,
            batch_size=config.batch_size,
            learning_rate=config.learning_rate,
            warmup_fraction=config.warmup_fraction,
            weight_decay=config.weight_decay,
        )

    def learning_rate_at(self, step: Any, steps: int) -> Any:
        """Linear warm-up, then half a cosine to zero. ``step`` is a float tensor."""
        warmup = max(1.0, self.warmup_fraction * steps)
        cosine = 0.5 * (1.0 + tf.cos(math.pi * (step - warmup) / max(1.0, steps - warmup)))
        return self.learning_rate * tf.where(step < warmup, (step + 1.0) / warmup, cosine)
