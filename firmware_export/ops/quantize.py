"""QUANTIZE from int8 to int8: another scale and zero point for the same numbers."""

from __future__ import annotations

from firmware_export.ir import Node
from firmware_export.numerics import Int8Array, quantize_multiplier, requantize, saturate_int8
from firmware_export.ops.lookup import centred_inputs, define_lookup
from firmware_export.ops.relu import bounded_scale


def _results(node: Node) -> Int8Array:
    """Source: tensorflow/lite/kernels/internal/reference/requantize.h."""
    multiplier, shift = quantize_multiplier(node.input(0).scale / node.output.scale)
    scaled = requantize(centred_inputs(node), multiplier, shift)
    return saturate_int8(scaled + node.output.zero_point)


QUANTIZE = define_lookup("QUANTIZE", 3, _results, (bounded_scale,))
