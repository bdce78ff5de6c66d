"""CONCATENATION: tensors side by side along one dimension.

The bytes are copied, so that every input has the output's scale and zero point; TFLM and LiteRT
refuse others too.
"""

from __future__ import annotations

from firmware_export.ir import Node, Shape
from firmware_export.ops.definition import KernelCall, OpDef
from firmware_export.ops.limits import (
    ACTIVATION_NAMES,
    int8_activations,
    nonempty,
    quantized_activations,
    same_quantization,
)
from firmware_export.ops.movement import Box, at_most_five_dimensions, on_each, row_major

MAX_OPERANDS = 256
"""What the reader accepts."""


def parts(node: Node) -> tuple[Node, ...]:
    """One node for each input, with the whole output."""
    return tuple(
        Node(node.op, node.version, (node.input(index),), node.outputs)
        for index in range(len(node.inputs))
    )


PART_LIMITS = tuple(
    on_each(parts, limit)
    for limit in (int8_activations, quantized_activations, nonempty, same_quantization)
)


def some_computed(node: Node) -> str | None:
    """At least one input must be computed at run time.

    Fold constant subexpressions before conversion.
    """
    return None if node.activations else "constants only"


def no_activation(node: Node) -> str | None:
    """There must be no fused activation.

    Put the activation into a layer of its own.
    """
    code = node.option("fused_activation_function")
    return None if code == 0 else ACTIVATION_NAMES.get(code, f"code {code}")


def axis_within_rank(node: Node) -> str | None:
    """The axis must be one of the dimensions.

    Convert the model again.
    """
    rank = len(node.input(0).shape)
    return None if -rank <= node.option("axis") < rank else str(node.option("axis"))


def equal_elsewhere(node: Node) -> str | None:
    """Inputs must have the same shape but for the axis.

    Reshape or pad them before.
    """
    axis = _axis(node)
    first = node.input(0).shape
    for part in parts(node):
        shape = part.input(0).shape
        if len(shape) != len(first) or _without(shape, axis) != _without(first, axis):
            return f"{list(first)} and {list(shape)}"
    return None


def _axis(node: Node) -> int:
    return node.option("axis") % len(node.input(0).shape)


def _without(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], *shape[axis + 1 :])


def _output_shape(node: Node) -> Shape:
    axis = _axis(node)
    total = sum(part.input(0).shape[axis] for part in parts(node))
    shape = node.input(0).shape
    return (*shape[:axis], total, *shape[axis + 1 :])


def emit(node: Node) -> KernelCall:
    """The C call of a node: a copy for each input.

    A constant input is a constant of the layer.
    """
    axis = _axis(node)
    strides = row_major(node.output.shape)
    constants = {}
    copies = []
    reached = 0
    for index, part in enumerate(parts(node)):
        tensor = part.input(0)
        source = f"input_{index}"
        if tensor.data is not None:
            source = f"operand_{index}"
            constants[source] = tensor.data
        box = Box(tensor.shape, 0, row_major(tensor.shape), reached * strides[axis], strides)
        copies.append(box.call(index, source=source))
        reached += tensor.shape[axis]
    first, *rest = copies
    return KernelCall(
        first.kernel, first.structs, first.arguments, constants=constants, then=tuple(rest)
    )


CONCATENATION = OpDef(
    name="CONCATENATION",
    max_version=3,
    operands=range(1, MAX_OPERANDS + 1),
    constraints=(
        *PART_LIMITS,
        some_computed,
        at_most_five_dimensions,
        no_activation,
        axis_within_rank,
        equal_elsewhere,
    ),
    output_shape=_output_shape,
    macs=lambda _: 0,
    emit=emit,
)
