"""RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR: an image of another height and width.

Which rows and columns an output lies at is worked out by the compiler: for the nearest in float32,
for bilinear with ten bits of fraction, as TFLite does. The four values are weighted in integers,
with twenty bits of fraction, and rounded to nearest, ties away from zero.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from firmware_export.ir import Node, Shape
from firmware_export.numerics import round_half_away
from firmware_export.ops.definition import KernelCall, OpDef, Struct
from firmware_export.ops.limits import INT8_TENSORS, image, same_quantization
from firmware_export.ops.movement import constant_integers

LARGEST_SIDE = 2**15 - 1
"""So that positions fit int16, and positions with ten bits of fraction int32."""
FRACTION_BITS = 10


def known_size(node: Node) -> str | None:
    """The new size must be two constant int32 values.

    Convert the model with fixed shapes.
    """
    size = constant_integers(node.input(1))
    if size is None or node.input(1).dtype != "int32":
        return f"{node.input(1).dtype} in '{node.input(1).name}'"
    return None if len(size) == 2 else str(list(size))


def sensible_sides(node: Node) -> str | None:
    """Height and width must be between 1 and 32767, before and after.

    Use a smaller image.
    """
    sides = (*node.input(0).shape[1:3], *_size(node))
    return None if min(sides) >= 1 and max(sides) <= LARGEST_SIDE else str(sides)


def one_alignment(node: Node) -> str | None:
    """Corners can be aligned, or pixels have centers, but not both.

    Use one of align_corners and half_pixel_centers.
    """
    both = node.option("align_corners") and node.option("half_pixel_centers")
    return "both" if both else None


def rounded_inside(node: Node) -> str | None:
    """No position may be rounded to one beyond the last row or column.

    TFLite would read behind the image there. Resize by a whole factor, or in two steps.
    """
    for extent, size in _sides(node):
        last = int(between(extent, size, **_alignment(node))[:, 0].max())
        if last >= extent:
            return f"{last} of {extent}"
    return None


def _size(node: Node) -> tuple[int, int]:
    height, width = constant_integers(node.input(1)) or (0, 0)
    return height, width


def _output_shape(node: Node) -> Shape:
    batches, _, _, channels = node.input(0).shape
    return (batches, *_size(node), channels)


def nearest(extent: int, size: int, *, align_corners: bool, half_pixel_centers: bool) -> list[int]:
    """The input position that each output position along one dimension takes.

    It is computed in float32, as TFLite does.

    Source: ``GetNearestNeighbor``,
    tensorflow/lite/kernels/internal/reference/resize_nearest_neighbor.h.

    Example:
        >>> nearest(2, 4, align_corners=False, half_pixel_centers=False)
        [0, 0, 1, 1]
    """
    corners = align_corners and size > 1
    scale = np.float32(extent - corners) / np.float32(size - corners)
    shift = np.float32(0.5 if half_pixel_centers else 0)
    reals = [float((np.float32(position) + shift) * scale) for position in range(size)]
    rounding = round_half_away if align_corners else math.floor
    return [min(rounding(real), extent - 1) for real in reals]


def between(
    extent: int, size: int, *, align_corners: bool, half_pixel_centers: bool
) -> npt.NDArray[np.int16]:
    """The two input positions that each output position lies between, and how far from the first.

    Returns:
        int16 [size, 3]: the lower position, the upper, and the distance in 1/1024.

    Source: ``ComputeInterpolationValuesInteger``,
    tensorflow/lite/kernels/internal/reference/resize_bilinear.h.

    Example:
        >>> between(2, 4, align_corners=False, half_pixel_centers=False).tolist()
        [[0, 0, 0], [0, 1, 512], [1, 1, 0], [1, 1, 0]]
    """
    corners = align_corners and size > 1
    one = 1 << FRACTION_BITS
    scale = (one * (extent - corners) + (size - corners) // 2) // (size - corners)
    offset = scale // 2 - one // 2 if half_pixel_centers else 0
    real = np.arange(size, dtype=np.int64) * scale + offset
    lower = np.maximum(real >> FRACTION_BITS, 0)
    upper = np.minimum(-(-real >> FRACTION_BITS), extent - 1)
    # Between a value and itself there is nothing: at the border TFLite's weights leave 0 to 1, but
    # still add up to one.
    distance = np.where(upper > lower, real - lower * one, 0)
    return np.stack([lower, upper, distance], axis=1).astype(np.int16)


def _alignment(node: Node) -> dict[str, bool]:
    return {name: bool(node.option(name)) for name in ("align_corners", "half_pixel_centers")}


def _sides(node: Node) -> tuple[tuple[int, int], tuple[int, int]]:
    """Extent and new size of the height, and of the width."""
    _, height, width, _ = node.input(0).shape
    new_height, new_width = _size(node)
    return (height, new_height), (width, new_width)


def _params(node: Node) -> Struct:
    batches, height, width, channels = node.input(0).shape
    new_height, new_width = _size(node)
    return Struct(
        "tkd_resize_shape",
        "shape",
        {
            "batches": batches,
            "input_height": height,
            "input_width": width,
            "output_height": new_height,
            "output_width": new_width,
            "channels": channels,
        },
    )


def emit_nearest(node: Node) -> KernelCall:
    """The C call of a RESIZE_NEAREST_NEIGHBOR: the positions are worked out here."""
    rows, columns = (np.array(nearest(*s, **_alignment(node)), np.int16) for s in _sides(node))
    return KernelCall(
        kernel="tkd_resize_nearest_s8",
        structs=(_params(node),),
        arguments=("rows", "columns", "input_0", "output"),
        constants={"rows": rows, "columns": columns},
    )


def emit_bilinear(node: Node) -> KernelCall:
    """The C call of a RESIZE_BILINEAR: the positions and weights are worked out here."""
    rows, columns = (between(*sides, **_alignment(node)) for sides in _sides(node))
    return KernelCall(
        kernel="tkd_resize_bilinear_s8",
        structs=(_params(node),),
        arguments=("rows", "columns", "input_0", "output"),
        constants={"rows": rows, "columns": columns},
        row_types={"rows": "tkd_between", "columns": "tkd_between"},
    )


RESIZE_LIMITS = (*INT8_TENSORS, same_quantization, image, known_size, sensible_sides)

RESIZE_NEAREST_NEIGHBOR = OpDef(
    name="RESIZE_NEAREST_NEIGHBOR",
    max_version=4,
    operands=range(2, 3),
    constraints=RESIZE_LIMITS,
    output_shape=_output_shape,
    macs=lambda _: 0,
    emit=emit_nearest,
)

RESIZE_BILINEAR = OpDef(
    name="RESIZE_BILINEAR",
    max_version=4,
    operands=range(2, 3),
    constraints=(*RESIZE_LIMITS, one_alignment, rounded_inside),
    output_shape=_output_shape,
    macs=lambda _: 0,
    emit=emit_bilinear,
)
