"""The cores that can be emulated, and the boards that carry them: tables and their lookup."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import TypeVar

from firmware_export.errors import BoardError

Row = TypeVar("Row")


@dataclass(frozen=True)
class Architecture:
    """An instruction set, and the tools that come in one edition for each.

    Attributes:
        name: Key of what knows its registers and encodings, such as ``"arm"``.
        gcc: The GNU cross-compiler.
        gcc_flags: What it needs for every core: the small C library, as Arduino's cores link it.
        start_source: File of the harness that says what C cannot: reset, traps, semihosting.
        qemu: The QEMU program.
        qemu_flags: What it needs for every machine.
    """

    name: str
    gcc: str
    gcc_flags: tuple[str, ...]
    start_source: str
    qemu: str
    qemu_flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Core:
    """A processor core: how to compile for it and how to emulate it.

    Attributes:
        name: Key in `CORES`, such as ``"cortex-m4"``.
        architecture: Its instruction set.
        zig_target: ``-target`` of ``zig cc``.
        zig_cpu: ``-mcpu`` of ``zig cc``. Zig's ``cortex_m4``, ``_m7`` and ``_m33`` have neither
            FPU nor (M33) DSP instructions unless these are added.
        zig_runtime_cpu: ``-mcpu`` while linking: what zig builds its helper library for. One
            library for the three cores that can run it saves half a minute on a fresh machine.
        gcc_flags: What the architecture's gcc needs for the same instructions.
        unicorn_cpu: Name of the ``UC_CPU_...`` constant.
        qemu_machine: QEMU machine for the cross-check.
        flash_origin: Address of flash in the linker script, that of ``qemu_machine``.
        ram_origin: Address of RAM in the linker script, that of ``qemu_machine``.
    """

    name: str
    architecture: Architecture
    zig_target: str
    zig_cpu: str
    zig_runtime_cpu: str
    gcc_flags: tuple[str, ...]
    unicorn_cpu: str
    qemu_machine: str
    flash_origin: int = 0x0000_0000
    ram_origin: int = 0x2000_0000


@dataclass(frozen=True)
class Board:
    """A board that people buy.

    Attributes:
        key: Key in `BOARDS`, what a user types.
        name: Name for reports.
        mcu: Chip.
        core: Key in `CORES`.
        clock_hz: Core clock.
        flash_bytes: Flash that a program may fill.
        ram_bytes: RAM that a program may use, stack and heap included.
        source: Where the limits come from.
    """

    key: str
    name: str
    mcu: str
    core: str
    clock_hz: int
    flash_bytes: int
    ram_bytes: int
    source: str


ARM = Architecture(
    name="arm",
    gcc="arm-none-eabi-gcc",
    gcc_flags=("--specs=nano.specs",),
    start_source="start_arm.c",
    qemu="qemu-system-arm",
)
RISCV = Architecture(
    name="riscv",
    gcc="riscv64-unknown-elf-gcc",  # Debian's, which makes 32-bit code as well
    gcc_flags=("--specs=picolibc.specs",),
    start_source="start_riscv.c",
    qemu="qemu-system-riscv32",
    qemu_flags=("-bios", "none"),  # else its firmware starts first
)

_M4 = "cortex_m4+vfp4d16sp"
_RV32IMC = "generic_rv32+m+c"
_HARD_FLOAT = ("-mthumb", "-mfloat-abi=hard")

CORES: Mapping[str, Core] = MappingProxyType(
    {
        core.name: core
        for core in (
            Core(
                name="cortex-m0plus",
                architecture=ARM,
                zig_target="thumb-freestanding-eabi",
                zig_cpu="cortex_m0plus",
                zig_runtime_cpu="cortex_m0plus",
                gcc_flags=("-mcpu=cortex-m0plus", "-mthumb", "-mfloat-abi=soft"),
                unicorn_cpu="UC_CPU_ARM_CORTEX_M0",
                qemu_machine="mps2-an385",  # QEMU has no M0+ board; an M3 executes all of ARMv6-M
            ),
            Core(
                name="cortex-m3",
                architecture=ARM,
                zig_target="thumb-freestanding-eabi",
                zig_cpu="cortex_m3",
                zig_runtime_cpu="cortex_m3",
                gcc_flags=("-mcpu=cortex-m3", "-mthumb", "-mfloat-abi=soft"),
                unicorn_cpu="UC_CPU_ARM_CORTEX_M3",
                qemu_machine="mps2-an385",
            ),
            Core(
                name="cortex-m4",
                architecture=ARM,
                zig_target="thumb-freestanding-eabihf",
                zig_cpu=_M4,
                zig_runtime_cpu=_M4,
                gcc_flags=("-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", *_HARD_FLOAT),
                unicorn_cpu="UC_CPU_ARM_CORTEX_M4",
                qemu_machine="mps2-an386",
            ),
            Core(
                name="cortex-m7",
                architecture=ARM,
                zig_target="thumb-freestanding-eabihf",
                # Single precision only: STM32F746 has no double, and the others execute it as well.
                zig_cpu="cortex_m7+fp_armv8d16sp",
                zig_runtime_cpu=_M4,
                gcc_flags=("-mcpu=cortex-m7", "-mfpu=fpv5-sp-d16", *_HARD_FLOAT),
                unicorn_cpu="UC_CPU_ARM_CORTEX_M7",
                qemu_machine="mps2-an500",
            ),
            Core(
                name="cortex-m33",
                architecture=ARM,
                zig_target="thumb-freestanding-eabihf",
                zig_cpu="cortex_m33+dsp+fp_armv8d16sp",
                zig_runtime_cpu=_M4,
                gcc_flags=("-mcpu=cortex-m33", "-mfpu=fpv5-sp-d16", *_HARD_FLOAT),
                unicorn_cpu="UC_CPU_ARM_CORTEX_M33",
                qemu_machine="mps2-an505",
                flash_origin=0x1000_0000,  # the secure aliases, where this machine starts
                ram_origin=0x3800_0000,
            ),
            Core(
                # RV32IMC: what the ESP32-C3, the RP2350 and most small RISC-V chips execute.
                name="riscv32",
                architecture=RISCV,
                zig_target="riscv32-freestanding-none",
                zig_cpu=_RV32IMC,
                zig_runtime_cpu=_RV32IMC,
                gcc_flags=("-march=rv32imc", "-mabi=ilp32"),
                unicorn_cpu="UC_CPU_RISCV32_SIFIVE_E31",  # RV32IMAC: the nearest without an FPU
                qemu_machine="virt",
                flash_origin=0x8000_0000,  # all of it is RAM there; it starts at the first word
                ram_origin=0x8100_0000,
            ),
        )
    }
)


def _load_boards() -> Mapping[str, Board]:
    text = resources.files("firmware_export").joinpath("boards.toml").read_text("utf-8")
    boards = {key: Board(key=key, **fields) for key, fields in tomllib.loads(text).items()}
    return MappingProxyType(boards)


BOARDS: Mapping[str, Board] = _load_boards()


def find_core(name: str) -> Core:
    """Return the core called ``name``.

    Raises:
        BoardError: No such core; the message names the nearest one.

    Example:
        >>> find_core("cortex-m4").qemu_machine
        'mps2-an386'
    """
    return _find("core", name, CORES)


def find_board(key: str) -> Board:
    """Return the board with ``key``.

    Raises:
        BoardError: No such board; the message names the nearest one.

    Example:
        >>> find_board("nano33ble").mcu
        'nRF52840'
    """
    return _find("board", key, BOARDS)


def _find(kind: str, given: str, table: Mapping[str, Row]) -> Row:
    if given in table:
        return table[given]
    near = difflib.get_close_matches(given.lower(), table, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    raise BoardError(f"unknown {kind} '{given}': {hint}Known: {', '.join(table)}.")
