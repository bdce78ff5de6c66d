"""Functions of one int8 value: all 256 results are found at compile time.

One kernel runs them all, and the arithmetic stays in Python, where it is compared with TFLM for
every input value.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from firmware_export.ir import Node, Shape
from firmware_export.numerics import INT8_MAX, INT8_MIN, Int8Array, Int64Array
from firmware_export.ops.definition import Constraint, KernelCall, OpDef
from firmware_export.ops.limits import INT8_TENSORS


def define_lookup(
    name: str,
    max_version: int,
    results: Callable[[Node], Int8Array],
    constraints: tuple[Constraint, ...] = (),
) -> OpDef:
    """An operator that a table of 256 values decides.

    Args:
        name: TFLite name.
        max_version: Highest operator version whose meaning is known.
        results: The result for each of the inputs -128 to 127, int8 [256].
        constraints: Limits beyond those of every int8 operator.
    """

    def emit(node: Node) -> KernelCall:
        return KernelCall(
            kernel="tkd_lookup_s8",
            structs=(),
            literals=(node.output.elements,),
            arguments=("table", "input_0", "output"),
            constants={"table": results(node)},
            overlaps={0: 0},
        )

    return OpDef(
        name=name,
        max_version=max_version,
        operands=range(1, 2),
        constraints=(*INT8_TENSORS, *constraints),
        output_shape=_output_shape,
        macs=lambda _: 0,
        emit=emit,
    )


def centred_inputs(node: Node) -> Int64Array:
    """Every int8 value minus the zero point of the input: int64 [256]."""
    return np.arange(INT8_MIN, INT8_MAX + 1, dtype=np.int64) - node.input(0).zero_point


def _output_shape(node: Node) -> Shape:
    return node.input(0).shape
