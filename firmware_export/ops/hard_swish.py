"""HARD_SWISH: x * relu6(x + 3) / 6, in 16-bit fixed point."""

from __future__ import annotations

import numpy as np

from firmware_export.ir import Node
from firmware_export.numerics import (
    Int8Array,
    Int64Array,
    quantize_multiplier,
    rounding_shift_right,
    saturate_int8,
)
from firmware_export.ops.lookup import centred_inputs, define_lookup

FRACTION_BITS = 7
"""How far an input is shifted left, to fill 16 bits."""
RELU_SCALE = 3 / 2**15
INT16_MIN, INT16_MAX = -(2**15), 2**15 - 1


def usual_scales(node: Node) -> str | None:
    """The input scale must be above 2^-22, and between 2^-8 and 64 times the output scale.

    Calibrate the range of the layer before, and of this one.
    """
    (_, to_output), (_, to_relu) = _multipliers(node)
    usual = -15 <= to_output <= -1 and to_relu >= -15
    return None if usual else f"{node.input(0).scale:.3g} and {node.output.scale:.3g}"


def _multipliers(node: Node) -> tuple[tuple[int, int], tuple[int, int]]:
    """16-bit multiplier and shift to the output's scale, and to one where 2^15 is 3.

    Source: ``HardSwishPrepare``, tensorflow/lite/micro/kernels/hard_swish_common.cc; in
    doubles, as the pinned TFLM has it, where older versions divide floats.
    """
    fine = node.input(0).scale / (1 << FRACTION_BITS)
    scales = fine / node.output.scale, fine / RELU_SCALE
    (output, output_shift), (relu, relu_shift) = map(quantize_multiplier, scales)
    return (_upper_half(output), output_shift), (_upper_half(relu), relu_shift)


def _upper_half(multiplier: int) -> int:
    """Source: ``DownScaleInt32ToInt16Multiplier``, tensorflow/lite/kernels/internal/common.h."""
    return min((multiplier + (1 << 15)) >> 16, INT16_MAX)


def _results(node: Node) -> Int8Array:
    """Source: tensorflow/lite/kernels/internal/reference/hard_swish.h."""
    fine = centred_inputs(node) << FRACTION_BITS
    (to_output, output_shift), (to_relu, relu_shift) = _multipliers(node)
    share = (_relu(fine, to_relu, relu_shift) + (1 << 15)) >> 1
    product = share * _multiply_high(fine, to_output)
    scaled = np.sign(product) * (np.abs(product) >> 15)  # towards zero, as C divides
    return saturate_int8(rounding_shift_right(scaled, -output_shift) + node.output.zero_point)


def _relu(fine: Int64Array, multiplier: int, shift: int) -> Int64Array:
    """The input on a scale where 2^15 is 3, saturated to 16 bits: from -1 to 1."""
    if shift <= 0:
        scaled = _multiply_high(fine, multiplier)
        return rounding_shift_right(scaled, -shift).astype(np.int64)
    return _saturate(_multiply_high(_saturate(fine << (shift - 1)), multiplier) << 1)


def _multiply_high(values: Int64Array, multiplier: int) -> Int64Array:
    """``values * multiplier / 2**15``, to nearest, ties up, as `multiply_high` for 32 bits."""
    return (values * multiplier + (1 << 14)) >> 15


def _saturate(values: Int64Array) -> Int64Array:
    return np.clip(values, INT16_MIN, INT16_MAX)


HARD_SWISH = define_lookup("HARD_SWISH", 1, _results, (usual_scales,))
