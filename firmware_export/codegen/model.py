"""Everything that the generated text is made of, worked out once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from firmware_export.compiled import Layer, Port, State
from firmware_export.ops import KernelCall


@dataclass(frozen=True)
class PlacedLayer:
    """A layer with its call and the addresses that the call works on.

    Attributes:
        layer: Name, shapes and cost.
        call: Kernel, parameters and constants.
        title: First line of its comment, such as ``CONV_2D + RELU``.
        input_offsets: Arena offset of each input; None for one that is a constant.
        output_offsets: Arena offset of each output.
        scratch_offset: Arena offset of its working memory, None where it has none.
        shared: For a constant that an earlier layer has too, the symbol of that one.
    """

    layer: Layer
    call: KernelCall
    title: str
    input_offsets: tuple[int | None, ...]
    output_offsets: tuple[int, ...]
    scratch_offset: int | None
    shared: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def constant_symbol(self, name: str) -> str:
        """The C array that holds a constant of the call."""
        return self.shared.get(name, f"{self.layer.symbol}_{name}")


@dataclass(frozen=True)
class CodeModel:
    """A whole model, ready to be written.

    Attributes:
        name: Prefix of the public C names.
        layers: In the order in which they run.
        inputs: Model inputs.
        outputs: Model outputs.
        arena_bytes: Size of the arena.
        provenance: Lines for the top of each file.
        states: What stays from run to run.
    """

    name: str
    layers: tuple[PlacedLayer, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    arena_bytes: int
    provenance: tuple[str, ...]
    states: tuple[State, ...] = ()
