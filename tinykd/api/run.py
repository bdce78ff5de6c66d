"""What all trainings of one student share: from the same weights, on the same samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from tinykd.api.data import Split
from tinykd.api.resume import resumable
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

    def resumable(
        self, folder: Path | str | None, objective: Objective
    ) -> AbstractContextManager[Path]:
        """A folder for the state of all trainings of one call, as ``resume.resumable`` gives it."""
        settings = (self.config, objective, self.seed)
        return resumable(folder, settings, self.rows, self.split, self.start)

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
