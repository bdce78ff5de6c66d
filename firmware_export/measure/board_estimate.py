"""From an emulated inference to a board: does it fit, and how long does it take."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_export.errors import BoardError
from firmware_export.measure.cycles import CYCLE_MODELS
from firmware_export.measure.emulator import EmulationResult
from firmware_export.target import Board


@dataclass(frozen=True)
class BoardEstimate:
    """What a model needs on a board.

    Attributes:
        board: Key in `BOARDS`.
        instructions: Counted, one inference.
        estimated_cycles: From the cycle model of the core, zero wait states.
        latency_us: ``estimated_cycles`` x the core's hardware factor / clock.
        fits_flash: The model alone fits the flash that programs may use.
        fits_ram: Its arena, static data and stack fit the RAM that programs may use.
        method: How the figures were obtained, one sentence.
        uncertainty: Expected error of ``latency_us``, in words.
    """

    board: str
    instructions: int
    estimated_cycles: int
    latency_us: float
    fits_flash: bool
    fits_ram: bool
    method: str
    uncertainty: str

    @property
    def fits(self) -> bool:
        """Whether the board has room for the model."""
        return self.fits_flash and self.fits_ram


def estimate_on_board(emulation: EmulationResult, board: Board) -> BoardEstimate:
    """Carry the result of an emulated core over to a board that has this core.

    Args:
        emulation: From `emulate` with the board's core.
        board: A row of `BOARDS`.

    Raises:
        BoardError: The emulation is of another core.
    """
    if emulation.core != board.core:
        raise BoardError(
            f"{board.name} has a {board.core}, but the model was emulated on {emulation.core}. "
            f"Emulate it on {board.core}."
        )
    model = CYCLE_MODELS[board.core]
    seconds = emulation.estimated_cycles * model.hardware_factor / board.clock_hz
    return BoardEstimate(
        board=board.key,
        instructions=emulation.instructions,
        estimated_cycles=emulation.estimated_cycles,
        latency_us=seconds * 1e6,
        fits_flash=emulation.footprint.flash_bytes <= board.flash_bytes,
        fits_ram=emulation.footprint.ram_bytes <= board.ram_bytes,
        method=emulation.method,
        uncertainty=model.uncertainty,
    )
