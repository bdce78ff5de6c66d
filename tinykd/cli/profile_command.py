"""``tinykd profile``: what a ``.tflite`` needs on a board, layer by layer."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from tinykd.cli.options import json_option, optimize_option, progress_option

if TYPE_CHECKING:
    from tinykd.progress import Progress


@click.command("profile", epilog="Example: tinykd profile model.tflite --board pico2 --json")
@click.argument("model", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--board", default="nano33ble", show_default=True, help="Target; see `tinykd boards`."
)
@click.option(
    "--inputs",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    metavar="FILE.npy",
    help="Samples [n, ...] in the type of the model's input, of which the first is run; an .npz "
    "file with an array for each where there are several inputs. A random one if not given.",
)
@click.option("--cc", type=click.Choice(["zig", "gcc"]), default="zig", show_default=True)
@optimize_option
@click.option(
    "--level",
    type=click.Choice(["O2", "O3", "Os"]),
    default=None,
    help="Optimization level of the compiler.  [default: O3, for size Os]",
)
@progress_option
@json_option
def command(
    model: Path,
    board: str,
    inputs: Path | None,
    cc: Literal["zig", "gcc"],
    optimize: Literal["speed", "balanced", "size"],
    level: Literal["O2", "O3", "Os"] | None,
    progress: Progress,
    as_json: bool,
) -> None:
    """Compile MODEL to C, run it on the board's emulated core, and measure it layer by layer.

    Instructions are counted; cycles and milliseconds are estimated from them, and the answer says
    how. Flash and RAM are those of the linked program. `tinykd verify` compares the bytes.
    """
    from firmware_export.profile import profile_tflite
    from firmware_export.tflite_reader import read_bytes
    from tinykd.cli.stage_output import naming
    from tinykd.deploy import read_inputs

    tflite = read_bytes(model)
    given = None if inputs is None else read_inputs(inputs)
    with naming(model), progress.task(f"C on an emulated {board}"):
        result = profile_tflite(tflite, board, inputs=given, cc=cc, optimize=optimize, level=level)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(result), indent=2))
        return
    from rich.console import Console

    from tinykd.cli.profile_tables import render_profile

    render_profile(result, Console())
