"""Thousands of random networks: does the generated C give every byte that TFLM gives?

Run it with `python -m benchmarks.random_graphs --count 2000 --seed 1` from the repository's root; a
run that was stopped goes on with `--resume`. Network number i is `random_graph(seed + i)` of
`tests/firmware/random_graphs.py`; a batch of them is one C program, compiled by gcc with address
and undefined-behaviour sanitizers; it runs all samples twice, with a reset of state between.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import click

from firmware_export import TinykdError, compile_tflite
from firmware_export.ir import Graph
from firmware_export.tflite_writer import write_tflite
from tests.firmware.fixtures.single_ops import samples
from tests.firmware.random_graphs import random_graph, side_by_side, two_sequences

RESULTS = Path(__file__).parent / "results" / "random_graphs.json"


def faults(graphs: list[Graph], random_samples: int) -> list[str]:
    """Outputs that differ, or what stopped the comparison, network by network."""
    together = side_by_side(graphs)
    inputs = samples(together, random=random_samples)
    try:
        return two_sequences(together, compile_tflite(write_tflite(together)), inputs)
    except TinykdError as error:
        if len(graphs) == 1:
            return [f"{graphs[0].inputs[0].name}: {error}"]
        return [fault for graph in graphs for fault in faults([graph], random_samples)]


def before(seed: int) -> Mapping[str, Any]:
    """What a run from the same seed has recorded so far."""
    recorded: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return recorded if recorded.get("seed") == seed else {}


@click.command()
@click.option("--count", default=2000, show_default=True, help="Networks.")
@click.option("--seed", default=1, show_default=True, help="Of the first network.")
@click.option("--batch", default=32, show_default=True, help="Networks in one C program.")
@click.option("--random-samples", default=6, show_default=True, help="Besides four extreme ones.")
@click.option("--resume", is_flag=True, help="Go on after the networks of the recorded run.")
def main(count: int, seed: int, batch: int, random_samples: int, *, resume: bool) -> None:
    """Compare COUNT random networks with TFLM and record the outcome."""
    earlier = before(seed) if resume else {}
    operators = Counter(earlier.get("operators", {}))
    wrong: list[str] = list(earlier.get("faults", ()))
    started = time.monotonic() - earlier.get("seconds", 0)
    for first in range(earlier.get("networks", 0), count, batch):
        last = min(first + batch, count)
        graphs = [random_graph(seed + i, name=f"net{seed + i}") for i in range(first, last)]
        operators.update(node.op for graph in graphs for node in graph.nodes)
        wrong += faults(graphs, random_samples)
        facts = {
            "command": f"python -m benchmarks.random_graphs --count {last} --seed {seed}",
            "networks": last,
            "seed": seed,
            "samples_each": 4 + random_samples,
            "nodes": operators.total(),
            "operators": dict(sorted(operators.items())),
            "faults": wrong,
            "oracle": f"tflite-micro {metadata.version('tflite-micro')}",
            "seconds": round(time.monotonic() - started),
        }
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(facts, indent=1) + "\n")
        click.echo(f"{last} of {count} networks, {len(wrong)} faults", err=True)
    click.echo(f"{count} networks of {operators.total()} operators, {len(wrong)} faults")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
