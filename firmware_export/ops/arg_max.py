"""ARG_MAX: which of the values along one dimension is the largest, as an output of the model."""

from __future__ import annotations

import math

from firmware_export.ir import Node, Shape
from firmware_export.ops.definition import KernelCall, OpDef, Struct
from firmware_export.ops.limits import computed_input, nonempty


def int8_to_index(node: Node) -> str | None:
    """The data input must be int8 and the output int32, as TFLM has no other index.

    Give tf.argmax output_type=tf.int32, or end the model before it: the C has ``<name>_argmax``.
    """
    types = node.input(0).dtype, node.output.dtype
    return None if types == ("int8", "int32") else " and ".join(types)


def constant_axis(node: Node) -> str | None:
    """The axis must be one constant int32, a dimension of the data input.

    Fold constant subexpressions before conversion.
    """
    axis = node.input(1)
    if axis.data is None or axis.dtype != "int32" or axis.elements != 1:
        return f"{axis.elements} values of {axis.dtype} in '{axis.name}'"
    rank = len(node.input(0).shape)
    value = int(axis.values.reshape(-1)[0])
    return None if -rank <= value < rank else f"{value} of {rank}"


def _axis(node: Node) -> int:
    return int(node.input(1).values.reshape(-1)[0]) % len(node.input(0).shape)


def _output_shape(node: Node) -> Shape:
    shape, axis = node.input(0).shape, _axis(node)
    return shape[:axis] + shape[axis + 1 :]


def emit(node: Node) -> KernelCall:
    """The C call of a node."""
    shape, axis = node.input(0).shape, _axis(node)
    params = Struct(
        "tkd_arg_max_params",
        "params",
        {
            "outer": math.prod(shape[:axis]),
            "depth": shape[axis],
            "inner": math.prod(shape[axis + 1 :]),
        },
    )
    return KernelCall(
        "tkd_arg_max_s8", (params,), ("input_0", "output"), types={"output": "int32_t"}
    )


ARG_MAX = OpDef(
    name="ARG_MAX",
    max_version=3,
    operands=range(2, 3),
    constraints=(int8_to_index, computed_input, nonempty, constant_axis),
    output_shape=_output_shape,
    macs=lambda _: 0,
    emit=emit,
)
