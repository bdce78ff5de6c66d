"""What ``tinykd profile`` shows a person."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from firmware_export.profile import LayerProfile, Profile
from firmware_export.target import BOARDS
from tinykd.cli.stage_output import removed_text
from tinykd.report.wording import layer_name

BAR_WIDTH = 40


def render_profile(profile: Profile, console: Console) -> None:
    """Cost by layer, RAM over time, then flash, RAM and time on the board."""
    console.print(_costs(profile.layers))
    if any(layer.code_shared_with for layer in profile.layers):
        console.print("+ calls code that is counted for an earlier layer of equal shape")
    if any(layer.variant for layer in profile.layers):
        console.print(f"\nKernels of layers that can run in several ways, for {profile.optimize}")
        console.print(_variants(profile.layers))
    console.print("\nRAM in use while each layer runs, bytes of the arena")
    console.print(_timeline(profile))
    console.print(
        f"\nflash {profile.flash_bytes:,} bytes (constants {profile.weights_bytes:,}, code "
        f"{profile.code_bytes:,}) of {profile.flash_limit_bytes:,}\n"
        f"RAM   {profile.ram_bytes:,} bytes (arena {profile.arena_bytes:,} for "
        f"{profile.arena_lower_bound_bytes:,} alive together; stack {profile.stack_bytes:,}) of "
        f"{profile.ram_limit_bytes:,}\n"
        f"time  {profile.latency_us / 1000:.3g} ms estimated on {BOARDS[profile.board].name}: "
        f"{profile.instructions:,} instructions, {profile.estimated_cycles:,} cycles, "
        f"{profile.macs:,} MACs\n"
        f"{_removed(profile)}\n"
        f"{profile.how[0].upper()}{profile.how[1:]}.",
        highlight=False,
    )


def _costs(layers: tuple[LayerProfile, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("operator", overflow="fold")
    table.add_column("writes", overflow="fold")
    for heading in ("MACs", "instructions", "per MAC", "cycles", "constants", "code"):
        table.add_column(heading, justify="right", no_wrap=True)
    for layer in layers:
        per_mac = layer.instructions_per_mac
        table.add_row(
            layer.op,
            layer_name(layer.name, 18),
            f"{layer.macs:,}",
            f"{layer.instructions:,}",
            "–" if per_mac is None else f"{per_mac:.2f}",
            f"{layer.estimated_cycles:,}",
            f"{layer.weights_bytes:,}",
            f"{layer.code_bytes:,}{' +' if layer.code_shared_with else ''}",
        )
    return table


def _removed(profile: Profile) -> str:
    """A line on constant channels, empty where there were none."""
    return f"{removed_text(profile.removed)}\n" if profile.removed.channels else ""


def _variants(layers: tuple[LayerProfile, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("writes", overflow="fold")
    table.add_column("kernel", overflow="fold")
    table.add_column("saves, estimated instructions", justify="right")
    for layer in layers:
        if layer.variant:
            saved = f"{layer.saved_instructions:,}" if layer.saved_instructions else "–"
            table.add_row(layer_name(layer.name, 18), layer.variant, saved)
    return table


def _timeline(profile: Profile) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    for layer in profile.layers[:-1]:
        table.add_row(
            layer_name(layer.name, 18),
            f"{layer.alive_bytes:,}",
            bar(layer.alive_bytes, profile.arena_bytes),
        )
    return table


def bar(part: int, whole: int, width: int = BAR_WIDTH) -> str:
    """A bar of text whose full width stands for ``whole``.

    Example:
        >>> bar(3, 4, width=8)
        '██████··'
        >>> bar(0, 0, width=2)
        '··'
    """
    filled = round(width * part / whole) if whole else 0
    return "█" * filled + "·" * (width - filled)
