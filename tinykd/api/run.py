"""What all trainings of one student share: from the same weights, on the same samples."""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinykd.api.data import Split
from tinykd.config import DistillConfig
from tinykd.losses import Objective
from tinykd.progress import Progress
from tinykd.results import TrainingCurve
from tinykd.training import (
    Rows,
    Schedule,
    Trainee,
    make_deterministic,
    predict,
    train,
)

Watch = Callable[[str, int, float], None]
"""Told the name of a training, its finished epochs, and its score on validation."""


def ignore(_training: str, _epoch: int, _score: float) -> None:
    """Nobody watches."""


@dataclass
class Best:
    """The best weights of all trainings so far, for a student that is interrupted.

    Attributes:
        score: On validation; the more, the better.
        weights: Of the whole student; none before anything was trained.
    """

    score: float = -math.inf
    weights: list[NDArray[Any]] = field(default_factory=list)

    def offer(self, score: float, weights: list[NDArray[Any]]) -> None:
        """Keep these weights if they are better."""
        if score > self.score:
            self.score, self.weights = score, weights


@dataclass(frozen=True)
class Run:
    """Everything that all trainings share."""

    trainee: Trainee
    rows: Rows
    split: Split
    config: DistillConfig
    classes: int
    seed: int
    start: tuple[NDArray[Any], ...]
    progress: Progress
    watch: Watch = ignore
    best: Best = field(default_factory=Best)

    def learn(
        self,
        name: Literal["student", "scratch"],
        objective: Objective,
        checkpoint: Path,
        until: int | None = None,
    ) -> Learned:
        """Train once from the start, or from the checkpoint if it is there."""
        config, model = self.config, self.trainee.model
        model.set_weights(list(self.start))
        make_deterministic(self.seed)
        taps = self.trainee.taps if objective.compares_features else None
        trainee = replace(self.trainee, name=name, taps=taps)
        what = objective.described if until is None else f"race, {checkpoint.stem}"
        with self.progress.task(f"student: {what}", until or config.epochs) as advance:
            try:
                curve = train(
                    trainee,
                    objective,
                    self.rows if objective.terms else self.rows.without_pool(),
                    validation=(self.split.x_validation, self.split.y_validation),
                    schedule=Schedule.of_student(config),
                    seed=self.seed,
                    checkpoint=checkpoint,
                    advance=advance,
                    until=until,
                    task=self.split.task,
                    watch=lambda epoch, reached: self.watch(checkpoint.stem, epoch, reached),
                )
            except KeyboardInterrupt:  # the network has the best weights of this training so far
                self._offer(trainee)
                raise
        return Learned(curve, self._offer(trainee), model.get_weights())

    def _offer(self, trainee: Trainee) -> float:
        """The score on validation, of weights that may be the best so far."""
        answers = predict(trainee, self.split.x_validation)
        reached = self.split.task.score(answers, self.split.y_validation)
        self.best.offer(reached, trainee.model.get_weights())
        return reached


@dataclass(frozen=True)
class Learned:
    """What one training came to."""

    curve: TrainingCurve
    validation_accuracy: float
    weights: list[NDArray[Any]]


@contextmanager
def checkpoints(folder: Path | str | None, run: Run, objective: Objective) -> Iterator[Path]:
    """A folder for the state, named by all that the training depends on; it goes when that is over.

    Args:
        folder: Where it is made; None forgets it even if the training is stopped.
        run: What all trainings share.
        objective: What the student learns.
    """
    if folder is None:
        with tempfile.TemporaryDirectory() as temporary:
            yield Path(temporary)
        return
    place = Path(folder) / _fingerprint(run, objective)
    place.mkdir(parents=True, exist_ok=True)
    yield place
    for checkpoint in place.glob("*.npz"):
        checkpoint.unlink()
    place.rmdir()


def _fingerprint(run: Run, objective: Objective) -> str:
    digest = hashlib.sha256(f"{run.config!r} {objective!r} {run.seed}".encode())
    split = run.split
    arrays: tuple[NDArray[Any], ...] = (run.rows.x, run.rows.labels, run.rows.teacher_logits)
    if run.rows.pool is not None:
        arrays += (run.rows.pool.x, run.rows.pool.teacher_logits)
    for array in (*arrays, split.x_validation, split.y_validation, *run.start):
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]
