"""Run a built model on an emulated core: its bytes, its instructions, its stack."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata

import numpy as np

from firmware_export.compiled import CompiledModel
from firmware_export.errors import ToolchainError
from firmware_export.measure.cycles import CYCLE_MODELS
from firmware_export.measure.elf_size import Footprint, measure_footprint, read_elf
from firmware_export.measure.layer_costs import (
    BlockCounter,
    LayerCost,
    layer_costs,
    layer_entries,
)
from firmware_export.measure.machine import Machine
from firmware_export.measure.samples import Int8Array, pack_inputs, unpack_outputs
from firmware_export.measure.toolchain import Compiler, Firmware, Optimization, build_firmware
from firmware_export.target import Core


@dataclass(frozen=True, eq=False)
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


def measure_memory(
    compiled: CompiledModel,
    core: Core,
    *,
    cc: Compiler = "zig",
    optimize: Optimization = "O3",
    timeout_s: float = 600.0,
) -> Footprint:
    """Link a model for ``core`` and run it there once, uncounted: for its memory alone.

    Args:
        compiled: The model as C.
        core: A row of `CORES`.
        cc: Compiler, as for `build_firmware`.
        optimize: Optimization level.
        timeout_s: Longest time for the inference.

    Returns:
        The footprint that `emulate` finds.

    Raises:
        ToolchainError: The build failed, or the run.
    """
    firmware = build_firmware(compiled, core, cc=cc, optimize=optimize)
    image = read_elf(firmware.elf)
    machine = Machine(core, image, compiled, timeout_s)
    machine.infer(np.zeros(sum(port.size_bytes for port in compiled.inputs), np.int8))
    return measure_footprint(compiled, image, stack_bytes=machine.stack_bytes())


def run_firmware(
    firmware: Firmware, compiled: CompiledModel, inputs: Int8Array, *, timeout_s: float = 600.0
) -> EmulationResult:
    """Run a program that `build_firmware` has made of ``compiled``; see `emulate`."""
    rows = pack_inputs(compiled, inputs)
    image = read_elf(firmware.elf)
    model = CYCLE_MODELS[firmware.core.name]

    counted = Machine(firmware.core, image, compiled, timeout_s)
    counter = BlockCounter(layer_entries(image, compiled), counted.invoke_range)
    counted.count_blocks(counter.on_block)
    first = counted.infer(rows[0])
    counted.check_writes()

    fast = Machine(firmware.core, image, compiled, timeout_s)
    outputs = [fast.infer(row) for row in rows]
    _check_same(compiled, first, outputs[0], "with and without counting")
    fast.reset()
    _check_same(compiled, fast.infer(rows[0]), outputs[0], "before and after other samples")

    layers = layer_costs(counter, counted, compiled, model)
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


def _check_same(compiled: CompiledModel, one: bytes, other: bytes, when: str) -> None:
    if one != other:
        raise ToolchainError(
            f"'{compiled.name}' gave different outputs for the same sample {when}: it reads memory "
            f"that it has not written, or keeps state that a reset leaves. Please report it with "
            f"the .tflite."
        )
