"""MEAN over height and width, which is global average pooling.

The sum of ``x - zero_point`` is exact. One multiplier holds scale ratio and division: the Q31
multiplier of ``input scale / output scale`` is shifted left as far as the number of positions
allows, divided by it as an integer, rounding down, and the shift is taken back at the end.
"""

from __future__ import annotations

from firmware_export.ir import Node, Shape
from firmware_export.numerics import quantize_multiplier
from firmware_export.ops.definition import KernelCall, OpDef, Struct
from firmware_export.ops.limits import INT8_TENSORS, image

HEIGHT_AND_WIDTH = {1, 2}


def constant_axes(node: Node) -> str | None:
    """The axes must be constant int32 values.

    Fold constant subexpressions before conversion.
    """
    axes = node.input(1)
    return None if axes.data is not None and axes.dtype == "int32" else f"{axes.dtype} activation"


def over_height_and_width(node: Node) -> str | None:
    """The mean must be over the axes 1 and 2 (height and width).

    Use GlobalAveragePooling2D in the student.
    """
    axes = [int(axis) for axis in node.input(1).values.reshape(-1).tolist()]
    resolved = {axis % 4 for axis in axes if -4 <= axis < 4}
    return None if resolved == HEIGHT_AND_WIDTH and len(axes) == 2 else str(axes)


def bounded_sum(node: Node) -> str | None:
    """255 times height times width times the scale ratio must be below 2^31.

    Look for a layer with a constant output, and calibrate its range.
    """
    left = max(0, quantize_multiplier(node.input(0).scale / node.output.scale)[1])
    return None if 255 * _positions(node) << left < 2**31 else f"a left shift by {left}"


def _positions(node: Node) -> int:
    _, height, width, _ = node.input(0).shape
    return height * width


def _multiplier(node: Node) -> tuple[int, int]:
    """Input scale over output scale over positions, in two steps as TFLite takes them.

    Source: ``QuantizedMeanOrSum``, tensorflow/lite/kernels/internal/reference/reduce.h.
    """
    multiplier, shift = quantize_multiplier(node.input(0).scale / node.output.scale)
    positions = _positions(node)
    extra = max(0, min(positions.bit_length() - 1, 32, 31 + shift))
    return (multiplier << extra) // positions, shift - extra


def _output_shape(node: Node) -> Shape:
    batches, _, _, channels = node.input(0).shape
    return (batches, 1, 1, channels) if node.option("keep_dims") else (batches, channels)


def emit(node: Node) -> KernelCall:
    """The C call of a node."""
    multiplier, shift = _multiplier(node)
    batches, _, _, channels = node.input(0).shape
    params = Struct(
        "tkd_mean_params",
        "params",
        {
            "batches": batches,
            "positions": _positions(node),
            "channels": channels,
            "input_zero_point": node.input(0).zero_point,
            "output_zero_point": node.output.zero_point,
            "multiplier": multiplier,
            "right_shift": -shift,
        },
    )
    return KernelCall("tkd_mean_s8", (params,), ("input_0", "output"))


MEAN = OpDef(
    name="MEAN",
    max_version=3,
    operands=range(2, 3),
    constraints=(*INT8_TENSORS, image, constant_axes, over_height_and_width, bounded_sum),
    output_shape=_output_shape,
    macs=lambda _: 0,
    emit=emit,
)
