"""Data without labels, over five seeds: a pool beside 100 labels, and another domain.

Run it from the root with `python -m benchmarks.without_labels`; `--only pool`, `--only inverted` or
`--only noisy` does one part. What was run before is not repeated.
Both students of a pair start from the same weights and take the same number of steps.

- pool: 100 digits with labels, 80 of them to train on, and 1,000 without. The teacher learned from
  the same 80. In each pair the student without the pool has labels alone.
- inverted, noisy: 450 digits with labels, 450 others of the target without, inverted or under
  normal noise of 6 of 16 grey levels. In each pair the student without learned the source alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

import tinykd
from benchmarks.paired import compare, mean_percent
from benchmarks.runs import Runs
from tinykd.backend import load_tensorflow
from tinykd.config import DataConfig, StudentConfig, TeacherConfig
from tinykd.datasets import Dataset, hold_out, load_dataset
from tinykd.datasets.sources import load_digits
from tinykd.progress import Silent

RESULTS = Path(__file__).parent / "results" / "without_labels.json"
GREY_LEVELS = 16
NOISE = 6.0
POOL_TEACHER = TeacherConfig(epochs=120, patience=40, batch_size=16)
POOL_LESSON: dict[str, Any] = {"epochs": 300, "batch_size": 32, "augment": "shift"}
DOMAIN_TEACHER = TeacherConfig(epochs=30, patience=8)
DOMAIN_EPOCHS = 60
SETTINGS = (GREY_LEVELS, NOISE, POOL_TEACHER, POOL_LESSON, DOMAIN_TEACHER, DOMAIN_EPOCHS)


def train_teacher_for(dataset: Dataset, config: TeacherConfig, seed: int) -> Any:
    """A teacher of the default architecture, for raw samples."""
    from tinykd.teachers.teacher import open_teacher, train_teacher

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        train_teacher(config, dataset, seed=seed, folder=place, progress=Silent())
        return open_teacher(place / "teacher.keras", dataset).model


def test_accuracy(model: Any, dataset: Dataset, scale: float) -> float:
    """Top-1 on the test split."""
    from tinykd.training import Trainee, accuracy, predict

    return accuracy(predict(Trainee("student", model, scale), dataset.x_test), dataset.y_test)


def new_student(width: float, dataset: Dataset, seed: int) -> Any:
    """A DS-CNN with the weights of the seed."""
    from tinykd.students.architectures import build_student

    config = StudentConfig(architecture="ds_cnn", width=width)
    return build_student(config, dataset.input_shape, dataset.classes, seed=seed)


def pool(seed: int) -> dict[str, float]:
    """100 labels; 1,000 more digits without."""
    digits = load_digits()
    mixed = np.random.default_rng(seed).permutation(1200)
    x, y = digits["x_train"][mixed], digits["y_train"][mixed].astype(np.int32)
    few, kept = np.arange(100), hold_out(y[:100], 5)
    held_out = kept.mask
    dataset = Dataset(
        "digits",
        tuple("0123456789"),
        x[few][~held_out],
        y[few][~held_out],
        x[few][held_out],
        y[few][held_out],
        digits["x_test"],
        digits["y_test"].astype(np.int32),
        kept,
    )
    teacher = train_teacher_for(dataset, POOL_TEACHER, seed)
    row = {"teacher": test_accuracy(teacher, dataset, 1.0)}
    cases: dict[str, dict[str, Any]] = {
        "without": {"alpha": 0.0},
        "taught": {},
        "with": {"unlabelled": x[100:1100]},
    }
    for name, case in cases.items():
        student = new_student(0.5, dataset, seed)
        tinykd.distill(teacher, student, dataset, baseline=False, seed=seed, **POOL_LESSON, **case)
        row[name] = test_accuracy(student, dataset, dataset.input_scale)
    return row


def domain(shift: Callable[[Any, Any], Any], seed: int) -> dict[str, float]:
    """Digits with labels, and others, changed, without."""
    dataset = load_dataset(DataConfig())
    rng = np.random.default_rng(seed)
    mixed = rng.permutation(len(dataset.x_train))
    source, target = np.array_split(mixed, 2)
    teacher = train_teacher_for(dataset, DOMAIN_TEACHER, seed)
    student = new_student(1.0, dataset, seed)
    x, y = dataset.x_train, dataset.y_train
    tinykd.adapt(
        teacher,
        student,
        (x[source], y[source], dataset.x_validation, dataset.y_validation),
        shift(x[target], rng),
        target_test=(shift(dataset.x_test, rng), dataset.y_test),
        epochs=DOMAIN_EPOCHS,
        seed=seed,
    )
    found = student.adaptation
    return {
        "teacher_before": found.teacher_accuracy_before,
        "teacher": found.teacher_accuracy,
        "without": found.source_only_accuracy,
        "with": found.adapted_accuracy,
    }


def inverted(x: Any, _rng: np.random.Generator) -> Any:
    """Light on dark becomes dark on light."""
    return GREY_LEVELS - x.astype(np.float32)


def noisy(x: Any, rng: np.random.Generator) -> Any:
    """Normal noise, within the range of the sensor."""
    return np.float32(np.clip(x + rng.normal(0.0, NOISE, x.shape), 0, GREY_LEVELS))


PARTS: dict[str, Callable[[int], dict[str, float]]] = {
    "pool": pool,
    "inverted": partial(domain, inverted),
    "noisy": partial(domain, noisy),
}


def print_table(name: str, rows: list[dict[str, Any]]) -> None:
    """One row for each seed, their means, and what the samples without labels give."""
    columns = {key: [row[key] for row in rows] for key in rows[0] if key != "depends_on"}
    print(f"\n| {name} | " + " | ".join(columns) + " |\n|---|" + "---|" * len(columns))
    for seed, row in enumerate(rows):
        print(f"| {seed} | " + " | ".join(f"{100 * row[key]:.2f}" for key in columns) + " |")
    means = [mean_percent(values) for values in columns.values()]
    print("| mean | " + " | ".join(f"{mean:.2f}" for mean in means) + " |")
    print(f"\nwith - without: {compare(columns['with'], columns['without'])}")


@click.command()
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(1, 10))
@click.option("--only", default=None, type=click.Choice(list(PARTS)))
def main(seeds: int, only: str | None) -> None:
    """Measure one part, or all of them."""
    load_tensorflow(Silent())
    runs = Runs(RESULTS)
    for name in [only] if only else PARTS:
        rows = [
            runs.get(f"{name}, seed {seed}", SETTINGS, partial(PARTS[name], seed))
            for seed in range(seeds)
        ]
        print_table(name, rows)


if __name__ == "__main__":
    main()
