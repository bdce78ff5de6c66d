"""Which loss wins on larger data, and from which epoch on does validation know?

Run it with `python -m benchmarks.loss_curves --task speech-commands --files DIR`, the files and the
tasks being those of `never_below_scratch`. Every loss trains the same student from the same weights
on the same batches for the epochs of the recipe, each as soon as it is asked for and never twice.
The test split is not looked at: what `auto` races for is validation.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.never_below_scratch import TASKS, configure, teach_once
from benchmarks.runs import Runs
from tinykd import Config, distill
from tinykd.backend import load_tensorflow
from tinykd.datasets import fingerprint_source, load_dataset
from tinykd.distillation.race import FEWEST_EPOCHS
from tinykd.progress import Silent
from tinykd.teachers.files import hash_file

RESULTS = Path(__file__).parent / "results" / "loss_curves.json"

LOSSES: Mapping[str, dict[str, Any]] = {
    "scratch": {"losses": {"labels": 1.0}},
    "ls_kd": {"loss": "ls_kd"},
    "dist": {"loss": "dist"},
    "kd_half": {"loss": "kd", "temperature": 1.0, "alpha": 0.5},
    "kd": {"loss": "kd"},
}
"""The candidates of ``auto``, and soft targets with their own weights."""

SHARES = (1 / 8, 1 / 6, 1 / 4, 1 / 2)
"""Of the epochs, after which the table looks at validation."""


def run(config: Config, teacher: Path, loss: str) -> dict[str, Any]:
    """Train once; validation accuracy after each epoch, and that of the weights that are kept."""
    from tinykd.students.architectures import build_student

    dataset = load_dataset(config.data)
    student = build_student(config.student, dataset.input_shape, dataset.classes, seed=config.seed)
    found = distill(
        str(teacher),
        student,
        dataset,
        baseline=False,
        seed=config.seed,
        augment=config.distill.augment,
        epochs=config.distill.epochs,
        batch_size=config.distill.batch_size,
        **LOSSES[loss],
    ).distillation
    (curve,) = found.curves
    return {
        "validation_accuracy": found.student_validation_accuracy,
        "curve": list(curve.validation_accuracy),
    }


def print_table(runs: Mapping[str, dict[str, Any]]) -> None:
    """The last epochs before each share of the schedule, as a race looks at them, and the end."""
    print("\n| loss | " + " | ".join(f"{share:.0%} of the epochs" for share in SHARES), end="")
    print(" | end |\n" + "|---" * (len(SHARES) + 2) + "|")
    for loss, known in runs.items():
        curve = known["curve"]
        cells = []
        for share in SHARES:
            epochs = int(share * len(curve))
            late = curve[max(0, epochs - max(FEWEST_EPOCHS, epochs // 4)) : epochs]
            cells.append(f"{100 * np.mean(late):.1f}")
        print(f"| {loss} | {' | '.join(cells)} | {100 * known['validation_accuracy']:.1f} |")


ALONE = [name for name, task in TASKS.items() if not task.also_taught_by]
"""Tasks with one teacher."""


@click.command()
@click.option("--files", default=Path("../shared"), type=click.Path(path_type=Path))
@click.option("--task", default="speech-commands", show_default=True, type=click.Choice(ALONE))
@click.option("--seed", default=0, show_default=True)
@click.option("--only", default=",".join(LOSSES), show_default=True)
def main(files: Path, task: str, seed: int, only: str) -> None:
    """Run what is missing, then print the table."""
    load_tensorflow(Silent())
    config = configure(task, files).model_copy(update={"seed": seed})
    teacher = Path(config.teacher.files[0]) if config.teacher.files else teach_once(config)
    data, held_out = fingerprint_source(config.data), config.data.model_dump(exclude={"source"})
    settings = config.model_dump(include={"student", "distill", "seed"})
    runs = {
        loss: Runs(RESULTS).get(
            f"{task}, {loss}, seed {seed}",
            (data, held_out, hash_file(teacher), settings, LOSSES[loss]),
            partial(run, config, teacher, loss),
        )
        for loss in only.split(",")
    }
    print_table(runs)


if __name__ == "__main__":
    main()
