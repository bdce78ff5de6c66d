"""PAD and PADV2: a border of one value.

PAD fills it with the output's zero point, which is real zero; PADV2 with a value of its own.
"""

from __future__ import annotations

from firmware_export.ir import Node, Shape
from firmware_export.ops.definition import KernelCall, OpDef
from firmware_export.ops.limits import INT8_TENSORS, same_quantization
from firmware_export.ops.movement import (
    Box,
    at_most_five_dimensions,
    constant_integers,
    offset,
    row_major,
)

LARGEST_BORDER = 2**20
"""Far beyond any real one, so that shapes stay within int32."""


def known_borders(node: Node) -> str | None:
    """Paddings must be constant int32 values of 0 to 2^20, two for each dimension.

    Convert the model with fixed shapes, and crop with a slice instead of a negative padding.
    """
    values = constant_integers(node.input(1))
    if values is None or node.input(1).dtype != "int32":
        return f"{node.input(1).dtype} in '{node.input(1).name}'"
    wrong_range = min(values, default=0) < 0 or max(values, default=0) > LARGEST_BORDER
    wrong = wrong_range or len(values) != 2 * len(node.input(0).shape)
    return str(list(values)) if wrong else None


def known_value(node: Node) -> str | None:
    """The padding value must be one constant int8, quantized as the output.

    Pad with a number that is written in the model.
    """
    value = node.optional_input(2)
    if value is None:
        return None if node.op == "PAD" else "none"
    if value.data is None or value.dtype != "int8" or value.elements != 1:
        return f"{value.dtype} {list(value.shape)} in '{value.name}'"
    found, expected = value.quantization, node.output.quantization
    if found is None or expected is None:
        return f"no scale in '{value.name}'"
    if (found.scales, found.zero_points) != (expected.scales, expected.zero_points):
        return f"scale {found.scales[0]} and zero point {found.zero_points[0]}"
    return None


def borders(node: Node) -> tuple[tuple[int, int], ...]:
    """Values before and after along each dimension."""
    values = constant_integers(node.input(1)) or ()
    return tuple(zip(values[::2], values[1::2], strict=True))


def padded_shape(node: Node) -> Shape:
    """The shape of the input with its borders."""
    return tuple(
        extent + before + after
        for extent, (before, after) in zip(node.input(0).shape, borders(node), strict=True)
    )


def emit(node: Node) -> KernelCall:
    """The C call of a node: fill the output, then copy the input into its middle."""
    value = node.optional_input(2)
    padding = node.output.zero_point if value is None else int(value.values.reshape(-1)[0])
    strides = row_major(node.output.shape)
    middle = Box(
        shape=node.input(0).shape,
        input_start=0,
        input_strides=row_major(node.input(0).shape),
        output_start=offset((before for before, _ in borders(node)), strides),
        output_strides=strides,
    )
    return KernelCall(
        kernel="tkd_fill_s8",
        structs=(),
        literals=(node.output.elements, padding),
        arguments=("output",),
        then=(middle.call(),),
    )


def _pad(name: str, operands: range) -> OpDef:
    return OpDef(
        name=name,
        max_version=4,
        operands=operands,
        constraints=(
            *INT8_TENSORS,
            same_quantization,
            at_most_five_dimensions,
            known_borders,
            known_value,
        ),
        output_shape=padded_shape,
        macs=lambda _: 0,
        emit=emit,
    )


PAD = _pad("PAD", range(2, 3))
PADV2 = _pad("PADV2", range(3, 4))
