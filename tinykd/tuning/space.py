"""The space that is searched: loss, temperature, weight of the labels, and schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast, get_args

from tinykd.config import DistillConfig
from tinykd.errors import ConfigError

LOSSES = ("ls_kd", "dist", "kd")
"""Those of them that this tinykd has, and that say something about the data, are tried."""

TEMPERATURES = (1.0, 2.0, 4.0)

ALPHAS = (1.0, 0.99, 0.98, 0.9, 0.5)
"""The labels have what is left to 1: none, 0.01, 0.02, 0.1 and 0.5."""

EPOCH_FACTORS = (1, 4)

LEARNING_RATE_FACTORS = (0.3, 1.0, 3.0)

FEATURE_LOSSES: frozenset[str] = frozenset({"hint", "attention", "rkd"})
"""They ask the teacher in every step; a search asks it once."""


@dataclass(frozen=True)
class Setting:
    """What is searched for; the names are those of ``[distill]``.

    Attributes:
        loss: Row of the ``LOSSES`` table, or ``auto``.
        temperature: Softens both distributions.
        alpha: Weight of the teacher's term; None leaves it to the loss.
        epochs: Length of the training.
        learning_rate: Peak of the schedule.
    """

    loss: str
    temperature: float | None
    alpha: float | None
    epochs: int
    learning_rate: float

    @classmethod
    def of(cls, config: DistillConfig) -> Setting:
        """The setting of a configuration."""
        return cls(
            config.loss, config.temperature, config.alpha, config.epochs, config.learning_rate
        )

    def apply(self, config: DistillConfig) -> DistillConfig:
        """The same configuration with this setting."""
        return config.model_copy(update=asdict(self))

    def __str__(self) -> str:
        alpha = "default" if self.alpha is None else f"{self.alpha:g}"
        temperature = "default" if self.temperature is None else f"{self.temperature:g}"
        return (
            f"{self.loss}, temperature {temperature}, alpha {alpha}, "
            f"{self.epochs} epochs, learning rate {self.learning_rate:g}"
        )


def search_space(config: DistillConfig, classes: int) -> Mapping[str, tuple[Any, ...]]:
    """Name of a setting to its choices, the current one first.

    The weight of the teacher's term beside that of the labels is in ``alpha`` alone: only their
    ratio matters to an optimizer that normalizes its steps.

    Source: ``TEMPERATURES`` to ``EPOCH_FACTORS`` are those with which students of 500 to 130,000
    parameters gained: Beyer et al., "Knowledge distillation: A good teacher is patient and
    consistent", CVPR 2022, for the epochs; Sun et al., "Logit Standardization in Knowledge
    Distillation", CVPR 2024, for temperature and weights.

    Raises:
        ConfigError: If the configuration has what cannot be searched.
    """
    _check_searchable(config)
    return {
        "loss": (config.loss, *_other_losses(config, classes)),
        "temperature": _first(config.temperature, TEMPERATURES),
        "alpha": _first(config.alpha, ALPHAS),
        "epochs": tuple(config.epochs * factor for factor in EPOCH_FACTORS),
        "learning_rate": _first(
            config.learning_rate,
            [float(f"{config.learning_rate * factor:.2g}") for factor in LEARNING_RATE_FACTORS],
        ),
    }


def _check_searchable(config: DistillConfig) -> None:
    if config.loss in FEATURE_LOSSES:
        raise ConfigError(
            f"distill.loss: '{config.loss}' looks inside the teacher, which a search asks only "
            "once. Set it to 'auto' and tune again."
        )
    if config.model_dump().get("losses"):
        raise ConfigError(
            "distill.losses: a weighted sum is not searched. Set distill.loss and tune again."
        )


def _other_losses(config: DistillConfig, classes: int) -> list[str]:
    """Candidates that suit the data and differ from the current loss, ``auto`` resolved."""
    from tinykd.losses import choose_objective

    known = get_args(DistillConfig.model_fields["loss"].annotation)
    current, others = choose_objective(config, classes), []
    for name in LOSSES:
        if name not in known:
            continue
        loss = cast(Literal["ls_kd", "kd"], name)
        try:
            objective = choose_objective(config.model_copy(update={"loss": loss}), classes)
        except ConfigError:  # with so few classes it says nothing
            continue
        if objective != current:
            others.append(name)
    return others


def _first(current: float | None, choices: Any) -> tuple[float | None, ...]:
    """The current choice before the others, each once."""
    return tuple(dict.fromkeys((current, *choices)))
