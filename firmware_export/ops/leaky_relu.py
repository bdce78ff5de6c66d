"""LEAKY_RELU: x, or alpha times x where it is negative."""

from __future__ import annotations

import math

import numpy as np

from firmware_export.ir import Node
from firmware_export.numerics import (
    Int8Array,
    quantize_multiplier,
    requantize,
    saturate_int8,
)
from firmware_export.ops.lookup import centred_inputs, define_lookup
from firmware_export.ops.relu import bounded_scale


def ordinary_slope(node: Node) -> str | None:
    """Alpha must be finite, not negative, and amplify less than 2^22 times.

    Use an alpha between 0 and 1.
    """
    alpha = node.real_option("alpha")
    sensible = math.isfinite(alpha) and alpha >= 0 and _slopes(node)[1] < 2**22
    return None if sensible else f"{alpha:.3g}"


def _slopes(node: Node) -> tuple[float, float]:
    """Output steps for a step of a positive input, and of a negative one.

    Source: ``CalculateOpDataLeakyRelu``, tensorflow/lite/micro/kernels/leaky_relu_common.cc; in
    doubles, as the pinned TFLM has it, where older versions multiply floats.
    """
    x, y = node.input(0).scale, node.output.scale
    return x / y, x * node.real_option("alpha") / y


def _results(node: Node) -> Int8Array:
    """Source: tensorflow/lite/kernels/internal/reference/leaky_relu.h."""
    x = centred_inputs(node)
    positive, negative = (requantize(x, *quantize_multiplier(slope)) for slope in _slopes(node))
    return saturate_int8(np.where(x >= 0, positive, negative) + node.output.zero_point)


LEAKY_RELU = define_lookup("LEAKY_RELU", 2, _results, (bounded_scale, ordinary_slope))
