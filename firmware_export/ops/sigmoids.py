"""LOGISTIC and TANH, which saturate on both sides."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from firmware_export import fixed_point
from firmware_export.ir import Node
from firmware_export.numerics import (
    INT8_MAX,
    INT8_MIN,
    Int8Array,
    Int64Array,
    quantize_multiplier,
    requantize,
    rounding_shift_right,
    saturate_int8,
)
from firmware_export.ops.lookup import centred_inputs, define_lookup

INTEGER_BITS = 4
"""Integer bits of the input; 27 bits of fraction remain."""


def probability_output(node: Node) -> str | None:
    """The output must have scale 1/256 and zero point -128.

    Convert the model again: these are the values of the TFLite specification.
    """
    return _fixed_output(node, 1 / 256, -128)


def symmetric_output(node: Node) -> str | None:
    """The output must have scale 1/128 and zero point 0.

    Convert the model again: these are the values of the TFLite specification.
    """
    return _fixed_output(node, 1 / 128, 0)


def _fixed_output(node: Node, scale: float, zero_point: int) -> str | None:
    y = node.output
    return (
        None if (y.scale, y.zero_point) == (scale, zero_point) else f"({y.scale}, {y.zero_point})"
    )


def usual_input_scale(node: Node) -> str | None:
    """The input scale must be between 2^-28 and 8.

    Calibrate the range of the layer before.
    """
    scale = node.input(0).scale
    return None if 2.0**-28 <= scale <= 8 else f"{scale:.3g}"


def _saturating(
    node: Node, function: Callable[[Int64Array, int], Int64Array], output_bits: int
) -> Int8Array:
    """``function`` of every input, its Q0.31 result rounded to ``output_bits`` of fraction.

    Inputs that would not fit Q4.27 give the lowest or the highest value.

    Source: tensorflow/lite/kernels/internal/reference/integer_ops/logistic.h and tanh.h;
    ``CalculateInputRadius``, tensorflow/lite/kernels/internal/quantization_util.cc.
    """
    x = centred_inputs(node)
    multiplier, shift = quantize_multiplier(node.input(0).scale * 2 ** (31 - INTEGER_BITS))
    radius = (((1 << INTEGER_BITS) - 1) << (31 - INTEGER_BITS)) >> shift
    inside = np.clip(x, 1 - radius, radius - 1)
    result = function(requantize(inside, multiplier, shift).astype(np.int64), INTEGER_BITS)
    values = rounding_shift_right(result, 31 - output_bits) + node.output.zero_point
    return saturate_int8(np.where(x <= -radius, INT8_MIN, np.where(x >= radius, INT8_MAX, values)))


def _logistic(node: Node) -> Int8Array:
    return _saturating(node, fixed_point.logistic, 8)


def _tanh(node: Node) -> Int8Array:
    return _saturating(node, fixed_point.tanh, 7)


LOGISTIC = define_lookup("LOGISTIC", 3, _logistic, (probability_output, usual_input_scale))
TANH = define_lookup("TANH", 3, _tanh, (symmetric_output, usual_input_scale))
