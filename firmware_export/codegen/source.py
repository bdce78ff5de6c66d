"""The ``.c`` file: kernels, then each layer's constants and function, then the entry points."""

from __future__ import annotations

from firmware_export.codegen.kernels import bundle
from firmware_export.codegen.model import CodeModel, PlacedLayer
from firmware_export.codegen.text import (
    array_literal,
    c_float,
    c_integer,
    comment,
    rows_literal,
    shape_text,
)
from firmware_export.compiled import Port, State
from firmware_export.memory import ALIGNMENT_BYTES
from firmware_export.ops import KernelCall, Struct

C_TYPES = {"int8": "int8_t", "int16": "int16_t", "int32": "int32_t"}


def source_file(model: CodeModel) -> str:
    """The text of ``<name>.c``."""
    kernels = sorted({call.kernel for placed in model.layers for call in placed.call.in_order})
    parts = [
        comment(*model.provenance),
        f'#include "{model.name}.h"',
        bundle(kernels or ["tkd_base"]),
        *(_layer(placed) for placed in model.layers),
        *(_port_function(model, port, i, "input") for i, port in enumerate(model.inputs)),
        *(_port_function(model, port, i, "output") for i, port in enumerate(model.outputs)),
        *([_reset(model)] if model.states else []),
        _invoke(model),
    ]
    return "\n\n".join(parts) + "\n"


def _layer(placed: PlacedLayer) -> str:
    parts = [_layer_comment(placed)]
    for name, values in placed.call.constants.items():
        symbol = _constant_symbol(placed, name)
        rows = name in placed.call.row_types
        ctype = placed.call.row_types[name] if rows else C_TYPES[values.dtype.name]
        literal = rows_literal(values) if rows else array_literal(values)
        length = len(values) if rows else values.size
        parts.append(f"static const {ctype} {symbol}[{length}] TKD_ALIGNED = {literal};")
    parts.append(_layer_function(placed))
    return "\n".join(parts)


def _layer_comment(placed: PlacedLayer) -> str:
    layer = placed.layer
    inputs = " ".join(shape_text(shape) for shape in layer.input_shapes)
    cost = f"{layer.macs} MACs, " if layer.macs else ""
    return comment(
        f"{placed.title}  {inputs} -> {shape_text(layer.output_shape)}",
        f"{cost}{layer.weights_bytes} bytes of constants, writes '{layer.name}'",
    )


def _layer_function(placed: PlacedLayer) -> str:
    calls = placed.call.in_order
    structs = "".join(_struct(placed, struct) for call in calls for struct in call.structs)
    body = "".join(_kernel_call(placed, call) for call in calls)
    return f"TKD_LAYER void {placed.layer.symbol}(uint8_t *arena)\n{{\n{structs}{body}}}"


def _kernel_call(placed: PlacedLayer, call: KernelCall) -> str:
    arguments = [
        *(f"&{struct.name}" for struct in call.structs),
        *(c_integer(value) for value in call.literals),
        *(_argument(placed, argument) for argument in call.arguments),
    ]
    lines = ",\n        ".join(arguments)
    return f"    {call.kernel}(\n        {lines});\n"


def _struct(placed: PlacedLayer, struct: Struct) -> str:
    fields = "".join(
        f"        .{name} = {_field(placed, value)},\n" for name, value in struct.fields.items()
    )
    return f"    static const {struct.type} {struct.name} = {{\n{fields}    }};\n"


def _field(placed: PlacedLayer, value: int | float | tuple[int, ...] | str) -> str:
    if isinstance(value, str):
        return _constant_symbol(placed, value)
    if isinstance(value, tuple):
        return "{" + ", ".join(map(c_integer, value)) + "}"
    if isinstance(value, float):
        return c_float(value)
    return c_integer(value)


def _argument(placed: PlacedLayer, argument: str) -> str:
    if argument in placed.call.constants:
        return _constant_symbol(placed, argument)
    if argument.startswith("output"):
        index = int(argument.removeprefix("output").removeprefix("_") or 0)
        return _pointer(f"{_value_type(placed, argument)} *", placed.output_offsets[index])
    if argument == "scratch":
        return f"({placed.call.scratch_type} *)(void *)(arena + {placed.scratch_offset})"
    if argument.startswith("state_"):
        index = int(argument.removeprefix("state_"))
        return _pointer(f"{_value_type(placed, argument)} *", placed.input_offsets[index])
    index = int(argument.removeprefix("input_"))
    return _pointer(f"const {_value_type(placed, argument)} *", placed.input_offsets[index])


def _value_type(placed: PlacedLayer, argument: str) -> str:
    return placed.call.types.get(argument, "int8_t")


def _pointer(ctype: str, offset: int | None) -> str:
    """A pointer into the arena, by way of ``void *`` where its type needs alignment."""
    untyped = "" if "int8_t" in ctype else "(const void *)" if "const" in ctype else "(void *)"
    return f"({ctype}){untyped}(arena + {offset})"


def _constant_symbol(placed: PlacedLayer, name: str) -> str:
    return f"{placed.layer.symbol}_{name}"


def _port_function(model: CodeModel, port: Port, index: int, kind: str) -> str:
    suffix = f"_{index}" if index else ""
    about = comment(f"{port.name}  {shape_text(port.shape)}")
    constant = "const " if kind == "output" else ""
    ctype = f"{constant}{port.type.c_name} *"
    return (
        f"{about}\n{ctype}{model.name}_{kind}{suffix}({constant}uint8_t *arena)\n"
        f"{{\n    return {_pointer(ctype, port.arena_offset_bytes)};\n}}"
    )


def _reset(model: CodeModel) -> str:
    return _entry_point(model, "reset", "    int32_t i;\n", "".join(map(_initial, model.states)))


def _initial(state: State) -> str:
    place = f"arena[{state.arena_offset_bytes} + i]"
    return (
        f"    {comment(state.name)}\n"
        f"    for (i = 0; i < {state.size_bytes}; ++i) {{\n"
        f"        {place} = {state.initial_byte};\n    }}\n"
    )


def _invoke(model: CodeModel) -> str:
    calls = "".join(f"    {placed.layer.symbol}(arena);\n" for placed in model.layers)
    return _entry_point(model, "invoke", "", calls)


def _entry_point(model: CodeModel, name: str, variables: str, body: str) -> str:
    """A public function of the arena that returns 0, or the error that the arena is unusable."""
    return (
        f"int {model.name}_{name}(uint8_t *arena)\n{{\n{variables}"
        f"    if (arena == NULL || (uintptr_t)arena % {ALIGNMENT_BYTES}u != 0u) {{\n"
        f"        return {model.name.upper()}_ERROR_ARENA;\n    }}\n{body}    return 0;\n}}"
    )
