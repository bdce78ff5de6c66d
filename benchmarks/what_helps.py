"""What makes a student gain whose size is the limit, and not the data?

Run it with `python -m benchmarks.what_helps --files DIR`, the files being those of
`never_below_scratch`; `--only "20 epochs;60 epochs" --seeds 2` runs a part, and what was run before
is not repeated. Every arm trains a student of Fashion-MNIST from the same weights, without its
teacher and with it, and changes one thing; int8 files are of 20 kB at most, of the last four
arms of 92. Three of four teachers are the students of 92 kB of `never_below_scratch`, which are
built if need be. The test split is not looked at: that benchmark measures what is chosen here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from benchmarks.never_below_scratch import TASKS, built_students, configure
from benchmarks.paired import compare, mean_percent
from benchmarks.runs import Runs
from tinykd import Config, distill
from tinykd.backend import load_tensorflow
from tinykd.config import StudentConfig
from tinykd.datasets import Dataset, fingerprint_source, load_dataset
from tinykd.progress import Silent
from tinykd.teachers.files import hash_file

RESULTS = Path(__file__).parent / "results" / "what_helps.json"
TASK = "fashion-mnist-20kb"
LARGER_TASK = "fashion-mnist-100kb"
ALONE: Mapping[str, Any] = {"losses": {"labels": 1.0}}
TEACHER_ALONE: Mapping[str, Any] = {"losses": {"kd": {"weight": 1.0, "temperature": 1.0}}}
BOTH: Mapping[str, Any] = {"losses": {"kd": {"weight": 0.5, "temperature": 1.0}, "labels": 0.5}}


@dataclass(frozen=True)
class Arm:
    """How a pair of students is trained.

    Attributes:
        epochs: For both of them.
        augment: Views that both learn from.
        student: Architecture and width of both.
        view_targets: What the teacher says of a view.
        mirrored_pool: Mirror images join every step of the taught student, without labels.
        ensemble: The three larger students teach too, by the mean of all probabilities.
        lesson: What the teacher's student minimises: soft targets beside the labels, which `auto`
            prefers on this data, unless something else is said.
    """

    epochs: int = 20
    augment: tuple[str, ...] = ()
    student: tuple[str, float] = ("ds_cnn", 1.0)
    view_targets: str = "own"
    mirrored_pool: bool = False
    ensemble: bool = False
    lesson: Mapping[str, Any] = field(default_factory=lambda: BOTH)


LARGER = Arm(30, ("shift", "flip"), student=("resnet8", 1.0))

ARMS = {
    "20 epochs": Arm(),
    "20 epochs, flip": Arm(augment=("flip",)),
    "20 epochs, flip, mean of the views": Arm(augment=("flip",), view_targets="mean"),
    "20 epochs, mirrored images without labels": Arm(mirrored_pool=True),
    "20 epochs, four teachers": Arm(ensemble=True),
    "60 epochs": Arm(60),
    "60 epochs, four teachers": Arm(60, ensemble=True),
    "60 epochs, only four teachers": Arm(60, ensemble=True, lesson=TEACHER_ALONE),
    "60 epochs, flip": Arm(60, ("flip",)),
    "60 epochs, flip, cut-out": Arm(60, ("flip", "cutout")),
    "60 epochs, flip, only the teacher": Arm(60, ("flip",), lesson=TEACHER_ALONE),
    "60 epochs, flip, DIST": Arm(60, ("flip",), lesson={"loss": "dist"}),
    "20 epochs, residual student": Arm(student=("resnet8", 0.35)),
    "60 epochs, residual student": Arm(60, student=("resnet8", 0.35)),
    "60 epochs, residual student, flip": Arm(60, ("flip",), student=("resnet8", 0.35)),
    "20 epochs, 92 kB, flip": Arm(20, ("flip",), student=("resnet8", 1.0)),
    "30 epochs, 92 kB, shift and flip": LARGER,
    "the same, mean of the views": replace(LARGER, view_targets="mean"),
    "the same, only the teacher": replace(LARGER, view_targets="mean", lesson=TEACHER_ALONE),
}


def on_raw_samples(file: Path, scale: float) -> Any:
    """A student as a teacher that takes raw samples."""
    import tf_keras

    network = tf_keras.models.load_model(file, compile=False)
    scaled = tf_keras.layers.Rescaling(scale, input_shape=network.input_shape[1:])
    return tf_keras.Sequential([scaled, network])


def run(
    config: Config, dataset: Dataset, arm: Arm, lesson: Mapping[str, Any], files: Path
) -> dict[str, Any]:
    """Train once; validation accuracy of each epoch, and that of the weights that are kept."""
    from tinykd.students.architectures import build_student

    architecture, width = arm.student
    shape = StudentConfig.model_validate({"architecture": architecture, "width": width})
    student = build_student(shape, dataset.input_shape, dataset.classes, seed=config.seed)
    larger = built_students(LARGER_TASK, files).items() if arm.ensemble else ()
    others = [on_raw_samples(file, scale) for file, scale in larger]
    found = distill(
        [*config.teacher.files, *others],
        student,
        dataset,
        baseline=False,
        seed=config.seed,
        augment=list(arm.augment) or "none",
        view_targets=arm.view_targets,
        unlabelled=dataset.x_train[:, :, ::-1] if arm.mirrored_pool else None,
        epochs=arm.epochs,
        batch_size=config.distill.batch_size,
        **lesson,
    ).distillation
    return {
        "parameters": student.count_params(),
        "validation_accuracy": found.student_validation_accuracy,
        "curve": list(found.curves[0].validation_accuracy),
    }


def print_table(table: Mapping[str, list[tuple[float, float]]]) -> None:
    """Validation accuracies, means over the seeds; gains are paired by seed."""
    print("\n| arm | seeds | without teacher | with it | gain, points (95 %), wins |")
    print("|---" * 5 + "|")
    for name, pairs in table.items():
        alone, taught = zip(*pairs, strict=True)
        means = f"{mean_percent(alone):.2f} | {mean_percent(taught):.2f}"
        print(f"| {name} | {len(pairs)} | {means} | {compare(taught, alone)} |")


@click.command()
@click.option("--files", default=Path("../shared"), type=click.Path(path_type=Path))
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1, 20))
@click.option("--only", default=";".join(ARMS), help="Arms, with a semicolon between them.")
def main(files: Path, seeds: int, only: str) -> None:
    """Run what is missing, then print the table."""
    load_tensorflow(Silent())
    runs, recipe = Runs(RESULTS), configure(TASK, files)
    dataset = load_dataset(recipe.data)
    data = (
        fingerprint_source(recipe.data),
        recipe.data.model_dump(exclude={"source"}),
        hash_file(Path(recipe.teacher.files[0])),
        recipe.distill.batch_size,
    )

    def reach(arm: Arm, lesson: Mapping[str, Any], seed: int) -> float:
        if lesson is ALONE:
            arm = replace(arm, view_targets="own", mirrored_pool=False, ensemble=False)
        views = "+".join(arm.augment) or "no views"
        views += " (mean)" if arm.view_targets == "mean" else ""
        views += ", mirrored pool" if arm.mirrored_pool else ""
        views += ", ensemble" if arm.ensemble else ""
        who = f"{arm.epochs} epochs, {views}, {arm.student[0]} {arm.student[1]}, "
        who += f"{dict(lesson)}, seed {seed}"
        config = recipe.model_copy(update={"seed": seed})
        given = (data, TASKS[LARGER_TASK]) if arm.ensemble else data
        found = runs.get(who, given, partial(run, config, dataset, arm, lesson, files))
        return float(found["validation_accuracy"])

    print_table(
        {
            name: [
                (reach(ARMS[name], ALONE, seed), reach(ARMS[name], ARMS[name].lesson, seed))
                for seed in range(seeds)
            ]
            for name in only.split(";")
        }
    )


if __name__ == "__main__":
    main()
