"""CONV_2D with the ADD of its result: what the pass ``fuse_add`` makes of the two.

No file has this operator. Each result is requantized and clamped to int8 as the convolution says,
and is an operand of the addition at once: the tensor between them does not exist.
"""

from __future__ import annotations

from dataclasses import replace

from firmware_export.ir import Node, Shape
from firmware_export.ops import add, conv_2d
from firmware_export.ops.add import ADD
from firmware_export.ops.conv_2d import CONV_2D
from firmware_export.ops.definition import KernelCall, OpDef, Variant

ADDEND = 3
"""Index of the input that is added; those before it are the convolution's."""

KERNELS = {
    "tkd_conv_2d_s8": "tkd_conv_2d_add_s8",
    "tkd_conv_2d_winograd_s8": "tkd_conv_2d_winograd_add_s8",
}
"""Kernel of a convolution to the one that adds."""


def fused(convolution: Node, addition: Node) -> Node:
    """Both as one node.

    Args:
        convolution: A CONV_2D.
        addition: An ADD of its output and of another tensor, in any order.
    """
    (addend,) = (tensor for tensor in addition.activations if tensor is not convolution.output)
    return Node(
        op=CONV_2D_ADD.name,
        version=1,
        inputs=(*(convolution.optional_input(index) for index in range(ADDEND)), addend),
        outputs=addition.outputs,
        parts=(convolution, replace(addition, inputs=(convolution.output, addend))),
    )


def sound_parts(node: Node) -> str | None:
    """It must be an addition of what its convolution gives, both within their own limits.

    Please report it with the .tflite.
    """
    convolution, addition = node.parts
    CONV_2D.check(convolution)
    ADD.check(addition)
    tensors = (convolution.output, node.input(ADDEND))
    same_shape = tensors[0].shape == tensors[1].shape
    return None if addition.inputs == tensors and same_shape else f"{addition.inputs}"


def _output_shape(node: Node) -> Shape:
    return node.parts[0].output.shape


def _macs(node: Node) -> int:
    return CONV_2D.macs(node.parts[0])


def emit(node: Node) -> KernelCall:
    """The C call of a node."""
    return _adding(node, conv_2d.emit(node.parts[0]))


def variants(node: Node) -> tuple[Variant, ...]:
    """Those of the convolution; the addition costs the same in each."""
    return tuple(
        replace(variant, call=_adding(node, variant.call))
        for variant in conv_2d.variants(node.parts[0])
    )


def _adding(node: Node, call: KernelCall) -> KernelCall:
    """``call`` with the addition of each result."""
    before, after = call.arguments[:-2], call.arguments[-2:]  # then working memory and output
    return replace(
        call,
        kernel=KERNELS[call.kernel],
        structs=(*call.structs, add.params(node.parts[1])),
        arguments=(*before, f"input_{ADDEND}", *after),
        overlaps={ADDEND: 0},
    )


CONV_2D_ADD = OpDef(
    name="CONV_2D_ADD",
    max_version=1,
    operands=range(ADDEND + 1, ADDEND + 2),
    constraints=(sound_parts,),
    output_shape=_output_shape,
    macs=_macs,
    emit=emit,
    variants=variants,
)
