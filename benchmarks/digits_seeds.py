"""Five digits builds, one for each seed: distilled against scratch, int8 against float.

Run it with `python benchmarks/digits_seeds.py`; it takes about a minute for each seed on two cores.
The split is the same for every seed, so the differences are paired.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import click
import numpy as np

from tinykd import build, find_recipe
from tinykd.cli.console import choose_progress

RESULTS = Path(__file__).parent / "results" / "digits_seeds.json"
ROWS = ("teacher", "scratch", "student", "ptq", "qat", "c")
T_975 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}
"""97.5 % quantile of Student's t for so many runs, less one degree of freedom."""


def interval(differences: list[float]) -> tuple[float, float, float]:
    """Mean of paired differences in points, and its 95 % interval."""
    points = 100 * np.asarray(differences)
    mean = float(points.mean())
    half = T_975[len(points)] * float(points.std(ddof=1)) / math.sqrt(len(points))
    return mean, mean - half, mean + half


@click.command()
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(2, 10))
@click.option("--out", default=Path("build/digits_seeds"), type=click.Path(path_type=Path))
def main(seeds: int, out: Path) -> None:
    """Build once for each seed, and compare in pairs."""
    scores = {}
    for seed in range(seeds):
        config = find_recipe("digits").model_copy(update={"seed": seed})
        report = build(config, out=out / str(seed), progress=choose_progress(quiet=False))
        scores[seed] = {model.name: model.top1_accuracy for model in report.models}
        scores[seed]["float"] = scores[seed][report.distill.shipped]
    differences = {
        "student - scratch": [row["student"] - row["scratch"] for row in scores.values()],
        "int8 (C) - float": [row["c"] - row["float"] for row in scores.values()],
    }
    summary = {name: interval(values) for name, values in differences.items()}
    RESULTS.write_text(
        json.dumps({"top1_accuracy": scores, "points_mean_low_high": summary}, indent=1) + "\n"
    )
    print("| seed | " + " | ".join(ROWS) + " |")
    print("|---|" + "---|" * len(ROWS))
    for seed, row in scores.items():
        print(f"| {seed} | " + " | ".join(f"{100 * row[name]:.2f}" for name in ROWS) + " |")
    means = [100 * float(np.mean([row[name] for row in scores.values()])) for name in ROWS]
    print("| mean | " + " | ".join(f"{mean:.2f}" for mean in means) + " |")
    for name, (mean, low, high) in summary.items():
        print(f"\n{name}: {mean:+.2f} points, 95 % interval {low:+.2f} to {high:+.2f}")


if __name__ == "__main__":
    main()
