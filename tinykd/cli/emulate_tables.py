"""What ``tinykd emulate`` shows a person."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from tinykd.report.wording import layer_name
from tinykd.results import EmulateResult


def render_emulation(result: EmulateResult, board: str, console: Console) -> None:
    """Cost by layer, then flash, RAM and time on the board."""
    table = Table(box=None, pad_edge=False)
    table.add_column("operator", overflow="fold")
    table.add_column("writes", overflow="fold")
    for heading in ("MACs", "instructions", "per MAC", "constants"):
        table.add_column(heading, justify="right", no_wrap=True)
    for layer in result.layers:
        per_mac = f"{layer.instructions / layer.macs:.2f}" if layer.macs else "–"
        table.add_row(
            layer.op,
            layer_name(layer.name, 18),
            f"{layer.macs:,}",
            f"{layer.instructions:,}",
            per_mac,
            f"{layer.weights_bytes:,}",
        )
    console.print(table)
    size, time = result.footprint, result.latency[board]
    console.print(
        f"\nflash {size.flash_bytes:,} bytes (constants {size.weights_bytes:,}, code "
        f"{size.code_bytes:,}) of {time.flash_limit_bytes:,}\n"
        f"RAM   {size.ram_bytes:,} bytes (arena {size.arena_bytes:,}, at least "
        f"{size.arena_lower_bound_bytes:,}; stack {size.stack_bytes:,}) of "
        f"{time.ram_limit_bytes:,}\n"
        f"time  {time.latency_us / 1000:.3g} ms estimated on {time.display_name}: "
        f"{time.instructions:,} instructions, {time.estimated_cycles:,} cycles\n\n"
        f"Every output byte of {result.emulated_samples} samples equals TFLM's. {time.how}.",
        highlight=False,
    )
