"""Training rows in memory, and the order in which an epoch shows them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.lesson import UNLABELLED, Mixture


@dataclass(frozen=True)
class Rows:
    """Training rows in memory. A row is one view of one sample.

    Attributes:
        x: Raw samples, [views * samples, ...]; view ``v`` of sample ``i`` is ``v * samples + i``.
        labels: What is said of each row, [views * samples] or [views * samples, outputs].
        teacher_logits: float32, [views * samples, classes]; the teacher saw the very same views.
        samples: Number of samples.
        mixture: Second label of rows that are mixed of two samples, and the share of the first,
            [views * samples]; None where none is.
        pool: Rows without labels that are mixed into every step.
        pool_ratio: Rows of the pool for each row with a label.
    """

    x: NDArray[Any]
    labels: NDArray[Any]
    teacher_logits: NDArray[np.float32]
    samples: int
    mixture: Mixture | None = None
    pool: Rows | None = None
    pool_ratio: float = 1.0

    @classmethod
    def of_views(
        cls,
        views: Sequence[NDArray[Any]],
        labels: NDArray[Any],
        teacher_logits: NDArray[np.float32] | None = None,
        mixture: Mixture | None = None,
    ) -> Rows:
        """Rows of a list of views, each [samples, ...]; without a teacher its logits are empty.

        Labels are those of the samples, or of every row where views differ in them; ``mixture``
        names, in place of second labels, the samples that have them.
        """
        rows, samples = np.concatenate(views), len(views[0])
        if teacher_logits is None:
            teacher_logits = np.zeros((len(rows), 0), np.float32)
        if mixture is not None:
            mixture = Mixture(labels[mixture.labels], mixture.share)
        if len(labels) == samples:
            labels = np.concatenate([labels] * len(views))
        return cls(rows, labels, teacher_logits, samples, mixture)

    def with_pool(
        self,
        views: Sequence[NDArray[Any]],
        teacher_logits: NDArray[np.float32],
        *,
        ratio: float = 1.0,
    ) -> Rows:
        """The same rows, and in every step ``ratio`` times as many that only the teacher labels."""
        unlabelled = np.full(len(views[0]), UNLABELLED, np.int32)
        pool = Rows.of_views(views, unlabelled, teacher_logits)
        return replace(self, pool=pool, pool_ratio=ratio)

    @property
    def views(self) -> int:
        """Number of views of each sample."""
        return len(self.x) // self.samples

    def without_pool(self) -> Rows:
        """The rows that have labels, in the same order and in as many steps."""
        return replace(self, pool=None)

    def answered_by(self, answer: Callable[[NDArray[Any]], NDArray[np.float32]]) -> Rows:
        """The same rows, with the logits of another teacher for every one of them."""
        pool = None if self.pool is None else self.pool.answered_by(answer)
        return replace(self, teacher_logits=answer(self.x), pool=pool)

    def labelled_in(self, batch_size: int) -> int | None:
        """Rows of a step that have labels; None: all of them."""
        return None if self.pool is None else min(batch_size, self.samples)

    def order(self, *, batch_size: int, seed: int, epoch: int) -> NDArray[np.int32]:
        """Row numbers of one epoch: each sample once, in random order, in a random view.

        Rows of the pool are numbered after the others. An epoch draws as many as it needs: a large
        pool is seen over several epochs, a small one several times in each.

        Returns:
            int32 [steps, batch + drawn from the pool]; samples that do not fill a batch wait for
            another epoch.
        """
        rng = np.random.default_rng((seed, epoch))
        rows = self._draw(rng, self.samples)
        batch = min(batch_size, self.samples)
        steps = self.samples // batch
        order = rows[: steps * batch].reshape(steps, batch)
        if self.pool is not None:
            drawn = max(1, round(self.pool_ratio * batch))
            unlabelled = len(self.x) + self.pool._draw(rng, steps * drawn)
            order = np.concatenate([order, unlabelled.reshape(steps, drawn)], axis=1)
        return order.astype(np.int32)

    def shown(self, *, batch_size: int, seed: int, epochs: int) -> NDArray[np.int32]:
        """Numbers of the rows that so many epochs show, as ``order`` has them: [n], ascending."""
        is_shown = np.zeros(len(self.x) + (0 if self.pool is None else len(self.pool.x)), bool)
        for epoch in range(epochs):
            is_shown[self.order(batch_size=batch_size, seed=seed, epoch=epoch)] = True
        return np.flatnonzero(is_shown).astype(np.int32)

    def _draw(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        """So many row numbers in random views; no sample again before all have been drawn."""
        views = rng.integers(self.views, size=count)
        rounds = [rng.permutation(self.samples) for _ in range(math.ceil(count / self.samples))]
        return np.concatenate(rounds)[:count] + self.samples * views
