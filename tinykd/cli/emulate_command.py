"""``tinykd emulate``: a ``.tflite`` as C on an emulated board."""

from __future__ import annotations

from pathlib import Path

import click

from tinykd.cli.console import choose_progress, json_option, quiet_option


@click.command("emulate", epilog="Example: tinykd emulate model.tflite --board pico2 --json")
@click.argument("model", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--board", default="nano33ble", show_default=True, help="Target; see `tinykd boards`."
)
@click.option(
    "--inputs",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    metavar="FILE.npy",
    help="int8 samples [n, ...] to run; four random ones if not given.",
)
@click.option("--cc", type=click.Choice(["zig", "gcc"]), default="zig", show_default=True)
@click.option("--optimize", type=click.Choice(["O2", "O3", "Os"]), default="O3", show_default=True)
@quiet_option
@json_option
def command(
    model: Path,
    board: str,
    inputs: Path | None,
    cc: str,
    optimize: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Compile MODEL to C, run it on the board's emulated core, and compare it with TFLM.

    Instructions are counted; cycles and milliseconds are estimated from them, and the answer says
    how. Flash and RAM are those of the linked program.
    """
    from firmware_export.tflite_reader import read_bytes
    from tinykd.config import parse_config
    from tinykd.deploy import emulate_on_board, random_inputs, read_inputs

    tflite = read_bytes(model)
    target = parse_config(
        {"target": {"board": board, "compiler": cc, "optimize": optimize}}, source="command line"
    ).target
    samples = random_inputs(tflite) if inputs is None else read_inputs(inputs)
    result = emulate_on_board(tflite, target, samples, progress=choose_progress(quiet=quiet))
    if as_json:
        click.echo(result.model_dump_json(indent=2))
        return
    from rich.console import Console

    from tinykd.cli.emulate_tables import render_emulation

    render_emulation(result, target.board, Console())
