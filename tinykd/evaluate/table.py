"""The evaluate stage: one table, one test split, every form of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.inference import check_identical
from tinykd.ledger import compare_predictions
from tinykd.results import EvaluateResult, ModelName, ModelScore, OutputScore
from tinykd.tasks import CLASSIFICATION, TOP1, Task


@dataclass(frozen=True)
class Answers:
    """What one form of the model said of every test sample.

    Attributes:
        name: Which row of the table.
        description: What it is, for people.
        outputs: What it gave, float or int8, [n, ...]; of classes, logits.
        how: What ran.
        reference: Name of the float model that it comes from, or None for a float model.
        size_bytes: Where it has a size.
        parameters: Where it is known.
        values: The same as a task understands it (``Task.measure``); None: the outputs themselves.
    """

    name: ModelName
    description: str
    outputs: NDArray[Any]
    how: str
    reference: ModelName | None = None
    size_bytes: int | None = None
    parameters: int | None = None
    values: NDArray[Any] | None = None

    @property
    def understood(self) -> NDArray[Any]:
        """What the task's metrics are computed from."""
        return self.outputs if self.values is None else self.values


def evaluate(
    answers: list[Answers],
    labels: NDArray[Any],
    *,
    classes: int,
    shipped: ModelName,
    task: Task = CLASSIFICATION,
    output_scale: float = 1.0,
    names: Sequence[str] = (),
) -> EvaluateResult:
    """Score every form of the model on the same samples.

    Args:
        answers: In the order of the table; ``tflm`` and ``c`` must agree in every byte.
        labels: As the data set has them, [n] or [n, outputs].
        classes: Number of classes.
        shipped: The int8 row that is shipped; the confusion matrix is its.
        task: What was asked.
        output_scale: Of the data set.
        names: Of the outputs, where each is measured by itself.

    Raises:
        TinykdError: If the generated C does not equal TFLM; nothing of it may be shipped then.
    """
    by_name = {answer.name: answer for answer in answers}
    check_identical(by_name["tflm"].outputs, by_name["c"].outputs)
    decided = decisions(answers, task)
    reference = by_name[shipped].reference or shipped
    same = task.same(decided[shipped], decided[reference])
    models = tuple(_score(answer, decided, labels, task, output_scale) for answer in answers)
    each = task.measure_each(by_name[shipped].understood, labels, output_scale)
    return EvaluateResult(
        models=models,
        c_equals_tflm=True,
        confusion=task.confusion(decided[shipped], labels, classes),
        flipped=None if same is None else int(np.sum(~same)),
        ledger=compare_predictions(
            decided,
            labels,
            reference=reference,
            task=task,
            headlines={model.name: model.headline for model in models},
        ),
        by_output=tuple(
            OutputScore(name=name, metrics=metrics)
            for name, metrics in zip(names, each, strict=False)
        ),
    )


def decisions(answers: list[Answers], task: Task) -> dict[ModelName, NDArray[Any]]:
    """Model to what it decides on each sample: of classes, the class."""
    return {answer.name: task.decide(answer.understood) for answer in answers}


def _score(
    answer: Answers,
    decided: dict[ModelName, NDArray[Any]],
    labels: NDArray[Any],
    task: Task,
    output_scale: float,
) -> ModelScore:
    values = answer.understood
    metrics = task.measure(values, labels, output_scale)
    same = None
    if answer.reference is not None:
        same = task.same(decided[answer.name], decided[answer.reference])
    return ModelScore(
        name=answer.name,
        description=answer.description,
        top1_accuracy=metrics.pop(TOP1.key, None),
        metrics=metrics,
        ci95=task.interval(values, labels, output_scale),
        samples=len(labels),
        agreement=None if same is None else float(np.mean(same)),
        size_bytes=answer.size_bytes,
        parameters=answer.parameters,
        how=answer.how,
    )
