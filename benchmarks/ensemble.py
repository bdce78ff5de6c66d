"""Digits: is a student better off with three teachers than with one?

Run it from the root with `python -m benchmarks.ensemble`; it goes on where it was stopped, and the
question itself is answered before the other ways to combine are tried. For each seed three
teachers are trained, and one student from the same weights on the same batches with each way to
teach it; test accuracy is that of the float student. 900 training images, no choice is made. "One"
is the mean over the three teachers, each of which teaches alone: which one is taken is luck.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.digits_seeds import interval
from tinykd.backend import load_tensorflow
from tinykd.cli.console import choose_progress
from tinykd.config import DataConfig, DistillConfig, StudentConfig, TeacherConfig
from tinykd.datasets import load_dataset

RESULTS = Path(__file__).parent / "results" / "ensemble.json"
MEMBERS = 3
STUDENT = StudentConfig(architecture="ds_cnn")
LESSON = DistillConfig(loss="ls_kd", epochs=80)

ARMS = {
    "scratch": "no teacher",
    "first": "one teacher",
    "second": "another",
    "third": "another",
    "probabilities": "three, mean of the probabilities",
    "logits": "three, mean of the logits",
    "confidence": "three, weighted by confidence on the label",
}


SINGLES = ("first", "second", "third")

TOGETHER = ("probabilities", "logits", "confidence")

COLUMNS = ("teacher", "three teachers", "scratch", "first", "one", *TOGETHER)

ROUNDS = (
    ("first", "probabilities"),
    ("second",),
    ("third",),
    ("scratch",),
    ("logits",),
    ("confidence",),
)
"""Arms in the order in which they are trained, each round for all seeds."""


def train_arms(
    seed: int,
    arms: Sequence[str],
    place: Path,
    scores: dict[str, float],
    keep: Callable[[], None],
) -> None:
    """Train what is missing for one seed, and note each test accuracy as soon as it is there."""
    from tinykd.distillation.rows import training_rows
    from tinykd.losses import choose_objective
    from tinykd.students.architectures import build_student
    from tinykd.tasks.combine import combine_logits
    from tinykd.training import Schedule, Trainee, accuracy, make_deterministic, predict, train

    data = load_dataset(DataConfig())
    says, on_test = _ask(seed, place, data)
    labels = np.tile(data.y_train, len(says[0]) // len(data.y_train))
    tables = dict(zip(SINGLES, says, strict=True))
    tables |= {how: combine_logits(says, how, labels) for how in TOGETHER}
    combined = combine_logits(on_test, "probabilities")
    for name, logits in {"teacher": on_test[0], "three teachers": combined}.items():
        scores[name] = accuracy(logits, data.y_test)
    objective = choose_objective(LESSON, data.classes)
    for arm in [arm for arm in arms if arm not in scores]:
        make_deterministic(seed)
        student = build_student(STUDENT, data.input_shape, data.classes, seed=seed)
        trainee = Trainee("student", student, data.input_scale)
        checkpoint = place / f"{arm}.npz"
        with choose_progress(quiet=False).task(f"seed {seed}: {arm}", LESSON.epochs) as advance:
            train(
                trainee,
                objective.without_teacher() if arm == "scratch" else objective,
                training_rows(data, LESSON, tables.get(arm, says[0])),
                validation=(data.x_validation, data.y_validation),
                schedule=Schedule(
                    LESSON.epochs,
                    LESSON.batch_size,
                    LESSON.learning_rate,
                    LESSON.warmup_fraction,
                    LESSON.weight_decay,
                ),
                seed=seed,
                checkpoint=checkpoint,
                advance=advance,
            )
        scores[arm] = accuracy(predict(trainee, data.x_test), data.y_test)
        keep()
        checkpoint.unlink()


def _ask(seed: int, place: Path, data: Any) -> tuple[list[Any], list[Any]]:
    """What each teacher says of every training view, and of the test split."""
    from tinykd.teachers.cache import AnswerCache
    from tinykd.teachers.soft_targets import compute_soft_targets
    from tinykd.teachers.teacher import TEACHER_FILE, open_trained, train_teacher

    progress, cache = choose_progress(quiet=False), AnswerCache(place / "answers")
    says, on_test = [], []
    for member in range(MEMBERS):
        folder = place / f"teacher_{member}"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / TEACHER_FILE
        if not file.exists() or (folder / "checkpoint.npz").exists():
            own = MEMBERS * seed + member
            train_teacher(TeacherConfig(), data, seed=own, folder=folder, progress=progress)
        teacher = open_trained(file, data)
        says.append(
            compute_soft_targets(
                teacher, data, augment=LESSON.views, progress=progress, cache=cache
            )
        )
        on_test.append(teacher.logits(data.x_test, progress=progress, why="test split"))
    return says, on_test


def _write(file: Path, scores: object) -> None:
    file.write_text(json.dumps(scores))


def summarize(scores: dict[str, dict[str, float]]) -> None:
    """Write and print what is known for all seeds."""
    rows = list(scores.values())
    for row in rows:
        if set(SINGLES) <= set(row):
            row["one"] = float(np.mean([row[name] for name in SINGLES]))
    known = set.intersection(*map(set, rows))
    pairs = [("one", "scratch"), *((how, one) for how in TOGETHER for one in ("first", "one"))]
    summary = {
        f"{a} - {b}": interval([row[a] - row[b] for row in rows])
        for a, b in pairs
        if {a, b} <= known
    }
    RESULTS.write_text(
        json.dumps({"top1_accuracy": scores, "points_mean_low_high": summary}, indent=1) + "\n"
    )
    names = [name for name in COLUMNS if name in known]
    print("| seed | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
    means = {name: float(np.mean([row[name] for row in rows])) for name in names}
    for seed, row in {**scores, "mean": means}.items():
        print(f"| {seed} | " + " | ".join(f"{100 * row[name]:.2f}" for name in names) + " |")
    for name, (mean, low, high) in summary.items():
        print(f"\n{name}: {mean:+.2f} points, 95 % interval {low:+.2f} to {high:+.2f}")


@click.command()
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(2, 10))
@click.option("--out", default=Path("build/ensemble"), type=click.Path(path_type=Path))
def main(seeds: int, out: Path) -> None:
    """Train every arm for every seed, and compare in pairs."""
    load_tensorflow(choose_progress(quiet=True))
    stored = out / "scores.json"
    scores = json.loads(stored.read_text()) if stored.exists() else {}
    for arms in ROUNDS:
        for seed in map(str, range(seeds)):
            row = scores.setdefault(seed, {})
            if not set(arms) <= set(row):
                keep = partial(_write, stored, scores)
                train_arms(int(seed), arms, out / seed, row, keep)
        summarize({str(seed): scores[str(seed)] for seed in range(seeds)})


if __name__ == "__main__":
    main()
