"""What a training minimises: a weighted sum of the labels and of rows of ``LOSSES``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import tensorflow as tf

from tinykd.config import DistillConfig, TaskName
from tinykd.errors import ConfigError
from tinykd.lesson import Lesson
from tinykd.losses.candidates import find_candidates
from tinykd.losses.table import LOSSES, Loss, find_loss
from tinykd.tasks import TASKS

LABELS = "labels"
"""Name of the loss on labels (of classes, the cross-entropy) in a weighted sum."""

WARMUP = "warmup_epochs"
"""Option of every term: its weight rises from zero in so many epochs."""


@dataclass(frozen=True)
class Term:
    """One loss in a sum.

    Attributes:
        name: Row of ``LOSSES``.
        weight: Not negative.
        options: Parameters of the loss, such as its temperature.
        warmup_epochs: The weight rises linearly in so many epochs; 0 has it whole at once.
    """

    name: str
    weight: float
    options: Mapping[str, float] = field(default_factory=dict)
    warmup_epochs: float = 0.0

    @property
    def loss(self) -> Loss:
        """Its row of the table."""
        return LOSSES[self.name]

    def weight_at(self, epoch: Any) -> Any:
        """Source: Zhao et al., "Decoupled Knowledge Distillation", 2022, supplement."""
        if self.warmup_epochs == 0.0:
            return self.weight
        return self.weight * tf.minimum(1.0, tf.cast(epoch, tf.float32) / self.warmup_epochs)


@dataclass(frozen=True)
class Objective:
    """A weighted sum: ``labels * cross-entropy + sum of weight * loss``.

    The cross-entropy, or what another task has in its place, is the mean over the rows that have
    labels, a loss the mean over all rows.

    Attributes:
        labels: Weight of the cross-entropy with the labels.
        terms: What the teacher says; none of them trains on labels alone.
        task: Row of ``TASKS``.
    """

    labels: float
    terms: tuple[Term, ...] = ()
    task: TaskName = "classification"

    def __call__(self, lesson: Lesson) -> Any:
        """Mean over the batch, a scalar."""
        label_loss = TASKS[self.task].label_loss
        total = self.labels * label_loss(*lesson.with_labels, lesson.mixture)
        for term in self.terms:
            if term.weight == 0.0:
                continue
            total += term.weight_at(lesson.epoch) * term.loss(lesson, **term.options)
        return total

    @property
    def name(self) -> str:
        """The losses as people read them, such as ``ls_kd + attention``."""
        return " + ".join(term.name for term in self.terms) or LABELS

    @property
    def described(self) -> str:
        """What a student learns from, for who watches the training."""
        return f"with its teacher ({self.name})" if self.terms else "without a teacher"

    @property
    def temperature(self) -> float:
        """Of the first loss that has one; 1 where none has."""
        found = [
            term.options["temperature"] for term in self.terms if "temperature" in term.options
        ]
        return found[0] if found else 1.0

    @property
    def alpha(self) -> float:
        """The teacher's share in the sum of all weights, in [0, 1]."""
        taught = sum(term.weight for term in self.terms)
        return taught / (taught + self.labels)

    @property
    def weights(self) -> dict[str, float]:
        """Weight of every part of the sum, that of the labels first."""
        return {LABELS: self.labels, **{term.name: term.weight for term in self.terms}}

    @property
    def compares_features(self) -> bool:
        """Whether a term looks inside both networks."""
        return any(term.loss.compares_features for term in self.terms)

    def needs(self, what: str) -> bool:
        """Whether a term needs ``hints``, say."""
        return any(term.loss.needs == what for term in self.terms)

    def without_teacher(self) -> Objective:
        """The same training on labels alone."""
        return Objective(labels=1.0, task=self.task)

    def on_logits(self) -> Objective:
        """What is left where layers cannot be compared, as in a network that is being quantized."""
        terms = tuple(term for term in self.terms if not term.loss.compares_features)
        labels = self.labels if terms or self.labels > 0.0 else 1.0
        return replace(self, labels=labels, terms=terms)


def choose_objective(
    config: DistillConfig, classes: int, task: TaskName = "classification"
) -> Objective:
    """The objective of a configuration; ``auto`` is the first candidate for so many classes.

    Args:
        config: Its ``losses``, or ``loss``, ``alpha`` and ``temperature``.
        classes: Number of logits.
        task: Row of ``TASKS``.

    Raises:
        ConfigError: If a loss says nothing with so few classes, has no such option, or takes one
            label where mixup gives two; or layers are named that no loss compares.
    """
    objective = _configured(config, classes, task)
    if config.features and not objective.compares_features:
        raise ConfigError(
            f"distill.features: layers are named, and '{objective.name}' compares none. "
            "Use 'hint', 'attention' or 'rkd', or leave them out."
        )
    if "mixup" in config.views:
        _check_takes_mixtures(objective)
    if config.view_targets == "mean":
        _check_views_agree(config, objective)
    return objective


def _configured(config: DistillConfig, classes: int, task: TaskName) -> Objective:
    if config.losses:
        return _weighted_sum(config.losses, config.temperature, classes, task)
    if config.loss == "auto":
        config = find_candidates(classes, task=task)[0].settle(config)
    name = config.loss
    loss = find_loss(name, classes=classes, task=task)
    weight = loss.weight if config.alpha is None else config.alpha
    labels = loss.labels if config.alpha is None else 1.0 - config.alpha
    term = _term(name, {"weight": weight}, config.temperature, classes, task)
    return Objective(labels, (term,), task)


def _check_views_agree(config: DistillConfig, objective: Objective) -> None:
    """All views of a sample have one right answer, so that a mean of answers is one."""
    if TASKS[objective.task].rebuilds:
        raise ConfigError(
            "distill.view_targets: the right answer to a view is the view itself where data.task "
            f"is {objective.task}. Set it to 'own'."
        )
    if not config.views:
        raise ConfigError(
            "distill.view_targets: there is nothing to take a mean of, since distill.augment is "
            "none. Name views there, or leave this out."
        )
    if "mixup" in config.views:
        raise ConfigError(
            "distill.view_targets: with mixup the views of a sample show others beside it. Set it "
            "to 'own', or leave mixup out."
        )


def _check_takes_mixtures(objective: Objective) -> None:
    if not TASKS[objective.task].takes_mixtures:
        raise ConfigError(
            "distill.augment: mixup gives a sample two classes, and data.task is "
            f"{objective.task}. Leave it out."
        )
    for term in objective.terms:
        if term.loss.needs == "logits and labels":
            raise ConfigError(
                f"distill.augment: mixup gives a sample two labels, and loss '{term.name}' takes "
                "one. Use a loss on logits alone, such as 'kd', or leave mixup out."
            )


def _weighted_sum(
    losses: Mapping[str, float | Mapping[str, float]],
    temperature: float | None,
    classes: int,
    task: TaskName,
) -> Objective:
    """From ``{name: weight}`` or ``{name: {weight, options...}}``, ``labels`` among the names."""
    terms = tuple(
        _term(
            name,
            {"weight": value} if isinstance(value, int | float) else value,
            temperature,
            classes,
            task,
        )
        for name, value in losses.items()
        if name != LABELS
    )
    labels = losses.get(LABELS, 0.0)
    if not isinstance(labels, int | float):
        raise ConfigError("distill.losses: 'labels' has a weight alone, such as labels = 0.1.")
    if labels + sum(term.weight for term in terms) <= 0.0:
        raise ConfigError("distill.losses: every weight is 0. Give one loss a weight above it.")
    return Objective(float(labels), terms, task)


def _term(
    name: str,
    settings: Mapping[str, float],
    temperature: float | None,
    classes: int,
    task: TaskName,
) -> Term:
    """A term from what was configured, completed by the defaults of its row."""
    loss = find_loss(name, classes=classes, task=task)
    known = {"weight", WARMUP, *loss.options}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise ConfigError(
            f"distill.losses: '{name}' has no option '{unknown[0]}'. "
            f"It has: {', '.join(sorted(known))}."
        )
    options = dict(loss.options)
    if temperature is not None and "temperature" in options:
        options["temperature"] = temperature
    options |= {key: float(settings[key]) for key in loss.options if key in settings}
    return Term(
        name,
        float(settings.get("weight", loss.weight)),
        options,
        float(settings.get(WARMUP, 0.0)),
    )
