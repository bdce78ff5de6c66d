"""What became of accuracy on the way to int8."""

from __future__ import annotations

from typing import Literal

from tinykd.results.base import Result
from tinykd.results.training import TrainingCurve


class ConvertResult(Result):
    """What plain conversion to int8 cost.

    Attributes:
        float_validation_accuracy: Before.
        validation_accuracy: After.
        size_bytes: Of the ``.tflite``.
    """

    float_validation_accuracy: float
    validation_accuracy: float
    size_bytes: int

    @property
    def lost(self) -> float:
        """Score in float less that in int8; negative where int8 is better."""
        return self.float_validation_accuracy - self.validation_accuracy


class QuantizeResult(Result):
    """The int8 models, and which of them goes on.

    Attributes:
        float_validation_accuracy: The float model that they come from.
        ptq_validation_accuracy: Post-training quantization.
        qat_validation_accuracy: Quantization-aware fine-tuning; None where there was no need of it.
        shipped: The better of the two on validation; PTQ if they are level, or if it is alone.
        curves: The fine-tuning; empty where there was none.
    """

    float_validation_accuracy: float
    ptq_validation_accuracy: float
    qat_validation_accuracy: float | None
    shipped: Literal["ptq", "qat"]
    curves: tuple[TrainingCurve, ...]
