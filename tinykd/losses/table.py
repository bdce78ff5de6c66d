"""The ``LOSSES`` table: what a student can be told by its teacher, and where that makes sense."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tinykd.errors import ConfigError
from tinykd.lesson import Lesson
from tinykd.losses.correlation import correlation_distance
from tinykd.losses.decoupled import decoupled_kl
from tinykd.losses.features import attention, hint, relations
from tinykd.losses.soft_targets import (
    centred_mse,
    soft_target_cross_entropy,
    soft_target_kl,
    standardized_kl,
)
from tinykd.losses.tasks import (
    anomaly_score,
    bounded_distance,
    multi_label_kl,
    squared_distance,
)

Needs = Literal["logits", "logits and labels", "hints", "maps", "features"]

ARGUMENTS: dict[Needs, Callable[[Lesson], list[tuple[Any, ...]]]] = {
    "logits": lambda lesson: [(lesson.student_logits, lesson.teacher_logits)],
    "logits and labels": lambda lesson: [
        (lesson.student_logits, lesson.teacher_logits, lesson.supposed_labels)
    ],
    "hints": lambda lesson: [(pair.adapted, pair.teacher) for pair in lesson.features],
    "maps": lambda lesson: [(pair.student, pair.teacher) for pair in lesson.features],
    "features": lambda lesson: [(pair.student, pair.teacher) for pair in lesson.features],
}
"""What a loss is called with, once or once for each pair of layers."""


@dataclass(frozen=True)
class Loss:
    """One row of the table.

    Attributes:
        compute: A pure function of what ``needs`` names, and of the options.
        paper: First author and year; the function's docstring has the equation.
        needs: ``hints`` and ``maps`` are features with an adaptor, or with more than one position.
        task: Row of ``TASKS`` that it is for.
        options: Its parameters, with the values that the paper or our measurements suggest.
        weight: Of this term when it is used alone, beside ``labels``.
        labels: Weight of the loss on labels then.
        min_classes: Fewer say nothing, for the reason ``few_classes``.
        few_classes: What is wrong with fewer classes.
    """

    compute: Callable[..., Any]
    paper: str
    needs: Needs = "logits"
    task: str = "classification"
    options: Mapping[str, float] = field(default_factory=dict)
    weight: float = 1.0
    labels: float = 1.0
    min_classes: int = 2
    few_classes: str = ""

    @property
    def compares_features(self) -> bool:
        """Whether it looks inside both networks: the teacher must run beside the student then."""
        return self.needs in {"hints", "maps", "features"}

    def __call__(self, lesson: Lesson, **options: float) -> Any:
        """The loss of one batch; the sum over pairs of layers where it compares features."""
        parts = [self.compute(*arguments, **options) for arguments in ARGUMENTS[self.needs](lesson)]
        return sum(parts[1:], start=parts[0])


LOSSES: dict[str, Loss] = {
    "kd": Loss(
        soft_target_kl, "Hinton 2015", options={"temperature": 2.0}, weight=0.98, labels=0.02
    ),
    "kd_ce": Loss(
        soft_target_cross_entropy,
        "Hinton 2015",
        options={"temperature": 2.0},
        weight=0.98,
        labels=0.02,
    ),
    "mse_logits": Loss(centred_mse, "Ba 2014", weight=0.9, labels=0.1),
    "ls_kd": Loss(
        standardized_kl,
        "Sun 2024",
        options={"temperature": 2.0},
        weight=0.99,
        labels=0.01,
        min_classes=3,
        few_classes="two standardised logits are always -1 and 1, whatever the teacher says",
    ),
    "dkd": Loss(
        decoupled_kl,
        "Zhao 2022",
        needs="logits and labels",
        options={"temperature": 4.0, "alpha": 1.0, "beta": 8.0},
        min_classes=3,
        few_classes="with two classes only one is left beside the label, and its part is always 0",
    ),
    "dist": Loss(
        correlation_distance,
        "Huang 2022",
        options={"temperature": 1.0, "beta": 1.0, "gamma": 1.0},
        min_classes=3,
        few_classes="the correlation of two probabilities is always -1 or 1",
    ),
    "hint": Loss(hint, "Romero 2015", needs="hints", weight=100.0),
    "attention": Loss(attention, "Zagoruyko 2017", needs="maps", weight=10.0),
    "rkd": Loss(
        relations, "Park 2019", needs="features", options={"distance": 25.0, "angle": 50.0}
    ),
    "regression": Loss(
        squared_distance, "Ba 2014", task="regression", weight=0.5, labels=0.5, min_classes=1
    ),
    "bounded_regression": Loss(
        bounded_distance,
        "Chen 2017",
        needs="logits and labels",
        task="regression",
        options={"margin": 0.0},
        weight=0.5,
        labels=0.5,
        min_classes=1,
    ),
    "multi_label": Loss(
        multi_label_kl,
        "Hinton 2015",
        task="multi_label",
        options={"temperature": 1.0},
        weight=0.5,
        labels=0.5,
        min_classes=1,
    ),
    "reconstruction": Loss(squared_distance, "Ba 2014", task="anomaly", min_classes=1),
    "score": Loss(
        anomaly_score,
        "Pol 2023",
        task="regression",
        options={"delta": 1.0},
        labels=0.0,
        min_classes=1,
    ),
}
"""Default weights and options worked for students of 500 to 130,000 parameters, or are the paper's.

With standardised logits three classes are the least that say anything; ``auto`` asks for four.
"""


def find_loss(name: str, *, classes: int, task: str = "classification") -> Loss:
    """A row of the table that suits the task.

    Args:
        name: Key of ``LOSSES``.
        classes: Number of logits.
        task: Row of ``TASKS``.

    Raises:
        ConfigError: If there is no such loss, or it says nothing here.
    """
    if name not in LOSSES:
        raise ConfigError(f"there is no loss '{name}'. Losses: {', '.join(sorted(LOSSES))}.")
    loss = LOSSES[name]
    if loss.task != task:
        suitable = ", ".join(key for key, row in LOSSES.items() if row.task == task)
        raise ConfigError(f"loss '{name}' is for {loss.task}, not for {task}. Use: {suitable}.")
    if classes < loss.min_classes:
        raise ConfigError(
            f"loss '{name}' says nothing with {classes} classes: {loss.few_classes}. "
            "Use 'kd' with temperature 1 or 2."
        )
    return loss
