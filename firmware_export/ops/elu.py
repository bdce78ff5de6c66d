"""ELU: x, or exp(x) - 1 where it is negative; TFLM too looks it up."""

from __future__ import annotations

import numpy as np

from firmware_export.ir import Node
from firmware_export.numerics import Int8Array, round_half_away, saturate_int8
from firmware_export.ops.lookup import centred_inputs, define_lookup
from firmware_export.ops.relu import bounded_scale


def _results(node: Node) -> Int8Array:
    """Every step in float32, as in TFLM; the exponential is the float nearest to the true one.

    A C library may be off by a unit in the last place there, which changes a byte only where a
    result lies that near to the middle between two.

    Source: ``PopulateLookupTable``, tensorflow/lite/micro/kernels/elu.cc.
    """
    real = np.float32(node.input(0).scale) * centred_inputs(node).astype(np.float32)
    exponential = np.exp(np.minimum(real, 0).astype(np.float64)).astype(np.float32)
    activated = np.where(real < 0, exponential - np.float32(1), real)
    steps = activated * (np.float32(1) / np.float32(node.output.scale))
    rounded = np.array([round_half_away(float(step)) for step in steps])
    return saturate_int8(rounded + node.output.zero_point)


ELU = define_lookup("ELU", 1, _results, (bounded_scale,))
