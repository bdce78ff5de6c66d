"""Equal arrays stand in the program once, whichever layers read them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from types import MappingProxyType

from firmware_export.codegen.model import PlacedLayer
from firmware_export.ir import Array


def share_constants(layers: Sequence[PlacedLayer]) -> tuple[PlacedLayer, ...]:
    """Let a layer read an array that an earlier layer has already.

    It is done on what a kernel reads, after weights were brought into its order, so that nothing
    is equal by accident of the file only. Two tables of one function, weights that a model uses
    twice, and the rows of layers with equal biases and scales are.

    Args:
        layers: In the order in which they are written.

    Returns:
        The same layers; each knows the arrays that it shares, and counts its own only.
    """
    known: dict[Hashable, str] = {}
    return tuple(_sharing(placed, known) for placed in layers)


def _sharing(placed: PlacedLayer, known: dict[Hashable, str]) -> PlacedLayer:
    shared: dict[str, str] = {}
    for name, values in placed.call.constants.items():
        own = placed.constant_symbol(name)
        first = known.setdefault(_content(placed.call.row_types.get(name), values), own)
        if first != own:
            shared[name] = first
    if not shared:
        return placed
    saved = sum(placed.call.constants[name].nbytes for name in shared)
    layer = replace(placed.layer, weights_bytes=placed.layer.weights_bytes - saved)
    return replace(placed, layer=layer, shared=MappingProxyType(shared))


def _content(row_type: str | None, values: Array) -> Hashable:
    """What makes two arrays the same in C: type, length and values."""
    length = values.shape if row_type else values.size
    return row_type, values.dtype.name, length, values.tobytes()
