"""What all results are, and the names of the models that are compared."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

SCHEMA_VERSION = 1
"""Version of ``report.json``; raised when a key changes its meaning or goes away."""

ModelName = Literal["teacher", "scratch", "student", "ptq", "qat", "tflm", "c"]
"""Rows of the accuracy table, in the order of the pipeline."""

PairName = Literal["distillation", "ptq", "qat", "fine_tuning", "device"]
"""Rows of the ledger: scratch to distilled, float to PTQ, to QAT, PTQ to QAT, float to the C."""


class Result(BaseModel):
    """Base of all results: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def headline(top1_accuracy: float | None, metrics: dict[str, float]) -> float:
    """Top-1 accuracy, or the first metric of another task."""
    return next(iter(metrics.values())) if top1_accuracy is None else top1_accuracy
