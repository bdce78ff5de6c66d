"""Which loss helps students of 570, 1,890 and 7,210 parameters on 900 digits, and does `auto` know?

Run it with `python -m benchmarks.small_students`; a run takes some seconds, the table about half an
hour on two cores, and what was run before is not repeated. `--arms "ls_kd;dist"` runs a part.
`auto` races the losses on the 300 digits to choose on, and never sees those to test on.
`--longer 4` trains all of them four times as long.

900 digits to train on, 300 to choose on, 597 to test on, stratified; the students learn from views
shifted by a pixel, in 80 epochs. In every row student and order of the samples start alike, so that
differences are paired.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.paired import compare, mean_percent
from benchmarks.runs import Runs
from tinykd.backend import load_tensorflow
from tinykd.progress import Silent

RESULTS = Path(__file__).parent / "results" / "small_students.json"
TEACHER = Path("build/benchmarks/digits_teacher.keras")
EPOCHS = 80

CHANNELS = {570: (8, 16), 1_890: (20, 40), 7_210: (48, 96)}
"""Parameters of a student with ten classes: channels of its convolution and of its pointwise."""

ARMS: dict[str, dict[str, Any]] = {
    "scratch": {"losses": {"labels": 1.0}},
    "auto": {"loss": "auto"},
    "ls_kd": {"loss": "ls_kd"},
    "dist": {"loss": "dist"},
    "kd, T 1": {"loss": "kd", "temperature": 1.0, "alpha": 0.5},
    "kd, T 2": {"loss": "kd"},
    "kd, T 4": {"loss": "kd", "temperature": 4.0, "alpha": 0.9},
    "dkd": {"loss": "dkd"},
    "mse_logits": {"loss": "mse_logits"},
    "ls_kd, mean of views": {"loss": "ls_kd", "view_targets": "mean"},
    "ls_kd with cut-out": {"loss": "ls_kd", "augment": ["shift", "cutout"]},
    "ls_kd with mixup": {"loss": "ls_kd", "augment": ["shift", "mixup"]},
}
"""Settings of `tinykd.distill`; what is not said is the loss's own default."""

TWO_CLASS_ARMS = ("scratch", "auto", "kd, T 1", "kd, T 2")
"""The others say little or nothing of two classes."""


@dataclass(frozen=True)
class Task:
    """Digits, or whether a digit is 5 and more; samples are float32 [n, 8, 8, 1] in [0, 1].

    Attributes:
        name: For the table.
        classes: Number of labels.
        x: Samples to train on, to choose on and to test on.
        y: Their labels.
    """

    name: str
    classes: int
    x: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
    y: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]


def load_task(classes: int) -> Task:
    """900, 300 and 597 of scikit-learn's digits, always the same, in ten classes or in two."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    x, label = (digits.images / 16).astype(np.float32)[..., None], digits.target.astype(np.int32)
    rest = np.arange(len(x))
    train, rest = train_test_split(rest, train_size=900, random_state=0, stratify=label)
    choose, test = train_test_split(rest, train_size=300, random_state=0, stratify=label[rest])
    y = label if classes == 10 else (label >= 5).astype(np.int32)
    parts = (train, choose, test)
    name = "digits" if classes == 10 else "digits, 0 to 4 or 5 to 9"
    return Task(name, classes, tuple(x[part] for part in parts), tuple(y[part] for part in parts))


def build_student(channels: tuple[int, int], classes: int, seed: int) -> Any:
    """Convolution, depthwise, pointwise, mean, logits; normalized and with ReLU after each."""
    import tf_keras
    from tf_keras import layers

    tf_keras.backend.clear_session()
    tf_keras.utils.set_random_seed(seed)
    x = inputs = layers.Input((8, 8, 1))
    for layer in (
        layers.Conv2D(channels[0], 3, padding="same", use_bias=False),
        layers.DepthwiseConv2D(3, padding="same", use_bias=False),
        layers.Conv2D(channels[1], 1, use_bias=False),
    ):
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(layer(x)))
    x = layers.GlobalAveragePooling2D()(x)
    return tf_keras.Model(inputs, layers.Dense(classes)(x))


def train_teacher(task: Task, file: Path, seed: int = 0) -> None:
    """Three convolutions, on all views of the 900 digits, the epoch that is best on the 300."""
    import keras
    from keras import layers

    from tinykd.training import make_deterministic
    from tinykd.views import make_views

    make_deterministic(seed)
    keras.utils.set_random_seed(seed)
    x = inputs = layers.Input((8, 8, 1))
    for channels in (32, 64, 128):
        x = layers.Conv2D(channels, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
        x = layers.MaxPooling2D()(x) if channels < 128 else layers.GlobalAveragePooling2D()(x)
    teacher = keras.Model(inputs, layers.Dense(task.classes)(x))
    views = make_views(task.x[0], ["shift"]).x
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    decay = keras.optimizers.schedules.CosineDecay(2e-3, 20 * len(views) * 900 // 64)
    teacher.compile(keras.optimizers.AdamW(decay, weight_decay=1e-4), loss, metrics=["accuracy"])
    teacher.fit(
        np.concatenate(views),
        np.tile(task.y[0], len(views)),
        batch_size=64,
        epochs=20,
        validation_data=(task.x[1], task.y[1]),
        callbacks=[keras.callbacks.EarlyStopping(patience=6, restore_best_weights=True)],
        verbose=0,
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    teacher.save(file)


def hash_weights(file: Path) -> str:
    """Of a saved model; its file also holds the date."""
    import keras

    weights = keras.models.load_model(file).get_weights()
    return hashlib.sha256(b"".join(weight.tobytes() for weight in weights)).hexdigest()


def run(
    task: Task,
    teacher: Path | list[Path],
    channels: tuple[int, int],
    settings: Mapping[str, Any],
    seed: int,
    epochs: int = EPOCHS,
) -> dict[str, Any]:
    """Train one student once; its loss, and accuracies of the float student and its int8 file."""
    from tinykd import distill
    from tinykd.convert import convert_ptq
    from tinykd.inference import classify_int8

    student = build_student(channels, task.classes, seed)
    data = (task.x[0], task.y[0], task.x[1], task.y[1])
    distill(
        teacher,
        student,
        data,
        baseline=False,
        seed=seed,
        epochs=epochs,
        **{"augment": "shift", **settings},
    )
    tflite = convert_ptq(student, task.x[0])
    answers = [student.predict(x, verbose=0) for x in task.x[1:]]
    answers.append(classify_int8(tflite, task.x[2]))
    found = [
        float(np.mean(answer.argmax(axis=1) == y))
        for answer, y in zip(answers, (task.y[1], task.y[2], task.y[2]), strict=True)
    ]
    names = ("validation_accuracy", "test_accuracy", "int8_test_accuracy")
    race = student.distillation.race
    return {
        "parameters": student.count_params(),
        "loss": student.distillation.loss if race is None else race.chosen,
        **dict(zip(names, found, strict=True)),
    }


def run_table(
    runs: Runs, task: Task, channels: tuple[int, int], arms: list[str], seeds: int, epochs: int
) -> dict[str, list[Any]]:
    """Every arm with every seed, of one student: from the arm's name to its runs."""
    student = f"{task.name}, {channels[0]} and {channels[1]} channels"
    longer = "" if epochs == EPOCHS else f", {epochs} epochs"
    teacher = TEACHER.with_stem(f"{TEACHER.stem}_{task.classes}")
    if not teacher.exists():
        train_teacher(task, teacher)
    data = [hashlib.sha256(part.tobytes()).hexdigest() for part in (*task.x, *task.y)]
    data.append(hash_weights(teacher))
    table: dict[str, list[Any]] = {}
    for seed in range(seeds):
        for arm in arms:
            table.setdefault(arm, []).append(
                runs.get(
                    f"{student}, {arm}{longer}, seed {seed}",
                    (data, channels, epochs, sorted(ARMS[arm].items()), seed),
                    partial(run, task, teacher, channels, ARMS[arm], seed, epochs),
                )
            )
    return table


def print_table(title: str, table: Mapping[str, list[Any]]) -> None:
    """Means over the seeds, against scratch and int8 against float."""
    tests = {arm: [run["test_accuracy"] for run in runs] for arm, runs in table.items()}
    print(f"\n{title}\n")
    print("| loss | validation | test | against scratch, points (95 %), wins | int8 - float |")
    print("|---|---|---|---|---|")
    for arm, runs in table.items():
        validation = mean_percent([run["validation_accuracy"] for run in runs])
        test = mean_percent(tests[arm])
        gain = "" if arm == "scratch" else str(compare(tests[arm], tests["scratch"]))
        int8 = compare([run["int8_test_accuracy"] for run in runs], tests[arm])
        print(f"| {arm} | {validation:.2f} | {test:.2f} | {gain} | {int8} |")


@click.command()
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(1, 20))
@click.option(
    "--arms",
    default="all",
    show_default=True,
    help="With semicolons between them; scratch is always run.",
)
@click.option("--students", default="570,1890,7210", show_default=True, help="By parameters.")
@click.option(
    "--longer", default=1, show_default=True, type=click.IntRange(1), help="Times as many epochs."
)
def main(seeds: int, arms: str, students: str, longer: int) -> None:
    """Run what is missing, then print the tables."""
    epochs = longer * EPOCHS
    load_tensorflow(Silent())
    runs = Runs(RESULTS)
    chosen = [arm for arm in ARMS if arms == "all" or arm == "scratch" or arm in arms.split(";")]
    digits, halves = load_task(10), load_task(2)
    for size in map(int, filter(None, students.split(","))):
        table = run_table(runs, digits, CHANNELS[size], chosen, seeds, epochs)
        print_table(f"Digits, student of {size:,} parameters, {epochs} epochs", table)
    few = [arm for arm in TWO_CLASS_ARMS if arm in chosen]
    table = run_table(runs, halves, CHANNELS[570], few, seeds, epochs)
    print_table("Digits 0 to 4 or 5 to 9, channels as in the smallest student", table)


if __name__ == "__main__":
    main()
