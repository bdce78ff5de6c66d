"""The section ``[distill]``: how the student learns from the teacher."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from tinykd.config.section import LossName, Positive, Section, SeveralViews, ViewName


class DistillConfig(Section):
    """How the student learns from the teacher.

    Attributes:
        loss: A row of the ``LOSSES`` table, or ``auto``: the losses that suit the data and the
            student race one another on validation.
        race_fraction: What the race may cost, as a share of the epochs of one training; 0 takes
            the first choice for such data without a race.
        losses: In place of loss and alpha, a weighted sum such as
            ``{ ls_kd = 0.99, labels = 0.01, attention = 10.0 }``; a table in place of a weight
            sets options too: ``dkd = { weight = 1.0, beta = 4.0, warmup_epochs = 20 }``.
        temperature: Softens both distributions. Left out, each loss has its own.
        alpha: Weight of the teacher's term; the labels have ``1 - alpha``. Left out, the loss's
            own weights are used.
        features: Layers that ``hint``, ``attention`` and ``rkd`` compare, student's layer to
            teacher's layer. Empty: those where both networks have the same resolution.
        epochs: The same for the distilled student and for the one without a teacher.
        batch_size: Samples in one step.
        learning_rate: Peak of the schedule.
        warmup_fraction: Share of the steps in which the learning rate rises; then a cosine to 0.
        weight_decay: Decoupled (AdamW).
        augment: How samples are shown besides, to the teacher too: ``shift`` moves them by up to a
            pixel, ``flip`` mirrors images (not for digits or text), ``jitter`` adds noise to
            signals, ``cutout`` erases a square, ``mixup`` mixes pairs (it hurts students of less
            than 50,000 parameters). One of these, several such as ``["shift", "flip"]``, or
            ``none``.
        view_targets: What the teacher says of a view: its answer to that view (``own``), or for all
            views of a sample the mean of its answers to them (``mean``).
        generations: With 2 or 3 the student teaches a new one of the same architecture, and so on;
            the best on validation is kept.
        assistants: Widths of students between teacher and student, each taught by the one before,
            such as ``[4.0, 2.0]``; ``auto`` takes one where the teacher has over 50 times the
            parameters. Kept only where the student is better for it on validation.
        unlabelled_ratio: Samples without labels in a step, for each one with a label.
        unlabelled_confidence: Leave out those of which the teacher is less sure.
    """

    loss: Literal["auto", LossName] = "auto"
    race_fraction: float = Field(default=0.5, ge=0.0, le=1.0)
    losses: dict[str, float | dict[str, float]] | None = None
    temperature: float | None = Field(default=None, ge=0.5, le=100.0)
    alpha: float | None = Field(default=None, ge=0.0, le=1.0)
    features: dict[str, str] = Field(default_factory=dict)
    epochs: int = Field(default=160, ge=1, le=100_000)
    batch_size: int = Field(default=64, ge=1, le=4096)
    learning_rate: Positive = 3e-3
    warmup_fraction: float = Field(default=0.05, ge=0.0, lt=1.0)
    weight_decay: float = Field(default=1e-4, ge=0.0, lt=1.0)
    augment: Literal["none"] | ViewName | SeveralViews = "shift"
    view_targets: Literal["own", "mean"] = "own"
    generations: int = Field(default=1, ge=1, le=3)
    assistants: Literal["none", "auto"] | list[float] = "none"
    unlabelled_ratio: float = Field(default=1.0, gt=0.0, le=16.0)
    unlabelled_confidence: float = Field(default=0.0, ge=0.0, lt=1.0)

    @property
    def views(self) -> tuple[str, ...]:
        """Rows of the ``VIEWS`` table that ``augment`` names, in its order."""
        named = (self.augment,) if isinstance(self.augment, str) else self.augment
        return tuple(name for name in get_args(ViewName) if name in named)

    @field_validator("augment", mode="before")
    @classmethod
    def _views_exist(cls, augment: object) -> object:
        known = get_args(ViewName)
        named = augment if isinstance(augment, list | tuple) else [augment]
        if augment != "none" and not all(name in known for name in named):
            raise ValueError(
                f"one or several of {', '.join(known)}, or none; got {augment!r}."
            )  # what pydantic collects
        return augment

    @field_validator("assistants")
    @classmethod
    def _assistants_are_widths(cls, assistants: str | list[float]) -> str | list[float]:
        if isinstance(assistants, list) and not all(0.1 <= width <= 16.0 for width in assistants):
            raise ValueError(f"widths are from 0.1 to 16, got {assistants}.")
        return assistants

    @field_validator("losses", mode="before")
    @classmethod
    def _losses_are_weights(cls, losses: object) -> object:
        if losses is not None:
            _check_losses(losses)
        return losses

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> Self:
        if self.losses is not None and (self.loss != "auto" or self.alpha is not None):
            raise ValueError(
                "losses stands in place of loss and alpha. Give either."
            )  # what pydantic collects
        return self


def _check_losses(losses: object) -> None:
    """A table from losses and ``labels`` to weights, or to tables of numbers.

    Raises:
        ValueError: What pydantic collects, with the key's name.
    """
    example = "such as { ls_kd = 0.99, labels = 0.01 }"
    if not isinstance(losses, Mapping) or not losses:
        raise ValueError(f"a weighted sum is a table, {example}.")
    names = ("labels", *get_args(LossName))
    for name, value in losses.items():
        if name not in names:
            close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
            hint = f"Did you mean '{close[0]}'?" if close else f"Losses: {', '.join(names)}."
            raise ValueError(f"there is no loss '{name}'. {hint}")
        numbers = value.values() if isinstance(value, Mapping) else [value]
        if not all(_is_weight(number) for number in numbers):
            raise ValueError(f"'{name}' needs numbers that are not negative, got {value!r}.")
        if isinstance(value, Mapping) and not 0.5 <= value.get("temperature", 1.0) <= 100.0:
            raise ValueError(f"'{name}' needs a temperature from 0.5 to 100, got {value!r}.")


def _is_weight(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and value >= 0.0
