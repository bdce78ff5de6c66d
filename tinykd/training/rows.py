"""Training rows in memory, and the order in which an epoch shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Rows:
    """Training rows in memory. A row is one view of one sample.

    Attributes:
        x: Raw samples, [views * samples, ...]; view ``v`` of sample ``i`` is ``v * samples + i``.
        labels: int32, [views * samples].
        teacher_logits: float32, [views * samples, classes]; the teacher saw the very same views.
        samples: Number of samples.
    """

    x: NDArray[Any]
    labels: NDArray[np.int32]
    teacher_logits: NDArray[np.float32]
    samples: int

    @classmethod
    def of_views(
        cls,
        views: Sequence[NDArray[Any]],
        labels: NDArray[np.int32],
        teacher_logits: NDArray[np.float32] | None = None,
    ) -> Rows:
        """Rows of a list of views, each [samples, ...]; without a teacher its logits are empty."""
        rows = np.concatenate(views)
        if teacher_logits is None:
            teacher_logits = np.zeros((len(rows), 0), np.float32)
        return cls(rows, np.tile(labels, len(views)), teacher_logits, len(labels))

    def order(self, *, batch_size: int, seed: int, epoch: int) -> NDArray[np.int32]:
        """Row numbers of one epoch: each sample once, in random order, in a random view.

        Returns:
            int32 [steps, batch]; samples that do not fill a batch wait for another epoch.
        """
        rng = np.random.default_rng((seed, epoch))
        views = rng.integers(len(self.x) // self.samples, size=self.samples)
        rows = rng.permutation(self.samples) + self.samples * views
        batch = min(batch_size, self.samples)
        steps = self.samples // batch
        return rows[: steps * batch].reshape(steps, batch).astype(np.int32)
