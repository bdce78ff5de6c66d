"""Which layers run the same code: equal calls, whose constants and memory are arguments."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

from firmware_export.codegen.model import PlacedLayer
from firmware_export.ops import KernelCall

SMALL_KERNELS = frozenset(
    {
        "tkd_arg_max_s8",
        "tkd_copy_s8",
        "tkd_dequantize_s8",
        "tkd_fill_s8",
        "tkd_lookup_s8",
        "tkd_maximum_s8",
        "tkd_quantize_s16",
        "tkd_reduce_max_s8",
        "tkd_relu_s8",
    }
)
"""Kernels of at most about 70 bytes on a Cortex-M4: two calls of one function take as much."""


def share_functions(layers: Sequence[PlacedLayer], name: str) -> tuple[PlacedLayer, ...]:
    """Give layers with equal calls one function.

    Args:
        layers: Of a model, in order.
        name: Prefix of the model's C names.

    Returns:
        The same layers; those that share have the name of their function.
    """
    alike: dict[Hashable, list[PlacedLayer]] = {}
    for placed in layers:
        alike.setdefault(_specialisation(placed.call), []).append(placed)
    functions: dict[Hashable, str] = {}
    for key, group in alike.items():
        if len(group) > 1 and not _is_small(group[0].call):
            functions[key] = f"{name}_shared_{len(functions)}_{group[0].layer.op.lower()}"
    return tuple(
        replace(placed, layer=replace(placed.layer, shared_function=functions.get(key, "")))
        for placed in layers
        for key in (_specialisation(placed.call),)
    )


def _is_small(call: KernelCall) -> bool:
    return all(step.kernel in SMALL_KERNELS for step in call.in_order)


def _specialisation(call: KernelCall) -> Hashable:
    """All that the compiler sees of a call except the values of its constants and its memory."""
    types = {name: values.dtype.name for name, values in call.constants.items()}
    return (
        tuple(_step(step) for step in call.in_order),
        tuple(sorted({**types, **call.types, **call.row_types}.items())),
        call.scratch_type,
    )


def _step(call: KernelCall) -> Hashable:
    structs = tuple((s.type, s.name, tuple(s.fields.items())) for s in call.structs)
    return call.kernel, structs, call.literals, call.arguments
