"""What the sections of a configuration share: their base, and the names that they choose from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]

ViewName = Literal["shift", "flip", "jitter", "cutout", "mixup"]
"""Rows of the ``VIEWS`` table."""

SeveralViews = Annotated[tuple[ViewName, ...], Field(strict=False)]
"""TOML has lists only."""

TaskName = Literal["classification", "regression", "multi_label", "anomaly"]
"""Rows of the ``TASKS`` table: what a student can be asked."""

LossName = Literal[
    "kd", "kd_ce", "mse_logits", "ls_kd", "dkd", "dist", "hint", "attention", "rkd",
    "regression", "bounded_regression", "score", "multi_label", "reconstruction",
]  # fmt: skip
"""Rows of the ``LOSSES`` table; each is for one task."""


class Section(BaseModel):
    """Base of all sections: immutable, strictly typed, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
