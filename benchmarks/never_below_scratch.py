"""Is a student of the default settings ever worse than one without a teacher?

Run it with `python -m benchmarks.never_below_scratch --files DIR`, where DIR or a folder in it has
`fashion_mnist.npz`, `speech_commands_logmel.npz`, `gestures.npz` and `fashion_mnist_resnet.keras`;
what is not there is left out, and said. `--only gestures` runs a part; digits have `digits_seeds`.
The teacher of each data set is trained, or given, once; seeds change the student and the order of
the samples. Builds go on where they were stopped, and what was run before is not repeated. Three
teachers of `fashion-mnist-20kb-ensemble` are students of `fashion-mnist-100kb`, built if need be.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from benchmarks.paired import compare, mean_percent
from benchmarks.runs import Runs
from tinykd import Config, build, find_recipe, read_report
from tinykd.backend import load_tensorflow
from tinykd.cli.console import choose_progress
from tinykd.datasets import fingerprint_source, load_dataset
from tinykd.progress import Silent
from tinykd.teachers.files import hash_file

RESULTS = Path(__file__).parent / "results" / "never_below_scratch.json"
WORK = Path("build/benchmarks")


@dataclass(frozen=True)
class Task:
    """A recipe on the files that are there.

    Attributes:
        recipe: Its name.
        data: File with the samples; empty takes the recipe's.
        teacher: File of the teacher; empty trains the recipe's.
        also_taught_by: A task whose students of three seeds teach too.
        student: What the student has in place of the recipe's.
        distill: Settings in place of the recipe's.
    """

    recipe: str
    data: str = ""
    teacher: str = ""
    also_taught_by: str = ""
    student: Mapping[str, object] = field(default_factory=dict)
    distill: Mapping[str, object] = field(default_factory=dict)


FASHION = Task("fashion-mnist", "fashion_mnist.npz", "fashion_mnist_resnet.keras")

TASKS = {
    "fashion-mnist-20kb": replace(FASHION, student={"width": 1.0}),
    "fashion-mnist-100kb": replace(
        FASHION,
        student={"architecture": "resnet8", "width": 1.0},
        distill={
            "epochs": 30,
            "augment": ("shift", "flip"),
            "loss": "kd",
            "temperature": 1.0,
            "alpha": 1.0,
            "view_targets": "mean",
        },
    ),
    "fashion-mnist-20kb-ensemble": replace(
        FASHION,
        also_taught_by="fashion-mnist-100kb",
        student={"width": 1.0},
        distill={"epochs": 60, "loss": "kd", "temperature": 1.0, "alpha": 0.5},
    ),
    "speech-commands": Task("keywords", "speech_commands_logmel.npz"),
    "gestures": Task("gestures", "gestures.npz"),
}

ALLOWED = 0.3
"""Points that the shipped student may be below scratch, on average."""


def configure(name: str, files: Path) -> Config:
    """The configuration of a row.

    Raises:
        FileNotFoundError: If one is missing.
    """
    task = TASKS[name]
    config = find_recipe(task.recipe)
    student = config.student.model_copy(update=dict(task.student))
    lesson = config.distill.model_copy(update=dict(task.distill))
    config = config.model_copy(update={"student": student, "distill": lesson})
    if task.data:
        source = {"source": str(find_file(files, task.data))}
        config = config.model_copy(update={"data": config.data.model_copy(update=source)})
    return with_teachers(config, find_file(files, task.teacher)) if task.teacher else config


def find_file(folder: Path, name: str) -> Path:
    """A file somewhere in a folder.

    Raises:
        FileNotFoundError: If there is none of that name.
    """
    found = next(folder.rglob(name), None)
    if found is None:
        raise FileNotFoundError(folder / name)
    return found


def with_teachers(config: Config, file: Path, others: Mapping[Path, float] | None = None) -> Config:
    """The same with the teacher of a file, and others with what they multiply samples by."""
    scales = {file: 1.0} | dict(others or {})
    given = {"path": "", "paths": tuple(map(str, scales)), "input_scales": tuple(scales.values())}
    return config.model_copy(update={"teacher": config.teacher.model_copy(update=given)})


def built_students(name: str, files: Path) -> dict[Path, float]:
    """A task's students of three seeds, built unless they are there, and their input scales."""
    config, found = configure(name, files), {}
    for seed in range(3):
        student = WORK / name / str(seed) / config.name / f"{config.name}_student.h5"
        if not student.exists():
            run(name, config, seed, files)
        found[student] = read_report(student.parent / "report.json").data.input_scale
    return found


def teach_once(config: Config) -> Path:
    """The file of a teacher, trained unless it is there."""
    from tinykd.teachers.teacher import TEACHER_FILE, train_teacher

    file = WORK / f"{config.name}_teacher.keras"
    if not file.exists():
        folder = WORK / f"{config.name}_teacher"
        folder.mkdir(parents=True, exist_ok=True)
        dataset = load_dataset(config.data)
        train_teacher(config.teacher, dataset, seed=0, folder=folder, progress=Silent())
        (folder / TEACHER_FILE).replace(file)
        shutil.rmtree(folder)
    return file


def run(name: str, config: Config, seed: int, files: Path) -> dict[str, Any]:
    """One build of a task; accuracies of every form on the test split, and what was chosen."""
    also = TASKS[name].also_taught_by
    if also:
        (teacher,) = config.teacher.paths
        config = with_teachers(config, Path(teacher), built_students(also, files))
    report = build(
        config.model_copy(update={"seed": seed}),
        out=WORK / name / str(seed),
        progress=choose_progress(quiet=True),
    )
    accuracies: dict[Any, Any] = {model.name: model.top1_accuracy for model in report.models}
    shipped = report.distill.shipped
    return {
        "loss": report.distill.loss,
        "shipped": shipped,
        "scratch_validation": report.distill.scratch_validation_accuracy,
        "student_validation": report.distill.student_validation_accuracy,
        "test_samples": report.data.test_samples,
        **accuracies,
        "float": accuracies[shipped],
        "int8": accuracies[report.quantize.shipped],
        "int8_bytes": next(a.size_bytes for a in report.artifacts if a.path.endswith(".tflite")),
    }


def print_table(table: Mapping[str, list[dict[str, Any]]]) -> None:
    """One row for each task, then each way to int8; differences are paired by seed."""
    print("\n| data | seeds | teacher | scratch | distilled | shipped | int8 | int8 file |", end="")
    print(" distilled - scratch | shipped - scratch | int8 - float |")
    print("|---" * 11 + "|")
    for name, runs in table.items():
        columns = {
            key: [run[key] for run in runs]
            for key in ("teacher", "scratch", "student", "float", "int8")
        }
        means = " | ".join(f"{mean_percent(values):.2f}" for values in columns.values())
        gains = (
            compare(columns["student"], columns["scratch"]),
            compare(columns["float"], columns["scratch"]),
            compare(columns["int8"], columns["float"]),
        )
        size = max(run["int8_bytes"] for run in runs)
        print(f"| {name} | {len(runs)} | {means} | {size:,} B |", end="")
        print(" | ".join(f" {gain}" for gain in gains), "|")
        if gains[1].points < -ALLOWED:
            print(f"\n{name}: below scratch by more than {ALLOWED} points\n")
    print("\n| data | seeds | PTQ - float | QAT - PTQ |")
    print("|---" * 4 + "|")
    for name, runs in table.items():
        steps = [[run[key] for run in runs] for key in ("float", "ptq", "qat")]
        changes = [compare(after, before) for before, after in pairwise(steps)]
        print(f"| {name} | {len(runs)} |", " | ".join(map(str, changes)), "|")


@click.command()
@click.option("--files", default=Path("../shared"), type=click.Path(path_type=Path))
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(1, 20))
@click.option("--only", default=",".join(TASKS), show_default=True)
def main(files: Path, seeds: int, only: str) -> None:
    """Run what is missing, then print the table."""
    runs = Runs(RESULTS)
    table: dict[str, list[dict[str, Any]]] = {}
    for name in only.split(","):
        try:
            config = configure(name, files)
        except FileNotFoundError as missing:
            print(f"{name}: left out, there is no {missing}")
            continue
        load_tensorflow(Silent())
        data = fingerprint_source(config.data)
        teacher = config.teacher.model_dump(exclude={"paths"})
        settings = config.model_dump(exclude={"teacher", "seed", "data", "target"})
        held_out = config.data.model_dump(exclude={"source"})
        if config.teacher.paths:
            teacher["files"] = [hash_file(Path(file)) for file in config.teacher.paths]
        else:
            config = with_teachers(config, teach_once(config))
        also = TASKS[name].also_taught_by
        if also:
            teacher["also"] = TASKS[also]
        table[name] = [
            runs.get(
                f"{name}, seed {seed}",
                (data, held_out, teacher, settings, seed),
                partial(run, name, config, seed, files),
            )
            for seed in range(seeds)
        ]
    print_table(table)


if __name__ == "__main__":
    main()
