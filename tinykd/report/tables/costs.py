"""What the C costs on each board, and layer by layer."""

from __future__ import annotations

from dataclasses import dataclass

from tinykd.report import wording
from tinykd.report.tables.models import SHIPPED, how_numbers
from tinykd.report.wording import NONE
from tinykd.results import BoardLatency, LayerCost, Report


@dataclass(frozen=True)
class BoardRow:
    """One board. ``mark`` is set on the board that the build is for."""

    board: str
    core: str
    mark: str
    fits: bool
    flash: str
    flash_share: str
    ram: str
    ram_share: str
    instructions: str
    cycles: str
    latency_ms: str
    how: int


@dataclass(frozen=True)
class LayerRow:
    """One layer of the generated C."""

    name: str
    op: str
    macs: str
    weights_kib: str
    instructions: str
    share: str
    per_mac: str
    cycles: str


def board_rows(report: Report) -> tuple[BoardRow, ...]:
    """Return the board table, in the order of the report."""
    numbers = how_numbers(report)
    return tuple(
        _board_row(board, SHIPPED if key == report.board else "", numbers[board.how])
        for key, board in report.latency.items()
    )


def _board_row(board: BoardLatency, mark: str, how: int) -> BoardRow:
    return BoardRow(
        board=board.display_name,
        core=f"{board.core}, {wording.clock(board.clock_hz)}",
        mark=mark,
        fits=board.fits,
        flash=_of(board.flash_bytes, board.flash_limit_bytes),
        flash_share=_share(board.flash_bytes, board.flash_limit_bytes),
        ram=_of(board.ram_bytes, board.ram_limit_bytes),
        ram_share=_share(board.ram_bytes, board.ram_limit_bytes),
        instructions=f"{board.instructions:,}",
        cycles=f"{board.estimated_cycles:,}",
        latency_ms=wording.milliseconds(board.latency_us),
        how=how,
    )


def _of(used_bytes: int, limit_bytes: int) -> str:
    return f"{wording.kib(used_bytes)} of {wording.kib(limit_bytes)}"


def _share(part: int, whole: int) -> str:
    return f"{wording.figures(100 * part / whole, 2)} %" if whole else NONE


def layer_rows(report: Report) -> tuple[LayerRow, ...]:
    """Return the cost of each layer of the generated C, in the order they run."""
    total = sum(layer.instructions for layer in report.layers)
    return tuple(
        LayerRow(
            name=layer.name,
            op=layer.op,
            macs=f"{layer.macs:,}",
            weights_kib=wording.kib(layer.weights_bytes),
            instructions=f"{layer.instructions:,}",
            share=f"{100 * layer.instructions / total:.1f}" if total else NONE,
            per_mac=per_mac(layer),
            cycles=f"{layer.estimated_cycles:,}",
        )
        for layer in report.layers
    )


def per_mac(layer: LayerCost) -> str:
    """Write the instructions per multiply-accumulate of a layer that has any."""
    return wording.figures(layer.instructions / layer.macs) if layer.macs else NONE


def static_bytes(report: Report) -> int:
    """RAM that is neither arena nor stack."""
    footprint = report.footprint
    return max(0, footprint.ram_bytes - footprint.arena_bytes - footprint.stack_bytes)
