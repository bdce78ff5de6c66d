"""Five digits builds, one for each seed: distilled against scratch, int8 against float.

Run it with `python benchmarks/digits_seeds.py`; it takes about a minute for each seed on two cores.
The split is the same for every seed, so the differences are paired. Each seed trains its own
teacher, too: the same as `tinykd compare --new-teacher`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from tinykd import Comparison, compare, find_recipe
from tinykd.cli.console import choose_progress
from tinykd.results import ModelName, PairName

RESULTS = Path(__file__).parent / "results" / "digits_seeds.json"
ROWS: tuple[ModelName, ...] = ("teacher", "scratch", "student", "ptq", "qat", "c")
QUESTIONS: dict[PairName, str] = {
    "distillation": "student - scratch",
    "device": "int8 (C) - float",
}


@click.command()
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(2))
@click.option("--out", default=Path("build/digits_seeds"), type=click.Path(path_type=Path))
def main(seeds: int, out: Path) -> None:
    """Build once for each seed, and compare in pairs."""
    progress = choose_progress(quiet=False)
    comparison = compare(
        find_recipe("digits"), seeds=seeds, out=out, new_teacher=True, progress=progress
    )
    RESULTS.write_text(json.dumps(_results(comparison), indent=1) + "\n")
    print("| seed | " + " | ".join(ROWS) + " |")
    print("|---|" + "---|" * len(ROWS))
    for row in comparison.seeds:
        scores = (f"{100 * row.top1_accuracy[name]:.2f}" for name in ROWS)
        print(f"| {row.seed} | " + " | ".join(scores) + " |")
    means = (sum(row.top1_accuracy[name] for row in comparison.seeds) / seeds for name in ROWS)
    print("| mean | " + " | ".join(f"{100 * mean:.2f}" for mean in means) + " |")
    for name, (mean, low, high) in _results(comparison)["points_mean_low_high"].items():
        print(f"\n{name}: {mean:+.2f} points, 95 % interval {low:+.2f} to {high:+.2f}")


def _results(comparison: Comparison) -> dict[str, dict[Any, Any]]:
    """Accuracy by seed, and the mean difference of each question with its interval, in points."""
    scores = {
        row.seed: {**row.top1_accuracy, "float": row.top1_accuracy[row.reference]}
        for row in comparison.seeds
    }
    differences = {difference.name: difference for difference in comparison.differences}
    points = {
        title: [100 * value for value in (differences[name].mean, *differences[name].ci95)]
        for name, title in QUESTIONS.items()
    }
    return {"top1_accuracy": scores, "points_mean_low_high": points}


if __name__ == "__main__":
    main()
