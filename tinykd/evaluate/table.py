"""The evaluate stage: one table, one test split, every form of the model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.inference import check_identical
from tinykd.ledger import compare_predictions
from tinykd.results import EvaluateResult, ModelName, ModelScore

Z_95 = 1.959963984540054
"""97.5 % quantile of the normal distribution."""


@dataclass(frozen=True)
class Answers:
    """What one form of the model said of every test sample.

    Attributes:
        name: Which row of the table.
        description: What it is, for people.
        outputs: Logits, float or int8, [n, classes].
        how: What ran.
        reference: Name of the float model that it comes from, or None for a float model.
        size_bytes: Where it has a size.
        parameters: Where it is known.
    """

    name: ModelName
    description: str
    outputs: NDArray[Any]
    how: str
    reference: ModelName | None = None
    size_bytes: int | None = None
    parameters: int | None = None


def evaluate(
    answers: list[Answers], labels: NDArray[np.int32], *, classes: int, shipped: ModelName
) -> EvaluateResult:
    """Score every form of the model on the same samples.

    Args:
        answers: In the order of the table; ``tflm`` and ``c`` must agree in every byte.
        labels: int32 [n].
        classes: Number of classes.
        shipped: The int8 row that is shipped; the confusion matrix is its.

    Raises:
        TinykdError: If the generated C does not equal TFLM; nothing of it may be shipped then.
    """
    by_name = {answer.name: answer for answer in answers}
    check_identical(by_name["tflm"].outputs, by_name["c"].outputs)
    predictions = predicted_classes(answers)
    predicted, reference = predictions[shipped], by_name[shipped].reference or shipped
    return EvaluateResult(
        models=tuple(_score(answer, predictions, labels) for answer in answers),
        c_equals_tflm=True,
        confusion=_confusion(predicted, labels, classes),
        flipped=int(np.sum(predicted != predictions[reference])),
        ledger=compare_predictions(predictions, labels, reference=reference),
    )


def predicted_classes(answers: list[Answers]) -> dict[ModelName, NDArray[np.intp]]:
    """Model to the class that it gives each sample, [n]."""
    return {
        answer.name: np.argmax(answer.outputs.reshape(len(answer.outputs), -1), axis=1)
        for answer in answers
    }


def wilson_interval(correct: int, samples: int) -> tuple[float, float]:
    """95 % interval of a share.

    Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.

    Example:
        >>> [round(bound, 4) for bound in wilson_interval(95, 100)]
        [0.8882, 0.9785]
    """
    share = correct / samples
    scale = 1.0 + Z_95**2 / samples
    centre = (share + Z_95**2 / (2 * samples)) / scale
    spread = share * (1.0 - share) / samples + Z_95**2 / (4 * samples**2)
    half = Z_95 * math.sqrt(spread) / scale
    return max(0.0, centre - half), min(1.0, centre + half)


def _score(
    answer: Answers, predictions: dict[ModelName, NDArray[np.intp]], labels: NDArray[np.int32]
) -> ModelScore:
    predicted = predictions[answer.name]
    correct = int(np.sum(predicted == labels))
    agreement = None
    if answer.reference is not None:
        agreement = float(np.mean(predicted == predictions[answer.reference]))
    return ModelScore(
        name=answer.name,
        description=answer.description,
        top1_accuracy=correct / len(labels),
        ci95=wilson_interval(correct, len(labels)),
        samples=len(labels),
        agreement=agreement,
        size_bytes=answer.size_bytes,
        parameters=answer.parameters,
        how=answer.how,
    )


def _confusion(
    predicted: NDArray[Any], labels: NDArray[np.int32], classes: int
) -> tuple[tuple[int, ...], ...]:
    """Counts; rows are true classes, columns predicted ones."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return tuple(tuple(int(count) for count in row) for row in counts)
