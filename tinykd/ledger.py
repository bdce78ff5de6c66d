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

PREDICTIONS_FILE = "predictions.npz"
"""Beside a report: ``labels``, and the class that each model gave to each test sample."""


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
    predictions: Mapping[ModelName, NDArray[np.integer[Any]]],
    labels: NDArray[np.integer[Any]],
    *,
    reference: ModelName,
) -> tuple[FlipTest, ...]:
    """Every pair that is there, on the same samples, with McNemar's exact test.

    Args:
        predictions: Model to the class it gave to each sample, [n].
        labels: [n].
        reference: The float model that the int8 models come from.
    """
    right = {name: predicted == labels for name, predicted in predictions.items()}
    pairs = {
        name: (reference if pair.baseline == "float" else pair.baseline, pair.model)
        for name, pair in PAIRS.items()
    }
    return tuple(
        _test(name, baseline, model, right)
        for name, (baseline, model) in pairs.items()
        if baseline in right and model in right
    )


def save_predictions(
    file: Path,
    predictions: Mapping[ModelName, NDArray[np.integer[Any]]],
    labels: NDArray[np.integer[Any]],
    *,
    classes: int,
) -> None:
    """Write the labels and the class that each model gave, in the smallest type that holds them."""
    smallest = np.min_scalar_type(classes - 1)
    arrays = [("labels", labels), *predictions.items()]
    np.savez_compressed(
        file, allow_pickle=False, **{name: array.astype(smallest) for name, array in arrays}
    )


def _test(
    name: PairName, baseline: ModelName, model: ModelName, right: Mapping[ModelName, Any]
) -> FlipTest:
    gained = int(np.sum(right[model] & ~right[baseline]))
    lost = int(np.sum(right[baseline] & ~right[model]))
    samples = len(right[model])
    return FlipTest(
        name=name,
        baseline=baseline,
        model=model,
        difference=(gained - lost) / samples,
        gained=gained,
        lost=lost,
        samples=samples,
        p_value=mcnemar_exact(gained, lost),
    )
