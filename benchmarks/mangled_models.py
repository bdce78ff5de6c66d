"""Tens of thousands of damaged models: is each refused in one line, or compiled to sound C?

Run it with `python -m benchmarks.mangled_models FOLDER --count 5000` from the repository's root,
where FOLDER has `.tflite` files. Damage number i of a file is drawn from the seed and i. What still
compiles must not take long; a few of each model are run under address and undefined-behaviour
sanitizers. The compiler has to do with `MEMORY_BYTES`.
"""

from __future__ import annotations

import json
import resource
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click
import numpy as np

from firmware_export import CompiledModel, TinykdError, compile_tflite, read_tflite
from firmware_export.measure import run_on_host
from firmware_export.measure.input_values import input_values, random_samples, typed
from tests.firmware.mangle import MANGLERS

RESULTS = Path(__file__).parent / "results" / "mangled_models.json"
MEMORY_BYTES = 1 << 30
MAX_ARENA_BYTES = 1 << 20
SHARES = (0.4, 0.4, 0.2)
"""Of flipped bytes, replaced words and replaced fields."""


@dataclass
class Outcome:
    """What became of the damaged versions of one model.

    Attributes:
        files: How many.
        refused: With a message of one line.
        compiled: The others.
        run: Of these, under sanitizers.
        slowest_seconds: Of processor time, for one file.
        faults: What should not happen, with the number of the file.
    """

    files: int = 0
    refused: int = 0
    compiled: int = 0
    run: int = 0
    slowest_seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


def mangled(data: bytes, seed: int, number: int) -> bytes:
    """Damaged version ``number`` of a file."""
    rng = np.random.default_rng((seed, number))
    return MANGLERS[rng.choice(len(MANGLERS), p=SHARES)](data, rng)


def limit_memory(size: int) -> None:
    """Let this process, and what it starts, allocate so much."""
    resource.setrlimit(resource.RLIMIT_DATA, (size, resource.RLIM_INFINITY))


def try_file(data: bytes, number: int, outcome: Outcome) -> CompiledModel | None:
    """Compile a damaged file and note what happened."""
    limit_memory(MEMORY_BYTES)
    started = time.process_time()
    compiled = None
    try:
        compiled = compile_tflite(data)
    except TinykdError as error:
        if "\n" in str(error):
            outcome.faults.append(f"{number}: a message of several lines: {error}")
    except Exception as error:
        outcome.faults.append(f"{number}: {type(error).__name__}: {error}")
    outcome.slowest_seconds = max(outcome.slowest_seconds, time.process_time() - started)
    outcome.files += 1
    outcome.compiled += compiled is not None
    outcome.refused += compiled is None
    return compiled


def try_c(data: bytes, compiled: CompiledModel, number: int, outcome: Outcome) -> None:
    """Run what a damaged file was compiled to."""
    values = input_values(read_tflite(data))
    inputs = typed(values, random_samples(values, 2, seed=0))
    limit_memory(resource.RLIM_INFINITY)  # the address sanitizer reserves terabytes
    try:
        run_on_host(compiled, inputs, cc="gcc", sanitize="address,undefined")
    except TinykdError as error:
        outcome.faults.append(f"{number}: {error}")
    outcome.run += 1


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--count", default=5000, show_default=True, help="Damaged versions of each model.")
@click.option("--seed", default=1, show_default=True)
@click.option("--run-every", default=500, show_default=True, help="Run one of so many compiled.")
def main(folder: Path, count: int, seed: int, run_every: int) -> None:
    """Damage every model in FOLDER and record the outcome."""
    outcomes: dict[str, Outcome] = {}
    for file in sorted(folder.glob("*.tflite"), key=lambda path: path.stat().st_size):
        sound, outcome = file.read_bytes(), Outcome()
        outcomes[file.name] = outcome
        for number in range(count):
            data = mangled(sound, seed, number)
            compiled = try_file(data, number, outcome)
            wanted = compiled is not None and outcome.compiled % run_every == 1
            if compiled is not None and wanted and compiled.arena_bytes < MAX_ARENA_BYTES:
                try_c(data, compiled, number, outcome)
        record(outcomes, count, seed)
        click.echo(f"{file.name}: {asdict(outcome)}", err=True)
    raise SystemExit(any(outcome.faults for outcome in outcomes.values()))


def record(outcomes: dict[str, Outcome], count: int, seed: int) -> None:
    """Write what is known so far."""
    facts = {
        "command": f"python -m benchmarks.mangled_models FOLDER --count {count} --seed {seed}",
        "memory_limit_bytes": MEMORY_BYTES,
        "models": {
            name: {**asdict(outcome), "slowest_seconds": round(outcome.slowest_seconds, 2)}
            for name, outcome in outcomes.items()
        },
    }
    RESULTS.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
