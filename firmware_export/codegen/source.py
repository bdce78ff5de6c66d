"""The ``.c`` file: kernels, then each layer's constants and function, then the entry points.

Layers of equal shape share the function that holds their kernel. It stands before the first of
them, and theirs only name their constants and their memory.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

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
Resolve = Callable[[str], str]
"""From the name of an operand in a call to its C expression."""


def source_file(model: CodeModel) -> str:
    """The text of ``<name>.c``."""
    kernels = sorted({call.kernel for placed in model.layers for call in placed.call.in_order})
    parts = [
        comment(*model.provenance),
        f'#include "{model.name}.h"',
        bundle(kernels or ["tkd_base"]),
        *(text for placed in model.layers for text in (*_shared(model, placed), _layer(placed))),
        *(_port_function(model, port, i, "input") for i, port in enumerate(model.inputs)),
        *(_port_function(model, port, i, "output") for i, port in enumerate(model.outputs)),
        *([_reset(model)] if model.states else []),
        _invoke(model),
    ]
    return "\n\n".join(parts) + "\n"


def _layer(placed: PlacedLayer) -> str:
    parts = [_layer_comment(placed)]
    for name, values in placed.call.constants.items():
        if name in placed.shared:
            continue
        symbol = placed.constant_symbol(name)
        rows = name in placed.call.row_types
        ctype = _constant_type(placed.call, name)
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


def _shared(model: CodeModel, placed: PlacedLayer) -> list[str]:
    """The function that this layer is the first to need, if any."""
    name = placed.layer.shared_function
    users = [other for other in model.layers if name and other.layer.shared_function == name]
    if not users or users[0] is not placed:
        return []
    layer = placed.layer
    inputs = " ".join(shape_text(shape) for shape in layer.input_shapes)
    about = comment(
        f"{placed.title}  {inputs} -> {shape_text(layer.output_shape)}",
        f"for {len(users)} layers, which differ in their constants and their memory only",
    )
    parameters = ",\n    ".join(_parameter(placed.call, operand) for operand in _operands(placed))
    return [f"{about}\nTKD_LAYER void {name}(\n    {parameters})\n{{\n{_body(placed.call, str)}}}"]


def _parameter(call: KernelCall, operand: str) -> str:
    """Constants are ``restrict``: no store of the kernel changes them."""
    if operand in call.constants:
        return f"const {_constant_type(call, operand)} *restrict {operand}"
    return f"{_memory_type(call, operand)}{operand}"


def _operands(placed: PlacedLayer) -> list[str]:
    """Names of all constants and all memory that a layer works with, each once."""
    calls = placed.call.in_order
    pointers = [
        value
        for call in calls
        for struct in call.structs
        for value in struct.fields.values()
        if isinstance(value, str)
    ]
    return list(dict.fromkeys([*pointers, *(name for call in calls for name in call.arguments)]))


def _layer_function(placed: PlacedLayer) -> str:
    resolve = partial(_argument, placed)
    shared = placed.layer.shared_function
    body = (
        _call(shared, [resolve(operand) for operand in _operands(placed)])
        if shared
        else _body(placed.call, resolve)
    )
    return f"TKD_LAYER void {placed.layer.symbol}(uint8_t *arena)\n{{\n{body}}}"


def _body(whole: KernelCall, resolve: Resolve) -> str:
    calls = whole.in_order
    structs = "".join(_struct(struct, resolve) for call in calls for struct in call.structs)
    return structs + "".join(_kernel_call(call, resolve) for call in calls)


def _kernel_call(call: KernelCall, resolve: Resolve) -> str:
    structs = [f"&{struct.name}" for struct in call.structs]
    operands = [resolve(argument) for argument in call.arguments]
    return _call(call.kernel, [*structs, *map(c_integer, call.literals), *operands])


def _call(function: str, arguments: list[str]) -> str:
    lines = ",\n        ".join(arguments)
    return f"    {function}(\n        {lines});\n"


def _struct(struct: Struct, resolve: Resolve) -> str:
    """A parameter block: static, unless it holds an address that a caller gives."""
    fields = "".join(
        f"        .{name} = {_field(value, resolve)},\n" for name, value in struct.fields.items()
    )
    given = any(
        isinstance(value, str) and resolve(value) == value for value in struct.fields.values()
    )
    storage = "const" if given else "static const"
    return f"    {storage} {struct.type} {struct.name} = {{\n{fields}    }};\n"


def _field(value: int | float | tuple[int, ...] | str, resolve: Resolve) -> str:
    if isinstance(value, str):
        return resolve(value)
    if isinstance(value, tuple):
        return "{" + ", ".join(map(c_integer, value)) + "}"
    if isinstance(value, float):
        return c_float(value)
    return c_integer(value)


def _argument(placed: PlacedLayer, argument: str) -> str:
    """The address of an operand: its constant's name, or its place in the arena."""
    if argument in placed.call.constants:
        return placed.constant_symbol(argument)
    return _pointer(_memory_type(placed.call, argument), _offset(placed, argument))


def _offset(placed: PlacedLayer, argument: str) -> int | None:
    if argument == "scratch":
        return placed.scratch_offset
    kind, _, index = argument.partition("_")
    return (placed.output_offsets if kind == "output" else placed.input_offsets)[int(index or 0)]


def _memory_type(call: KernelCall, argument: str) -> str:
    """C type of a pointer into the arena."""
    if argument == "scratch":
        return f"{call.scratch_type} *"
    constant = "const " if argument.startswith("input") else ""
    return f"{constant}{call.types.get(argument, 'int8_t')} *"


def _constant_type(call: KernelCall, name: str) -> str:
    """C type of the values, or the rows, of a constant."""
    return call.row_types.get(name) or C_TYPES[call.constants[name].dtype.name]


def _pointer(ctype: str, offset: int | None) -> str:
    """A pointer into the arena, by way of ``void *`` where its type needs alignment."""
    untyped = "" if "int8_t" in ctype else "(const void *)" if "const" in ctype else "(void *)"
    return f"({ctype}){untyped}(arena + {offset})"


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
