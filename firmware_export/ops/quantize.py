"""QUANTIZE and DEQUANTIZE: the same numbers in another type, or on another scale.

Inside a model they go from int8 to int8; at its edges they meet the other types that inputs and
outputs may have.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from firmware_export.ir import Node, Shape, Tensor
from firmware_export.numerics import Int8Array, quantize_multiplier, requantize, saturate
from firmware_export.ops.definition import KernelCall, OpDef, Struct
from firmware_export.ops.limits import computed_input, nonempty, quantization_fault
from firmware_export.ops.rescaling import rescaling

QUANTIZED = {
    ("float32", "int8"),
    ("int16", "int8"),
    ("uint8", "int8"),
    ("int8", "int8"),
    ("int8", "uint8"),
    ("int8", "int16"),
}


def known_types(node: Node) -> str | None:
    """It must go from float32, int16, uint8 or int8 to int8, or from int8 to uint8 or int16.

    Use int8 inputs and outputs.
    """
    types = node.input(0).dtype, node.output.dtype
    return None if types in QUANTIZED else " to ".join(types)


def int8_to_real(node: Node) -> str | None:
    """It must go from int8 to float32.

    Quantize the model to full integers.
    """
    types = node.input(0).dtype, node.output.dtype
    return None if types == ("int8", "float32") else " to ".join(types)


def scaled_integers(node: Node) -> str | None:
    """Integers must have one scale in [2^-100, 2^100] and one zero point within their type.

    Quantize the model to full integers.
    """
    for tensor in (node.input(0), node.output):
        if tensor.dtype != "float32" and (got := quantization_fault(tensor)):
            return got
    return None


def bounded_ratio(node: Node) -> str | None:
    """Input scale over output scale must be below 2^14.

    Look for a layer with a constant output, and calibrate its range.
    """
    if node.input(0).dtype == "float32":
        return None
    ratio = node.input(0).scale / node.output.scale
    return None if ratio < 2**14 else f"{ratio:.3g}"


def _output_shape(node: Node) -> Shape:
    return node.input(0).shape


def _emit_quantize(node: Node) -> KernelCall:
    """The C call of a node."""
    match node.input(0).dtype, node.output.dtype:
        case "float32", _:
            return _from_real(node)
        case "int16", _:
            return _rescale(node, "tkd_quantize_s16", {"input_0": "int16_t"})
        case _, "int16":
            return _rescale(node, "tkd_quantize_s8_s16", {"output": "int16_t"})
        case _:
            return _by_table(node)


def _from_real(node: Node) -> KernelCall:
    return KernelCall(
        "tkd_quantize_f32",
        (_real_params("tkd_quantize_params", node.output.elements, node.output),),
        ("input_0", "output"),
        types={"input_0": "float"},
    )


def _rescale(node: Node, kernel: str, types: Mapping[str, str]) -> KernelCall:
    """One integer type to another, of which one has 16 bits."""
    params = Struct(f"{kernel}_params", "params", rescaling(node))
    return KernelCall(kernel, (params,), ("input_0", "output"), types=types)


def _real_params(ctype: str, size: int, quantized: Tensor) -> Struct:
    fields = {"size": size, "scale": quantized.scale, "zero_point": quantized.zero_point}
    return Struct(ctype, "params", fields)


def _by_table(node: Node) -> KernelCall:
    """One byte to one byte: a table, as other functions of an int8 are."""
    return KernelCall(
        kernel="tkd_lookup_s8",
        structs=(),
        literals=(node.output.elements,),
        arguments=("table", "input_0", "output"),
        constants={"table": _results(node)},
    )


def _results(node: Node) -> Int8Array:
    """The byte for each of the bytes -128 to 127, which mean a uint8 where that is the type.

    Source: tensorflow/lite/kernels/internal/reference/requantize.h.
    """
    x, y = node.input(0), node.output
    values = np.arange(-128, 128).astype(np.int8).view(x.dtype).astype(np.int64)
    multiplier, shift = quantize_multiplier(x.scale / y.scale)
    scaled = requantize(values - x.zero_point, multiplier, shift)
    return saturate(scaled + y.zero_point, y.dtype).view(np.int8)


def _emit_dequantize(node: Node) -> KernelCall:
    """The C call of a node."""
    return KernelCall(
        "tkd_dequantize_s8",
        (_real_params("tkd_dequantize_params", node.output.elements, node.input(0)),),
        ("input_0", "output"),
        types={"output": "float"},
    )


QUANTIZE = OpDef(
    name="QUANTIZE",
    max_version=3,
    operands=range(1, 2),
    constraints=(known_types, computed_input, scaled_integers, nonempty, bounded_ratio),
    output_shape=_output_shape,
    macs=lambda _: 0,
    emit=_emit_quantize,
)
DEQUANTIZE = OpDef(
    name="DEQUANTIZE",
    max_version=5,
    operands=range(1, 2),
    constraints=(int8_to_real, computed_input, scaled_integers, nonempty),
    output_shape=_output_shape,
    macs=lambda _: 0,
    emit=_emit_dequantize,
)
