"""RELU and RELU6 as layers of their own.

``requantize(x - zero_point, input scale / output scale)`` plus the output zero point, clamped to
what is at least zero, and at most six.

TFLM's RELU6 clamps without rescaling from the input's quantization to the output's, so it is wrong
where they differ; the LiteRT reference, which treats both alike, decides.
"""

from __future__ import annotations

from firmware_export.ir import Node, Shape
from firmware_export.numerics import activation_range
from firmware_export.ops.definition import KernelCall, OpDef, Struct
from firmware_export.ops.limits import INT8_TENSORS
from firmware_export.ops.rescaling import rescaling


def bounded_scale(node: Node) -> str | None:
    """Input scale over output scale must be below 2^22.

    Look for a layer with a constant output, and calibrate its range.
    """
    ratio = node.input(0).scale / node.output.scale
    return None if ratio < 2**22 else f"{ratio:.3g}"


def _output_shape(node: Node) -> Shape:
    return node.input(0).shape


def emit(node: Node) -> KernelCall:
    """The C call of a node."""
    low, high = activation_range(node.op, node.output.scale, node.output.zero_point)
    params = Struct(
        "tkd_relu_params",
        "params",
        {**rescaling(node), "activation_min": low, "activation_max": high},
    )
    return KernelCall("tkd_relu_s8", (params,), ("input_0", "output"), overlaps={0: 0})


def _define(name: str) -> OpDef:
    return OpDef(
        name=name,
        max_version=3,
        operands=range(1, 2),
        constraints=(*INT8_TENSORS, bounded_scale),
        output_shape=_output_shape,
        macs=lambda _: 0,
        emit=emit,
    )


RELU = _define("RELU")
RELU6 = _define("RELU6")
