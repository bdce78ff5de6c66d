"""Random budgets on digits: is the student that was chosen within them once it is trained?

Run it with `python -m benchmarks.student_budgets`. For each budget the student is found as by
`tinykd student`, trained, converted, compiled and linked; then its memory is compared.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import tf_keras

from benchmarks.runs import Runs
from firmware_export import compile_tflite
from firmware_export.measure import Footprint, measure_memory
from firmware_export.target import CORES
from tinykd import find_recipe, largest_students
from tinykd.config import StudentConfig
from tinykd.convert import convert_ptq
from tinykd.datasets import Dataset, load_dataset
from tinykd.errors import StudentError
from tinykd.quantization.qat import inference_form
from tinykd.results import StudentCost
from tinykd.students.architectures import STUDENTS, build_student

RESULTS = Path(__file__).parent / "results" / "student_budgets.json"
LOWEST, HIGHEST = (2_000, 150, 1_000), (60_000, 6_000, 1_000_000)
"""Flash, RAM, MACs; drawn so that each order of magnitude is as likely as another."""


def train_and_link(cost: StudentCost, data: Dataset, epochs: int, seed: int) -> Footprint:
    """What a student takes on a Cortex-M4 after training."""
    config = StudentConfig.model_validate({"architecture": cost.architecture, "width": cost.width})
    model = build_student(config, data.input_shape, data.classes, seed=seed)
    samples = data.x_train.astype(np.float32) * np.float32(data.input_scale)
    loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tf_keras.optimizers.Adam(3e-3), loss)
    model.fit(samples, data.y_train, batch_size=64, epochs=epochs, verbose=0)
    tflite = convert_ptq(inference_form(model), samples[:512])
    return measure_memory(compile_tflite(tflite, name="student"), CORES["cortex-m4"])


def try_budget(limits: dict[str, int], architecture: str, epochs: int, seed: int) -> dict[str, Any]:
    """The student that is chosen within a budget, and what it takes when it is trained."""
    recipe = find_recipe("digits")
    try:
        choice = largest_students(
            recipe,
            flash_bytes=limits["flash_bytes"],
            ram_bytes=limits["ram_bytes"],
            macs=limits["macs"],
            architectures=[architecture],
        )
    except StudentError as refusal:
        return {"refused": str(refusal)}
    (cost,) = choice.students
    made = train_and_link(cost, load_dataset(recipe.data), epochs, seed)
    return {
        **cost.model_dump(),
        "more_flash_bytes": made.flash_bytes - cost.flash_bytes,
        "more_ram_bytes": made.ram_bytes - cost.ram_bytes,
        "within": made.flash_bytes <= limits["flash_bytes"]
        and made.ram_bytes <= limits["ram_bytes"]
        and cost.macs <= limits["macs"],
    }


@click.command()
@click.option("--count", default=12, show_default=True, help="Budgets.")
@click.option("--epochs", default=8, show_default=True, help="Of each training.")
def main(count: int, epochs: int) -> None:
    """Draw budgets, choose a student within each, train it, and compare."""
    runs, rng = Runs(RESULTS), np.random.default_rng(0)
    rows = []
    for index in range(count):
        drawn = np.exp(rng.uniform(np.log(LOWEST), np.log(HIGHEST))).astype(int).tolist()
        limits = dict(zip(("flash_bytes", "ram_bytes", "macs"), drawn, strict=True))
        architecture = str(rng.choice(sorted(STUDENTS.keys() - {"autoencoder"})))
        name = f"{index:03d} {architecture} within " + ", ".join(f"{n:,}" for n in drawn)
        compute = partial(try_budget, limits, architecture, epochs, seed=index)
        rows.append(runs.get(name, (limits, architecture, epochs), compute))
    chosen = [row for row in rows if "refused" not in row]
    print(f"{len(chosen)} students, {len(rows) - len(chosen)} budgets that nothing fits")
    print(f"within their budget: {sum(row['within'] for row in chosen)}")
    for key in ("more_flash_bytes", "more_ram_bytes"):
        values = [row[key] for row in chosen]
        print(f"{key} after training: {min(values)} to {max(values)}")


if __name__ == "__main__":
    main()
