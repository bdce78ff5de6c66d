"""How long `tinykd export` takes, beside what starting Python takes at the same moment.

Run it with `python benchmarks/export_cost.py MODEL.tflite`. Whole processes are measured, from
outside, the two in turn, so that the load of the machine concerns both; the ratio is of processor
time, which hardly depends on the load.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

RESULTS = Path(__file__).parent / "results" / "export_cost.json"
EXPORT = "from tinykd.cli import main; main()"


def measure(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Wall seconds of a command, and seconds of the processor."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    if status != 0:
        raise click.ClickException(f"{' '.join(command)} failed")
    return seconds, usage.ru_utime + usage.ru_stime


@click.command()
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--runs", default=9, show_default=True, help="Of each; the median counts.")
def main(model: Path, runs: int) -> None:
    """Measure `tinykd export MODEL --to c` and `python -c pass`."""
    with tempfile.TemporaryDirectory() as folder:
        # As after an installation: modules are compiled once, which the first run does.
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": f"{folder}/pycache"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        arguments = ["export", str(model), "--to", "c", "--out", folder]
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            f"tinykd export {model.name} --to c": [sys.executable, "-c", EXPORT, *arguments],
        }
        for command in commands.values():
            measure(command, environment)
        rows: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(runs):
            for name, command in commands.items():
                rows[name].append(measure(command, environment))
    facts = {
        name: {
            "wall_seconds": round(statistics.median(wall for wall, _ in row), 3),
            "cpu_seconds": round(statistics.median(cpu for _, cpu in row), 3),
        }
        for name, row in rows.items()
    }
    start, export = (row["cpu_seconds"] for row in facts.values())
    recorded = {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "measured": facts,
        "cpu_ratio": round(export / start, 1),
    }
    RESULTS.write_text(json.dumps(recorded, indent=1) + "\n")
    print(json.dumps(recorded, indent=1))


if __name__ == "__main__":
    main()
