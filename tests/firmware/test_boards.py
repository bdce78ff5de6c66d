"""The tables of cores and boards, and what an estimate for a board says."""

from dataclasses import replace

import numpy as np
import pytest

from firmware_export.errors import BoardError
from firmware_export.measure import (
    CYCLE_MODELS,
    EmulationResult,
    Footprint,
    estimate_on_board,
)
from firmware_export.target import BOARDS, CORES, find_board, find_core

WANTED = {
    "nano33ble", "unor4", "nanorp2040", "portentah7", "niclasenseme", "pico", "pico2", "gigar1",
    "niclavision", "portentac33", "nucleol4r5zi", "stm32f746gdisco", "nano33iot", "teensy41",
    "esp32c3", "pico2riscv",
}  # fmt: skip


def emulation(core: str, *, cycles: int, flash: int = 10_000, ram: int = 2_000) -> EmulationResult:
    footprint = Footprint(flash, flash, 0, ram, ram, 0, 0, ())
    outputs = np.zeros((1, 1), np.int8)
    return EmulationResult(
        core, "zig cc", "O3", outputs, cycles, cycles, (), 0, footprint, "method of the core"
    )


def test_every_wanted_board_is_there() -> None:
    assert set(BOARDS) >= WANTED


@pytest.mark.parametrize("key", BOARDS)
def test_a_board_is_complete(key: str) -> None:
    board = BOARDS[key]
    assert board.core in CORES
    assert board.core in CYCLE_MODELS
    assert 20_000_000 <= board.clock_hz <= 1_000_000_000
    assert board.ram_bytes < board.flash_bytes
    assert board.source


def test_keys_can_be_typed() -> None:
    assert all(key.isalnum() and key.islower() for key in BOARDS)


@pytest.mark.parametrize(
    ("given", "meant"), [("nano33", "nano33iot"), ("Pico-2", "pico2"), ("unoR4", "unor4")]
)
def test_an_unknown_board_names_the_nearest(given: str, meant: str) -> None:
    with pytest.raises(BoardError, match=f"unknown board '{given}': did you mean '{meant}'"):
        find_board(given)


def test_an_unknown_core_lists_the_known_ones() -> None:
    with pytest.raises(BoardError, match="unknown core 'avr': Known: cortex-m0plus, cortex-m3"):
        find_core("avr")


def test_latency_is_cycles_times_factor_by_clock() -> None:
    board = find_board("nucleol4r5zi")
    estimate = estimate_on_board(emulation("cortex-m4", cycles=1_200_000), board)
    assert estimate.latency_us == pytest.approx(10_000 * 1.23)  # float arithmetic
    assert estimate.method == "method of the core"
    assert "15 %" in estimate.uncertainty


def test_fitting_is_judged_for_flash_and_ram() -> None:
    board = find_board("unor4")
    fits = emulation("cortex-m4", cycles=1, flash=board.flash_bytes, ram=board.ram_bytes)
    assert estimate_on_board(fits, board).fits
    for field in ("flash_bytes", "ram_bytes"):
        more = replace(fits.footprint, **{field: getattr(board, field) + 1})
        assert not estimate_on_board(replace(fits, footprint=more), board).fits


def test_an_emulation_of_another_core_is_refused() -> None:
    with pytest.raises(BoardError, match=r"has a cortex-m0plus, but .* emulated on cortex-m4"):
        estimate_on_board(emulation("cortex-m4", cycles=1), find_board("pico"))
