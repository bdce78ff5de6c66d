"""Whose instructions are they: counting what an emulated core executes, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from firmware_export.compiled import CompiledModel
from firmware_export.errors import ToolchainError
from firmware_export.measure.cycles import CycleModel, time_block
from firmware_export.measure.elf_size import ElfImage
from firmware_export.measure.machine import Machine

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


class BlockCounter:
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
        """Count one block that is about to run; unicorn calls this."""
        if address != self._next_address:
            self.taken[self._layer] += 1
        self._next_address = address + size
        if address in self._invoke_range:
            self._layer = OUTSIDE_LAYERS
        elif address in self._entries:
            self._layer = self._entries[address]
        counts = self.blocks[self._layer]
        counts[address, size] = counts.get((address, size), 0) + 1


def layer_entries(image: ElfImage, compiled: CompiledModel) -> dict[int, str]:
    """Return the address of each layer's function, with the layer's symbol.

    A layer without MACs may have none: the compiler removes what does nothing, such as a clamp in
    place that never clamps. It costs nothing then.

    Raises:
        ToolchainError: A layer with MACs has no function of its own in the program.
    """
    code = [symbol for symbol in image.symbols if symbol.kind == "code"]
    # gcc appends .isra.0 or .constprop.0 to a function whose arguments it has changed, and .cold
    # to what it has split off; the function itself, where there is one, goes first.
    by_name = {s.name.split(".")[0]: s.address for s in code if not s.name.endswith(".cold")}
    by_name |= {symbol.name: symbol.address for symbol in code}
    missing = [layer for layer in compiled.layers if layer.symbol not in by_name]
    inlined = [layer.symbol for layer in missing if layer.macs]
    if inlined:
        raise ToolchainError(
            f"'{inlined[0]}' is not a function of the program, so its cost cannot be told apart. "
            f"It must be static and never inlined."
        )
    found = [layer.symbol for layer in compiled.layers if layer not in missing]
    return {by_name[symbol]: symbol for symbol in found}


def layer_costs(
    counter: BlockCounter, machine: Machine, compiled: CompiledModel, model: CycleModel
) -> tuple[LayerCost, ...]:
    """Turn counted blocks into costs, in the order of the model; what lies between comes last."""
    rows = [(layer.symbol, layer.op, layer.name, layer.macs) for layer in compiled.layers]
    rows.append((OUTSIDE_LAYERS, "", "", 0))
    return tuple(
        LayerCost(symbol, op, name, macs, *_add_up(counter, machine, symbol, model))
        for symbol, op, name, macs in rows
    )


def _add_up(
    counter: BlockCounter, machine: Machine, symbol: str, model: CycleModel
) -> tuple[int, int]:
    """Instructions and estimated cycles of one layer."""
    instructions = 0
    cycles = counter.taken.get(symbol, 0) * model.taken_branch_cycles
    for (address, size), count in counter.blocks.get(symbol, {}).items():
        block = time_block(machine.read_code(address, size), address, model)
        instructions += count * block.instructions
        cycles += count * block.cycles
    return instructions, cycles
