"""``tinykd export``: an int8 ``.tflite``, ours or a stranger's, as source code."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from tinykd.cli.cores import CORES
from tinykd.cli.options import json_option, optimize_option

if TYPE_CHECKING:
    from firmware_export.compiled import CompiledModel

HELP = """Turn MODEL, an int8 .tflite, into C that needs no library.

\b
c        <name>.h and <name>.c: the whole model as C99
c_array  <name>_model_data.h/.cc: the file as an array, for TensorFlow Lite Micro
arduino  a library folder with a sketch that tests itself
"""


@click.command("export", help=HELP, epilog="Example: tinykd export model.tflite --to c --out src")
@click.argument("model", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--to",
    "formats",
    type=click.Choice(["c", "c_array", "arduino"]),
    multiple=True,
    default=("c",),
    show_default=True,
    help="What to write; may be given several times.",
)
@click.option("--name", default=None, help="Prefix of the C names; the file's name if not given.")
@click.option(
    "--labels", default=None, metavar="A,B,...", help="Names of the classes, in output order."
)
@click.option(
    "--target",
    type=click.Choice(CORES),
    default=None,
    help="Core that the C is made for; it gives the same bytes on the others.  [default: that of "
    "--board, or cortex-m4]",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder for the files.  [default: here]",
)
@click.option(
    "--dump-ir",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    metavar="DIR",
    help="Write the graph as text, as it was read and after each pass, to DIR.",
)
@optimize_option
@click.option(
    "--board",
    default=None,
    help="Board whose core, flash and RAM decide with --optimize.",
)
@json_option
def command(
    model: Path,
    formats: tuple[str, ...],
    name: str | None,
    labels: str | None,
    target: str | None,
    out: Path,
    dump_ir: Path | None,
    optimize: Literal["speed", "balanced", "size"],
    board: str | None,
    as_json: bool,
) -> None:
    """Write the files of every format, or none."""
    from firmware_export import compile_tflite
    from firmware_export.exporters import EXPORTERS, write_files
    from firmware_export.tflite_reader import read_bytes
    from tinykd.cli.stage_output import naming
    from tinykd.export_request import make_request

    tflite = read_bytes(model)
    with naming(model):
        compiled = compile_tflite(
            tflite,
            name=name or model.stem,
            optimize=optimize,
            dump_ir=dump_ir,
            **_target(target, board),
        )
    request = make_request(
        compiled, tflite, formats=formats, labels=tuple(labels.split(",")) if labels else ()
    )
    # All are made before any is written: one that refuses the model leaves nothing behind.
    made = {exporter: EXPORTERS[exporter](request) for exporter in formats}
    written = [
        str(path)
        for exporter, files in made.items()
        for path in write_files(files, _folder(out, exporter, compiled.name))
    ]
    click.echo(_as_json(compiled, written) if as_json else _as_text(compiled, written))


def _as_json(compiled: CompiledModel, written: list[str]) -> str:
    facts = {
        "files": written,
        "arena_bytes": compiled.arena_bytes,
        "arena_lower_bound_bytes": compiled.arena_lower_bound_bytes,
        "weights_bytes": compiled.weights_bytes,
        "macs": compiled.macs,
        "removed": dataclasses.asdict(compiled.removed),
    }
    return json.dumps(facts, indent=2)


def _as_text(compiled: CompiledModel, written: list[str]) -> str:
    from tinykd.cli.stage_output import removed_text

    lines = [
        *(f"Wrote {path}" for path in written),
        f"{compiled.macs:,} MACs, {compiled.weights_bytes:,} bytes of constants, "
        f"{compiled.arena_bytes:,} bytes of arena",
    ]
    if compiled.removed.channels:
        lines.append(removed_text(compiled.removed))
    return "\n".join(lines)


def _target(core: str | None, board: str | None) -> dict[str, Any]:
    """What `compile_tflite` is to know of the core and the board.

    Raises:
        BoardError: If the board is unknown, or has another core.
    """
    from firmware_export.choose import board_budget
    from firmware_export.errors import BoardError
    from firmware_export.target import find_board

    if board is None:
        return {} if core is None else {"target": core}
    found = find_board(board)
    if core not in (None, found.core):
        raise BoardError(f"board '{board}' has a {found.core}, not a {core}. Leave --target out.")
    return {"target": found.core, "budget": board_budget(found)}


def _folder(out: Path, exporter: str, name: str) -> Path:
    """An Arduino library is a folder of its own; the other files stand together."""
    return out / name if exporter == "arduino" else out
