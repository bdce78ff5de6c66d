"""What a model needs on a board, as a whole and layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from firmware_export.choose import Goal, board_budget
from firmware_export.compiled import CompiledModel, Layer, RemovedChannels
from firmware_export.compiler import compile_tflite
from firmware_export.measure.board_estimate import estimate_on_board
from firmware_export.measure.elf_size import Footprint
from firmware_export.measure.emulator import EmulationResult, emulate
from firmware_export.measure.input_values import (
    Given,
    given_samples,
    input_values,
    random_samples,
    typed,
)
from firmware_export.measure.layer_costs import LayerCost
from firmware_export.measure.toolchain import LEVELS, Compiler, Optimization
from firmware_export.target import CORES, find_board
from firmware_export.tflite_reader import read_tflite


@dataclass(frozen=True)
class LayerProfile:
    """What one layer costs.

    Attributes:
        op: TFLite name; ``"INVOKE"`` for what runs between the layers.
        name: The tensor that it writes.
        output_shape: Of that tensor, empty for ``"INVOKE"``.
        macs: Multiply-accumulates of one inference.
        instructions: Counted on the emulated core.
        instructions_per_mac: None for a layer without multiply-accumulates.
        estimated_cycles: From the cycle model of the core.
        weights_bytes: Its constants, without those of earlier layers.
        code_bytes: The function of this layer, and the one with its kernel if it is the first to
            call it.
        code_shared_with: Name of the earlier layer that the function with its kernel is counted
            for, since both call it; empty where it has the kernel to itself or is the first.
        alive_bytes: Bytes of the arena that are in use while it runs.
        variant: Which of several ways to run it was chosen; empty where there is only one.
        saved_instructions: Estimate of what the variant saves.
    """

    op: str
    name: str
    output_shape: tuple[int, ...]
    macs: int
    instructions: int
    instructions_per_mac: float | None
    estimated_cycles: int
    weights_bytes: int
    code_bytes: int
    code_shared_with: str
    alive_bytes: int
    variant: str
    saved_instructions: int


@dataclass(frozen=True)
class Profile:
    """What a model needs on a board.

    Attributes:
        board: Key in ``BOARDS``.
        optimize: What the variants of the layers were chosen for.
        core: Key in ``CORES``; what was emulated.
        macs: Multiply-accumulates of one inference.
        flash_bytes: Code, constants and start values of static data.
        weights_bytes: Constants.
        code_bytes: Code, compiler's helpers included.
        flash_limit_bytes: Flash of the board that programs may use.
        ram_bytes: Arena, static data and stack together.
        arena_bytes: ``<NAME>_ARENA_BYTES``.
        arena_lower_bound_bytes: Largest sum of activations that must be alive together.
        static_ram_bytes: Variables of the model; 0 for generated code.
        stack_bytes: High-water mark of the stack during an inference.
        ram_limit_bytes: RAM of the board that programs may use.
        instructions: Of one inference, counted.
        instructions_per_mac: None for a model without multiply-accumulates.
        estimated_cycles: From the cycle model of the core.
        latency_us: From the cycles, the core's hardware factor and the board's clock.
        fits: Flash and RAM suffice.
        removed: What constant channels would have cost besides; exact, and apart from any kernel.
        layers: In the order in which they run; last what lies between them.
        ram_timeline_bytes: Bytes of the arena in use while each layer runs, in that order.
        how: How the figures were obtained, one sentence.
    """

    board: str
    optimize: Goal
    core: str
    macs: int
    flash_bytes: int
    weights_bytes: int
    code_bytes: int
    flash_limit_bytes: int
    ram_bytes: int
    arena_bytes: int
    arena_lower_bound_bytes: int
    static_ram_bytes: int
    stack_bytes: int
    ram_limit_bytes: int
    instructions: int
    instructions_per_mac: float | None
    estimated_cycles: int
    latency_us: float
    fits: bool
    removed: RemovedChannels
    layers: tuple[LayerProfile, ...]
    ram_timeline_bytes: tuple[int, ...]
    how: str


def profile_tflite(
    tflite: bytes,
    board: str,
    *,
    inputs: Given | None = None,
    cc: Compiler = "zig",
    optimize: Goal = "balanced",
    level: Optimization | None = None,
) -> Profile:
    """Compile a model for a board, run one inference on its emulated core, and measure.

    Args:
        tflite: An int8 model.
        board: Key in ``BOARDS``.
        inputs: Samples in the types that the model takes, see `given_samples`; instructions are
            counted on the first. A random one if None.
        cc: Compiler.
        optimize: What decides where a layer can run in several ways, within the board's budget.
        level: Optimization level of the compiler; by ``optimize`` if None, see `LEVELS`.

    Raises:
        ModelError: The compiler refuses the model.
        BoardError: The board is unknown.
        ToolchainError: Building or running failed.
    """
    target = find_board(board)
    compiled = compile_tflite(
        tflite, target=target.core, optimize=optimize, budget=board_budget(target)
    )
    values = input_values(read_tflite(tflite))
    rows = random_samples(values, 1, seed=0) if inputs is None else given_samples(values, inputs)
    sample = typed(values, rows[:1])
    emulation = emulate(
        compiled, CORES[target.core], sample, cc=cc, optimize=level or LEVELS[optimize]
    )
    estimate = estimate_on_board(emulation, target)
    size = emulation.footprint
    return Profile(
        board=target.key,
        optimize=optimize,
        core=target.core,
        macs=compiled.macs,
        flash_bytes=size.flash_bytes,
        weights_bytes=size.weights_bytes,
        code_bytes=size.code_bytes,
        flash_limit_bytes=target.flash_bytes,
        ram_bytes=size.ram_bytes,
        arena_bytes=size.arena_bytes,
        arena_lower_bound_bytes=compiled.arena_lower_bound_bytes,
        static_ram_bytes=size.static_ram_bytes,
        stack_bytes=size.stack_bytes,
        ram_limit_bytes=target.ram_bytes,
        instructions=emulation.instructions,
        instructions_per_mac=_per_mac(emulation.instructions, compiled.macs),
        estimated_cycles=emulation.estimated_cycles,
        latency_us=estimate.latency_us,
        fits=estimate.fits,
        removed=compiled.removed,
        layers=_layers(compiled, emulation),
        ram_timeline_bytes=tuple(layer.alive_bytes for layer in compiled.layers),
        how=(
            f"linked by {emulation.compiler} -{emulation.optimize} for {emulation.core}; "
            f"{estimate.method}; {estimate.uncertainty}"
        ),
    )


def _layers(compiled: CompiledModel, emulation: EmulationResult) -> tuple[LayerProfile, ...]:
    known = {layer.symbol: layer for layer in compiled.layers}
    owners: dict[str, Layer] = {}
    for layer in compiled.layers:
        owners.setdefault(layer.shared_function or layer.symbol, layer)
    return tuple(
        _layer(cost, known.get(cost.symbol), owners, emulation.footprint)
        for cost in emulation.layers
    )


def _layer(
    cost: LayerCost, layer: Layer | None, owners: Mapping[str, Layer], size: Footprint
) -> LayerProfile:
    """A row of the table; ``owners`` says which layer the function with a kernel counts for."""
    kernel = (layer.shared_function if layer else "") or cost.symbol
    owner = owners.get(kernel, layer)
    return LayerProfile(
        op=cost.op or "INVOKE",
        name=cost.name or cost.symbol,
        output_shape=layer.output_shape if layer else (),
        macs=cost.macs,
        instructions=cost.instructions,
        instructions_per_mac=_per_mac(cost.instructions, cost.macs),
        estimated_cycles=cost.estimated_cycles,
        weights_bytes=layer.weights_bytes if layer else 0,
        code_bytes=_code_bytes({cost.symbol, kernel} if owner is layer else {cost.symbol}, size),
        code_shared_with="" if owner is None or owner is layer else owner.name,
        alive_bytes=layer.alive_bytes if layer else 0,
        variant=layer.variant if layer else "",
        saved_instructions=layer.saved_instructions if layer else 0,
    )


def _code_bytes(functions: set[str], size: Footprint) -> int:
    """With what gcc splits off: tiny_layer_0, tiny_layer_0.constprop.0, tiny_layer_0.cold."""
    return sum(
        symbol.size_bytes
        for symbol in size.symbols
        if symbol.kind == "code" and symbol.name.split(".")[0] in functions
    )


def _per_mac(instructions: int, macs: int) -> float | None:
    return round(instructions / macs, 3) if macs else None
