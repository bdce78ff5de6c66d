"""``tinykd boards``: the table of boards."""

from __future__ import annotations

import dataclasses
import json

import click

from tinykd.cli.options import json_option


@click.command("boards", epilog="Example: tinykd boards --json")
@json_option
def command(as_json: bool) -> None:
    """List the boards: key, core, clock, and the flash and RAM that a program may use."""
    from firmware_export.target import BOARDS

    if as_json:
        click.echo(json.dumps([dataclasses.asdict(board) for board in BOARDS.values()], indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("key", no_wrap=True)
    table.add_column("board", overflow="fold")
    table.add_column("core", no_wrap=True)
    for heading in ("MHz", "flash KiB", "RAM KiB"):
        table.add_column(heading, justify="right", no_wrap=True)
    for board in BOARDS.values():
        table.add_row(
            board.key,
            board.name,
            board.core,
            f"{board.clock_hz / 1e6:.0f}",
            f"{board.flash_bytes / 1024:,.0f}",
            f"{board.ram_bytes / 1024:,.0f}",
        )
    Console().print(table)
