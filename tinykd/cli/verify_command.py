"""``tinykd verify``: the generated C of a ``.tflite`` against TFLM, byte for byte."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from tinykd.cli.cores import CORES
from tinykd.cli.options import json_option, optimize_option, progress_option

if TYPE_CHECKING:
    from firmware_export.verify import Verification
    from tinykd.progress import Progress


@click.command(
    "verify", epilog="Example: tinykd verify model.tflite --target cortex-m4 --samples 100"
)
@click.argument("model", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--samples",
    type=click.IntRange(min=0),
    default=32,
    show_default=True,
    help="Random samples, besides four that saturate.",
)
@click.option(
    "--inputs",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    metavar="FILE.npy",
    help="Samples [n, ...] to run as well, in the type of the model's input; an .npz file with an "
    "array for each where there are several inputs.",
)
@click.option(
    "--target",
    type=click.Choice(["host", *CORES]),
    default="host",
    show_default=True,
    help="Where the C runs: this computer, or an emulated core.",
)
@click.option("--cc", type=click.Choice(["zig", "gcc"]), default="zig", show_default=True)
@optimize_option
@progress_option
@json_option
def command(
    model: Path,
    samples: int,
    inputs: Path | None,
    target: str,
    cc: Literal["zig", "gcc"],
    optimize: Literal["speed", "balanced", "size"],
    progress: Progress,
    as_json: bool,
) -> None:
    """Build the C of MODEL, run it, and compare every output byte with TFLM.

    The samples saturate, are random, or are yours, in the types of the model's inputs; real ones
    are quarters of the steps that the model can tell apart. A model with state keeps it from
    sample to sample, as TFLM does.

    Where a byte differs, the model is cut off behind each layer in turn, and the first layer whose
    result differs is named. The exit code is 0 only if every byte is the same.
    """
    from firmware_export.tflite_reader import read_bytes
    from firmware_export.verify import verify_tflite
    from tinykd.cli.stage_output import naming
    from tinykd.deploy import read_inputs

    tflite = read_bytes(model)
    given = None if inputs is None else read_inputs(inputs)
    with naming(model), progress.task(f"C on {target} against TFLM"):
        result = verify_tflite(
            tflite, inputs=given, samples=samples, target=target, cc=cc, optimize=optimize
        )
    if as_json:
        facts = {"equal": result.equal, **dataclasses.asdict(result)}
        click.echo(json.dumps(facts, indent=2))
    else:
        click.echo(describe(result))
    if not result.equal:
        click.get_current_context().exit(1)


def describe(result: Verification) -> str:
    """The answer for a person: two lines, and where it goes wrong."""
    how = f"{result.how}."
    if result.equal:
        return f"Equal: {result.compared_bytes:,} output bytes of {result.samples} samples.\n{how}"
    total = (
        f"Different: {result.differing_bytes:,} of {result.compared_bytes:,} output bytes of "
        f"{result.samples} samples.\n{how}\n"
    )
    found = result.first_difference
    if found is None:
        return total + "No layer differs when the model ends there: its memory plan is suspect."
    return total + (
        f"First in layer {found.layer}, {found.op} at '{found.name}': {found.differing_bytes:,} "
        f"of {found.compared_bytes:,} bytes, at first value {found.position} of sample "
        f"{found.sample}: expected {found.expected}, got {found.got}."
    )
