"""An emulated core with a built model in its memory, one inference at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import unicorn

from firmware_export.compiled import CompiledModel
from firmware_export.errors import ToolchainError
from firmware_export.measure.elf_size import ElfImage
from firmware_export.measure.registers import REGISTERS, Registers
from firmware_export.measure.samples import Int8Array
from firmware_export.target import Core

MEMORY_BYTES = 4 << 20  # of flash and of RAM, as in bare_metal.ld
STACK_PAINT = 0xA5
ARENA_PAINT = 0x5A  # a model that reads what it has not written gives other bytes in the end


class Machine:
    """A core with the program in its memory, ready to call ``<name>_invoke``."""

    def __init__(
        self, core: Core, image: ElfImage, compiled: CompiledModel, timeout_s: float
    ) -> None:
        self._core = core
        self._registers = REGISTERS[core.architecture.name]
        self._compiled = compiled
        self._symbols = image.symbols
        self._timeout_us = int(timeout_s * 1e6)
        self._arena = image.addresses["tkd_harness_arena"]
        self._stack_top = image.addresses["tkd_stack_top"]
        self._stop = image.addresses["tkd_reset"]  # never runs here: a place to return to
        self._invoke = image.addresses[f"{compiled.name}_invoke"]
        sizes = {symbol.address: symbol.size_bytes for symbol in image.symbols}
        self.invoke_range = range(self._invoke, self._invoke + sizes[self._invoke])
        self._uc = _new_core(core, self._registers)
        for segment in image.segments:
            self._uc.mem_write(segment.address, segment.data)
        stack_bytes = self._stack_top - core.ram_origin
        self._uc.mem_write(core.ram_origin, bytes([STACK_PAINT]) * stack_bytes)
        self._uc.mem_write(self._arena, bytes([ARENA_PAINT]) * compiled.arena_bytes)
        self.reset()
        self._beyond = self._read_beyond()

    def reset(self) -> None:
        """Set the model's state to its initial values, as ``<name>_reset`` does."""
        for state in self._compiled.states:
            initial = bytes([state.initial_byte]) * state.size_bytes
            self._uc.mem_write(self._arena + state.arena_offset_bytes, initial)

    def count_blocks(self, on_block: Callable[..., None]) -> None:
        """Call ``on_block(uc, address, size, user_data)`` before every basic block."""
        self._uc.hook_add(unicorn.UC_HOOK_BLOCK, on_block)

    def infer(self, row: Int8Array) -> bytes:
        """Write one sample into the arena, call the model, return its output bytes."""
        at = 0
        for port in self._compiled.inputs:
            data = row[at : at + port.size_bytes].tobytes()
            self._uc.mem_write(self._arena + port.arena_offset_bytes, data)
            at += port.size_bytes
        self._call()
        return b"".join(
            bytes(self._uc.mem_read(self._arena + port.arena_offset_bytes, port.size_bytes))
            for port in self._compiled.outputs
        )

    def read_code(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes of the program."""
        return bytes(self._uc.mem_read(address, size))

    def stack_bytes(self) -> int:
        """Depth of the stack down to the lowest word that was overwritten."""
        size = self._stack_top - self._core.ram_origin
        stack = np.frombuffer(self._uc.mem_read(self._core.ram_origin, size), np.uint8)
        used = np.flatnonzero(stack != STACK_PAINT)
        return 0 if used.size == 0 else size - int(used[0]) // 4 * 4

    def check_writes(self) -> None:
        """Raise if the model has written behind its arena."""
        if self._read_beyond() != self._beyond:
            raise ToolchainError(
                f"'{self._compiled.name}' wrote outside its arena of "
                f"{self._compiled.arena_bytes} bytes. This is a fault of the generated code: "
                f"please report it with the .tflite."
            )

    def _call(self) -> None:
        uc, registers = self._uc, self._registers
        uc.reg_write(registers.stack_pointer, self._stack_top)
        uc.reg_write(registers.return_address, self._stop | registers.code_bit)
        uc.reg_write(registers.argument, self._arena)
        try:
            uc.emu_start(self._invoke | registers.code_bit, self._stop, timeout=self._timeout_us)
        except unicorn.UcError as error:
            raise ToolchainError(self._where(f"stopped on {self._core.name}: {error}")) from error
        if self._program_counter() != self._stop:
            seconds = self._timeout_us / 1e6
            raise ToolchainError(self._where(f"did not come back within {seconds:g} s"))
        status = uc.reg_read(registers.argument)
        if status != 0:
            raise ToolchainError(f"{self._compiled.name}_invoke returned {status}, expected 0.")

    def _where(self, what: str) -> str:
        pc = self._program_counter()
        inside = [s.name for s in self._symbols if s.address <= pc < s.address + s.size_bytes]
        place = f"in {inside[0]}" if inside else "outside the model"
        return f"{self._compiled.name}_invoke {what}, {place} at {pc:#010x}."

    def _program_counter(self) -> int:
        address: int = self._uc.reg_read(self._registers.program_counter)
        return address & ~self._registers.code_bit

    def _read_beyond(self) -> bytes:
        start = self._arena + self._compiled.arena_bytes
        return bytes(self._uc.mem_read(start, self._core.ram_origin + MEMORY_BYTES - start))


def _new_core(core: Core, registers: Registers) -> unicorn.Uc:
    uc = unicorn.Uc(registers.unicorn_architecture, registers.unicorn_mode)
    uc.ctl_set_cpu_model(getattr(registers.constants, core.unicorn_cpu))
    # Flash cannot be written and RAM cannot be executed: a stray pointer faults.
    uc.mem_map(core.flash_origin, MEMORY_BYTES, unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC)
    uc.mem_map(core.ram_origin, MEMORY_BYTES, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
    return uc
