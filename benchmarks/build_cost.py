"""What a build of the digits recipe costs: time, memory, the second run, and `tinykd --help`.

Run it with `python benchmarks/build_cost.py`. Whole processes are measured, from outside.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import click

RESULTS = Path(__file__).parent / "results" / "build_cost.json"


def measure(command: list[str]) -> tuple[float, float]:
    """Wall seconds of a command, and the peak of its memory in MiB."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    if status != 0:
        raise click.ClickException(f"{' '.join(command)} failed")
    return seconds, usage.ru_maxrss / 1024


@click.command()
@click.option("--help-runs", default=5, show_default=True, help="The median of so many counts.")
def main(help_runs: int) -> None:
    """Measure a first build, a second one with nothing changed, and the help."""
    tinykd = shutil.which("tinykd")
    if tinykd is None:
        raise click.ClickException("tinykd is not installed: pip install .")
    with tempfile.TemporaryDirectory() as folder:
        first = measure([tinykd, "build", "--quiet", "--out", folder])
        second = measure([tinykd, "build", "--quiet", "--out", folder])
    shown = sorted(measure([tinykd, "--help"]) for _ in range(help_runs))[help_runs // 2]
    rows = {"tinykd build, from nothing": first, "tinykd build, again": second}
    rows["tinykd --help"] = shown
    facts = {name: {"seconds": round(s, 3), "peak_mib": round(m)} for name, (s, m) in rows.items()}
    machine = {"cores": os.cpu_count(), "python": platform.python_version()}
    RESULTS.write_text(json.dumps({"machine": machine, "measured": facts}, indent=1) + "\n")
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| command | wall time | peak memory |\n|---|---|---|")
    for name, (seconds, mebibytes) in rows.items():
        print(f"| `{name}` | {seconds:.2f} s | {mebibytes:.0f} MiB |")


if __name__ == "__main__":
    main()
