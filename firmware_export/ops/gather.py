"""GATHER: chosen slices along one dimension, by constant indices."""

from __future__ import annotations

import math

import numpy as np

from firmware_export.ir import Node, Shape
from firmware_export.ops.definition import KernelCall, OpDef, Struct
from firmware_export.ops.limits import INT8_TENSORS, same_quantization
from firmware_export.ops.movement import constant_integers


def axis_and_batches(node: Node) -> str | None:
    """The axis must be a dimension of the data, and come after the batch dimensions.

    Convert the model again.
    """
    rank, axis = len(node.input(0).shape), node.option("axis")
    shape, indices = node.input(0).shape, node.input(1).shape
    if not -rank <= axis < rank:
        return f"axis {axis}"
    batches = _batches(node)
    if not 0 <= batches <= min(_axis(node), len(indices)) or shape[:batches] != indices[:batches]:
        return f"{batches} batch dimensions of {list(shape)} and {list(indices)}"
    return None


def known_indices(node: Node) -> str | None:
    """The indices must be constant int32 values inside the dimension.

    An embedding by indices that are computed needs a TFLite Micro that supports it.
    """
    values = constant_integers(node.input(1))
    if values is None or node.input(1).dtype != "int32":
        return f"{node.input(1).dtype} in '{node.input(1).name}'"
    extent = node.input(0).shape[_axis(node)]
    if not values or min(values) < 0 or max(values) >= extent:
        return f"{min(values, default=0)} to {max(values, default=0)} of {extent}"
    return None


def _axis(node: Node) -> int:
    return node.option("axis") % len(node.input(0).shape)


def _batches(node: Node) -> int:
    batches = node.option("batch_dims")
    return batches + len(node.input(1).shape) if batches < 0 else batches


def _output_shape(node: Node) -> Shape:
    shape, axis, batches = node.input(0).shape, _axis(node), _batches(node)
    return (*shape[:axis], *node.input(1).shape[batches:], *shape[axis + 1 :])


def emit(node: Node) -> KernelCall:
    """The C call of a node.

    Source: tensorflow/lite/micro/kernels/gather.cc.
    """
    shape, axis, batches = node.input(0).shape, _axis(node), _batches(node)
    indices = node.input(1)
    params = Struct(
        "tkd_gather_params",
        "params",
        {
            "batches": math.prod(shape[:batches]),
            "rows": math.prod(shape[batches:axis]),
            "extent": shape[axis],
            "taken": math.prod(indices.shape[batches:]),
            "run": math.prod(shape[axis + 1 :]),
        },
    )
    return KernelCall(
        kernel="tkd_gather_s8",
        structs=(params,),
        arguments=("indices", "input_0", "output"),
        constants={"indices": indices.values.astype(np.int32)},
    )


GATHER = OpDef(
    name="GATHER",
    max_version=7,
    operands=range(2, 3),
    constraints=(*INT8_TENSORS, same_quantization, axis_and_batches, known_indices),
    output_shape=_output_shape,
    macs=lambda _: 0,
    emit=emit,
)
