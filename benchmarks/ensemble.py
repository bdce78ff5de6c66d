"""Digits: is a student better off with three teachers than with one?

Run it from the root with `python -m benchmarks.ensemble`; what was run before is not repeated. The
data, the student of 7,210 parameters and the teachers are those of `small_students`. For each seed
three teachers are trained, and one student from the same weights on the same batches with each way
to teach it. Which teacher one takes is luck, so "one teacher" is the mean over the three students
that learned from one of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.paired import compare, mean_percent
from benchmarks.runs import Runs
from benchmarks.small_students import (
    CHANNELS,
    EPOCHS,
    Task,
    hash_weights,
    load_task,
    run,
    train_teacher,
)
from tinykd.backend import load_tensorflow
from tinykd.progress import Silent

RESULTS = Path(__file__).parent / "results" / "ensemble.json"
TEACHERS = Path("build/benchmarks/ensemble")
STUDENT = CHANNELS[7_210]
MEMBERS = 3

SINGLES = ("first", "second", "third")

TOGETHER = {
    "probabilities": "three teachers, mean of their probabilities",
    "logits": "three teachers, mean of their logits",
    "confidence": "three teachers, weighted by confidence on the label",
}
"""Ways to combine them, with what the table calls their students."""


def teach(task: Task, seed: int) -> list[Path]:
    """The files of a seed's teachers, each trained unless it is there."""
    files = [TEACHERS / f"{MEMBERS * seed + member}.keras" for member in range(MEMBERS)]
    for file in files:
        if not file.exists():
            train_teacher(task, file, seed=int(file.stem))
    return files


def test_teachers(task: Task, files: list[Path]) -> dict[str, float]:
    """Test accuracy of each teacher, and of their mean probability."""
    import keras
    import tensorflow as tf

    logits = [keras.models.load_model(file).predict(task.x[2], verbose=0) for file in files]
    answers = dict(zip(SINGLES, logits, strict=True))
    answers["together"] = np.mean([tf.nn.softmax(values) for values in logits], axis=0)
    return {
        name: float(np.mean(values.argmax(axis=1) == task.y[2])) for name, values in answers.items()
    }


def run_seed(runs: Runs, task: Task, seed: int) -> dict[str, float]:
    """Test accuracies: of the teachers, and of the student from each of them and from all."""
    files = teach(task, seed)
    hashes = [hash_weights(file) for file in files]

    def learn(arm: str, teacher: list[Path], settings: dict[str, Any]) -> float:
        found = runs.get(
            f"{arm}, seed {seed}",
            (hashes, STUDENT, EPOCHS, sorted(settings.items()), seed),
            lambda: run(task, teacher, STUDENT, settings, seed),
        )
        return float(found["test_accuracy"])

    known = runs.get(f"teachers, seed {seed}", hashes, lambda: test_teachers(task, files))
    row = {"teacher": float(np.mean([known[name] for name in SINGLES]))}
    row["teachers"] = known["together"]
    row["scratch"] = learn("scratch", files[:1], {"losses": {"labels": 1.0}})
    alone = {name: [file] for name, file in zip(SINGLES, files, strict=True)}
    row["one"] = float(np.mean([learn(n, f, {"loss": "ls_kd"}) for n, f in alone.items()]))
    for how in TOGETHER:
        row[how] = learn(how, files, {"loss": "ls_kd", "combine": how})
    return row


def print_table(rows: list[dict[str, float]]) -> None:
    """Means over the seeds; differences to one teacher are paired."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    print(f"\nTeachers: {mean_percent(columns['teacher']):.2f} % each,", end=" ")
    print(f"{mean_percent(columns['teachers']):.2f} % together\n")
    print("| student of | test | against one teacher, points (95 %), wins |\n|---|---|---|")
    print(f"| no teacher | {mean_percent(columns['scratch']):.2f} | ", end="")
    print(f"{compare(columns['scratch'], columns['one'])} |")
    print(f"| one teacher | {mean_percent(columns['one']):.2f} |  |")
    for how, name in TOGETHER.items():
        gain = compare(columns[how], columns["one"])
        print(f"| {name} | {mean_percent(columns[how]):.2f} | {gain} |")


@click.command()
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(1, 20))
def main(seeds: int) -> None:
    """Run what is missing, then print the table."""
    load_tensorflow(Silent())
    task, runs = load_task(10), Runs(RESULTS)
    print_table([run_seed(runs, task, seed) for seed in range(seeds)])


if __name__ == "__main__":
    main()
