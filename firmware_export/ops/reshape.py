"""RESHAPE: another shape for the same memory; it needs no code.

Source: input and output have one quantization, so that no value changes
(tensorflow/lite/kernels/reshape.cc).
"""

from __future__ import annotations

from firmware_export.ir import Node, Shape
from firmware_export.ops.definition import OpDef
from firmware_export.ops.limits import INT8_TENSORS, same_quantization


def same_size(node: Node) -> str | None:
    """Input and output must have the same number of elements.

    Convert the model with fixed shapes.
    """
    x, y = node.input(0), node.output
    return None if x.elements == y.elements else f"{list(x.shape)} and {list(y.shape)}"


def _output_shape(node: Node) -> Shape:
    return node.output.shape


RESHAPE = OpDef(
    name="RESHAPE",
    max_version=1,
    operands=range(1, 3),
    constraints=(*INT8_TENSORS, same_size, same_quantization),
    output_shape=_output_shape,
    macs=lambda _: 0,
    emit=None,
)
