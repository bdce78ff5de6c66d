"""Run a built model on an emulated core: its bytes, its instructions, its stack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata

import numpy as np
import unicorn
from unicorn import arm_const

from firmware_export.compiled import CompiledModel
from firmware_export.errors import ToolchainError
from firmware_export.measure.cycles import CYCLE_MODELS, CycleModel, time_block
from firmware_export.measure.elf_size import ElfImage, Footprint, measure_footprint, read_elf
from firmware_export.measure.samples import Int8Array, pack_inputs, unpack_outputs
from firmware_export.measure.toolchain import Compiler, Firmware, Optimization, build_firmware
from firmware_export.target import Core

MEMORY_BYTES = 4 << 20  # of flash and of RAM, as in cortex_m.ld
STACK_PAINT = 0xA5
ARENA_PAINT = 0x5A  # a model that reads what it has not written gives other bytes in the end
OUTSIDE_LAYERS = "invoke"


@dataclass(frozen=True)
class LayerCost:
    """What one layer costs in one inference.

    Attributes:
        symbol: Its C function; ``"invoke"`` for what runs between the layers.
        op: TFLite operator name, empty for ``"invoke"``.
        name: Its output tensor, empty for ``"invoke"``.
        macs: Multiply-accumulates.
        instructions: Counted. One that an IT block skips counts as executed.
        estimated_cycles: From `CYCLE_MODELS`, zero wait states.
    """

    symbol: str
    op: str
    name: str
    macs: int
    instructions: int
    estimated_cycles: int


@dataclass(frozen=True)
class EmulationResult:
    """What was found by running a model on an emulated core.

    Attributes:
        core: Key in `CORES`.
        compiler: Name and version.
        optimize: Optimization level.
        outputs: int8 ``[n, ...]``, as `unpack_outputs` gives them.
        instructions: Of one call of ``<name>_invoke``, counted on the first sample.
        estimated_cycles: Of the same call, from `CYCLE_MODELS`, zero wait states.
        layers: The same by layer, in the order of the model; last what lies between them.
        stack_bytes: Deepest stack of that call, from paint that was overwritten.
        footprint: Flash and RAM of the model, from the ELF and ``stack_bytes``.
        method: One sentence on how instructions and cycles were obtained.
    """

    core: str
    compiler: str
    optimize: str
    outputs: Int8Array
    instructions: int
    estimated_cycles: int
    layers: tuple[LayerCost, ...]
    stack_bytes: int
    footprint: Footprint
    method: str


def emulate(
    compiled: CompiledModel,
    core: Core,
    inputs: Int8Array,
    *,
    cc: Compiler = "zig",
    optimize: Optimization = "O3",
    timeout_s: float = 600.0,
) -> EmulationResult:
    """Build a model for ``core`` and run it there on samples.

    The first sample runs with every basic block counted, the others at full speed.

    Args:
        compiled: The model as C.
        core: A row of `CORES`.
        inputs: int8 ``[n, ...]``, as `pack_inputs` takes them; at least one sample.
        cc: Compiler, as for `build_firmware`.
        optimize: Optimization level.
        timeout_s: Longest time for one inference.

    Raises:
        ToolchainError: The build failed; or the code left its memory, did not come back, gave a
            status other than 0, wrote outside its arena, or gave other bytes when a sample was
            run again.
    """
    firmware = build_firmware(compiled, core, cc=cc, optimize=optimize)
    return run_firmware(firmware, compiled, inputs, timeout_s=timeout_s)


def run_firmware(
    firmware: Firmware, compiled: CompiledModel, inputs: Int8Array, *, timeout_s: float = 600.0
) -> EmulationResult:
    """Run a program that `build_firmware` has made of ``compiled``; see `emulate`."""
    rows = pack_inputs(compiled, inputs)
    image = read_elf(firmware.elf)
    model = CYCLE_MODELS[firmware.core.name]

    counted = _Machine(firmware.core, image, compiled, timeout_s)
    counter = _BlockCounter(_layer_entries(image, compiled), counted.invoke_range)
    counted.count_blocks(counter.on_block)
    first = counted.infer(rows[0])
    counted.check_writes()

    fast = _Machine(firmware.core, image, compiled, timeout_s)
    outputs = [fast.infer(row) for row in rows]
    _check_same(compiled, first, outputs[0], "with and without counting")
    _check_same(compiled, fast.infer(rows[0]), outputs[0], "before and after other samples")

    layers = _layer_costs(counter, counted, compiled, model)
    stack_bytes = counted.stack_bytes()
    return EmulationResult(
        core=firmware.core.name,
        compiler=firmware.compiler,
        optimize=firmware.optimize,
        outputs=unpack_outputs(compiled, b"".join(outputs), len(rows)),
        instructions=sum(layer.instructions for layer in layers),
        estimated_cycles=sum(layer.estimated_cycles for layer in layers),
        layers=layers,
        stack_bytes=stack_bytes,
        footprint=measure_footprint(compiled, image, stack_bytes=stack_bytes),
        method=f"instructions counted under unicorn {metadata.version('unicorn')}; {model.method}",
    )


class _Machine:
    """A core with the program in its memory, ready to call ``<name>_invoke``."""

    def __init__(
        self, core: Core, image: ElfImage, compiled: CompiledModel, timeout_s: float
    ) -> None:
        self._core = core
        self._compiled = compiled
        self._symbols = image.symbols
        self._timeout_us = int(timeout_s * 1e6)
        self._arena = image.addresses["tkd_harness_arena"]
        self._stack_top = image.addresses["tkd_stack_top"]
        self._stop = image.addresses["tkd_reset"]  # never runs here: a place to return to
        self._invoke = image.addresses[f"{compiled.name}_invoke"]
        sizes = {symbol.address: symbol.size_bytes for symbol in image.symbols}
        self.invoke_range = range(self._invoke, self._invoke + sizes[self._invoke])
        self._uc = _new_core(core)
        for segment in image.segments:
            self._uc.mem_write(segment.address, segment.data)
        stack_bytes = self._stack_top - core.ram_origin
        self._uc.mem_write(core.ram_origin, bytes([STACK_PAINT]) * stack_bytes)
        self._uc.mem_write(self._arena, bytes([ARENA_PAINT]) * compiled.arena_bytes)
        self._beyond = self._read_beyond()

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
        uc = self._uc
        uc.reg_write(arm_const.UC_ARM_REG_SP, self._stack_top)
        uc.reg_write(arm_const.UC_ARM_REG_LR, self._stop | 1)
        uc.reg_write(arm_const.UC_ARM_REG_R0, self._arena)
        try:
            uc.emu_start(self._invoke | 1, self._stop, timeout=self._timeout_us)
        except unicorn.UcError as error:
            raise ToolchainError(self._where(f"stopped on {self._core.name}: {error}")) from error
        if uc.reg_read(arm_const.UC_ARM_REG_PC) & ~1 != self._stop:
            seconds = self._timeout_us / 1e6
            raise ToolchainError(self._where(f"did not come back within {seconds:g} s"))
        status = uc.reg_read(arm_const.UC_ARM_REG_R0)
        if status != 0:
            raise ToolchainError(f"{self._compiled.name}_invoke returned {status}, expected 0.")

    def _where(self, what: str) -> str:
        pc = self._uc.reg_read(arm_const.UC_ARM_REG_PC) & ~1
        inside = [s.name for s in self._symbols if s.address <= pc < s.address + s.size_bytes]
        place = f"in {inside[0]}" if inside else "outside the model"
        return f"{self._compiled.name}_invoke {what}, {place} at {pc:#010x}."

    def _read_beyond(self) -> bytes:
        start = self._arena + self._compiled.arena_bytes
        return bytes(self._uc.mem_read(start, self._core.ram_origin + MEMORY_BYTES - start))


def _new_core(core: Core) -> unicorn.Uc:
    uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
    uc.ctl_set_cpu_model(getattr(arm_const, core.unicorn_cpu))
    # Flash cannot be written and RAM cannot be executed: a stray pointer faults.
    uc.mem_map(core.flash_origin, MEMORY_BYTES, unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC)
    uc.mem_map(core.ram_origin, MEMORY_BYTES, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
    return uc


class _BlockCounter:
    """Counts basic blocks and taken branches for each layer.

    A block belongs to the layer whose entry was reached last; blocks of ``<name>_invoke`` itself
    belong to `OUTSIDE_LAYERS`. Library functions belong to their caller.
    """

    def __init__(self, entries: Mapping[int, str], invoke_range: range) -> None:
        self._entries = entries
        self._invoke_range = invoke_range
        self._layer = OUTSIDE_LAYERS
        self._next_address = invoke_range.start
        names = [*entries.values(), OUTSIDE_LAYERS]
        self.blocks: dict[str, dict[tuple[int, int], int]] = {name: {} for name in names}
        self.taken: dict[str, int] = dict.fromkeys(names, 0)
        self.taken[OUTSIDE_LAYERS] = 1  # the return from invoke, after the last block

    def on_block(self, _uc: object, address: int, size: int, _data: object) -> None:
        if address != self._next_address:
            self.taken[self._layer] += 1
        self._next_address = address + size
        if address in self._invoke_range:
            self._layer = OUTSIDE_LAYERS
        elif address in self._entries:
            self._layer = self._entries[address]
        counts = self.blocks[self._layer]
        counts[address, size] = counts.get((address, size), 0) + 1


def _layer_entries(image: ElfImage, compiled: CompiledModel) -> dict[int, str]:
    """Address of each layer's function to its symbol."""
    # gcc appends .isra.0 or .constprop.0 to a function whose arguments it has changed.
    by_name = {symbol.name.split(".")[0]: symbol.address for symbol in image.symbols}
    missing = [layer.symbol for layer in compiled.layers if layer.symbol not in by_name]
    if missing:
        raise ToolchainError(
            f"'{missing[0]}' is not a function of the program, so its cost cannot be told apart. "
            f"It must be static and never inlined."
        )
    return {by_name[layer.symbol]: layer.symbol for layer in compiled.layers}


def _layer_costs(
    counter: _BlockCounter, machine: _Machine, compiled: CompiledModel, model: CycleModel
) -> tuple[LayerCost, ...]:
    rows = [(layer.symbol, layer.op, layer.name, layer.macs) for layer in compiled.layers]
    rows.append((OUTSIDE_LAYERS, "", "", 0))
    return tuple(
        LayerCost(symbol, op, name, macs, *_add_up(counter, machine, symbol, model))
        for symbol, op, name, macs in rows
    )


def _add_up(
    counter: _BlockCounter, machine: _Machine, symbol: str, model: CycleModel
) -> tuple[int, int]:
    """Instructions and estimated cycles of one layer."""
    instructions = 0
    cycles = counter.taken[symbol] * model.taken_branch_cycles
    for (address, size), count in counter.blocks[symbol].items():
        block = time_block(machine.read_code(address, size), address, model)
        instructions += count * block.instructions
        cycles += count * block.cycles
    return instructions, cycles


def _check_same(compiled: CompiledModel, one: bytes, other: bytes, when: str) -> None:
    if one != other:
        raise ToolchainError(
            f"'{compiled.name}' gave different outputs for the same sample {when}: it reads memory "
            f"that it has not written, or keeps state. Please report it with the .tflite."
        )
