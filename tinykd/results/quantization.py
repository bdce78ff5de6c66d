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


class QuantizeResult(Result):
    """Both int8 models, and which of the two goes on.

    Attributes:
        float_validation_accuracy: The float model they both come from.
        ptq_validation_accuracy: Post-training quantization.
        qat_validation_accuracy: Quantization-aware fine-tuning.
        shipped: The better of the two on validation; PTQ if they are level.
        curves: The fine-tuning.
    """

    float_validation_accuracy: float
    ptq_validation_accuracy: float
    qat_validation_accuracy: float
    shipped: Literal["ptq", "qat"]
    curves: tuple[TrainingCurve, ...]
