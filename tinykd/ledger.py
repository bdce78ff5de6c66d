"""The ledger: which forms of a model are compared, and what one build shows of each pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinykd.results import FlipTest, ModelName, PairName
from tinykd.statistics import mcnemar_exact
from tinykd.tasks import CLASSIFICATION, Task

PREDICTIONS_FILE = "predictions.npz"
"""Beside a report: ``labels``, and what each model decided on each test sample: the class."""


@dataclass(frozen=True)
class Pair:
    """Two forms of a model on the same samples.

    Attributes:
        baseline: What it is compared with; ``float`` is the float model that int8 comes from.
        model: What is asked about.
    """

    baseline: ModelName | Literal["float"]
    model: ModelName


PAIRS: Mapping[PairName, Pair] = {
    "distillation": Pair("scratch", "student"),
    "ptq": Pair("float", "ptq"),
    "qat": Pair("float", "qat"),
    "fine_tuning": Pair("ptq", "qat"),
    "device": Pair("float", "c"),
}
"""What is asked of every build, in the order of the pipeline."""


def compare_predictions(
    predictions: Mapping[ModelName, NDArray[Any]],
    labels: NDArray[Any],
    *,
    reference: ModelName,
    task: Task = CLASSIFICATION,
    headlines: Mapping[ModelName, float] | None = None,
) -> tuple[FlipTest, ...]:
    """Every pair that is there, on the same samples, with McNemar's exact test.

    Args:
        predictions: Model to what it decided on each sample, [n] or [n, outputs].
        labels: [n] or [n, outputs].
        reference: The float model that the int8 models come from.
        task: What was asked.
        headlines: Model to the task's headline metric; of classes the predictions say it.
    """
    pairs = {
        name: (reference if pair.baseline == "float" else pair.baseline, pair.model)
        for name, pair in PAIRS.items()
    }
    return tuple(
        _test(name, baseline, model, predictions, labels, task, headlines or {})
        for name, (baseline, model) in pairs.items()
        if baseline in predictions and model in predictions
    )


def save_predictions(
    file: Path,
    predictions: Mapping[ModelName, NDArray[Any]],
    labels: NDArray[Any],
    *,
    classes: int,
    output_scale: float = 1.0,
) -> None:
    """Write the labels and what each model decided.

    Args:
        file: ``.npz``.
        predictions: Model to its decisions.
        labels: In the same form.
        classes: Integers are written in the smallest type that holds so many.
        output_scale: Real values are multiplied by it, to have the unit of the targets.
    """
    smallest = np.min_scalar_type(classes - 1)

    def stored(array: NDArray[Any]) -> NDArray[Any]:
        if array.dtype.kind == "f":
            return array * np.float32(output_scale)
        return array if array.dtype.kind == "b" else array.astype(smallest)

    arrays = [("labels", labels), *predictions.items()]
    np.savez_compressed(file, allow_pickle=False, **{name: stored(array) for name, array in arrays})


def _test(
    name: PairName,
    baseline: ModelName,
    model: ModelName,
    predictions: Mapping[ModelName, NDArray[Any]],
    labels: NDArray[Any],
    task: Task,
    headlines: Mapping[ModelName, float],
) -> FlipTest:
    duel = task.duel(predictions[model], predictions[baseline], labels)
    heads = (headlines.get(model, 0.0), headlines.get(baseline, 0.0))
    return FlipTest(
        name=name,
        baseline=baseline,
        model=model,
        difference=task.difference(duel, *heads),
        gained=duel.gained,
        lost=duel.lost,
        samples=duel.cases,
        p_value=mcnemar_exact(duel.gained, duel.lost),
    )
