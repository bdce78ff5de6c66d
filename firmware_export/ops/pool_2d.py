"""AVERAGE_POOL_2D and MAX_POOL_2D, which differ in one literal.

Input and output have one quantization, so the values are taken as they are. The average is the sum
of the values inside the image divided by their number, to nearest, ties away from zero. The
activation clamps.
"""

from __future__ import annotations

from functools import partial

from firmware_export.ir import Node, Shape
from firmware_export.numerics import activation_range
from firmware_export.ops.definition import KernelCall, OpDef, Struct
from firmware_export.ops.limits import (
    INT8_TENSORS,
    activation_name,
    image,
    known_activation,
    same_quantization,
)
from firmware_export.ops.windows import (
    LARGEST_STEP,
    Window,
    fits,
    known_padding,
    sensible_strides,
    window_of,
)


def sensible_filter(node: Node) -> str | None:
    """The filter must be between 1 and 32767 high and wide.

    Convert the model again.
    """
    size = node.option("filter_height"), node.option("filter_width")
    return None if min(size) >= 1 and max(size) <= LARGEST_STEP else str(size)


def filter_within_image(node: Node) -> str | None:
    """With VALID padding the filter must fit into the image.

    Use SAME padding or a smaller filter.
    """
    return fits(_window(node))


def _window(node: Node) -> Window:
    return window_of(node, (node.option("filter_height"), node.option("filter_width")))


def _output_shape(node: Node) -> Shape:
    batches, _, _, channels = node.input(0).shape
    return (batches, *_window(node).output, channels)


def emit(node: Node, *, take_max: int) -> KernelCall:
    """The C call of a node."""
    low, high = activation_range(activation_name(node), node.output.scale, node.output.zero_point)
    window = _window(node)
    limits = Struct("tkd_pool_range", "range", {"activation_min": low, "activation_max": high})
    return KernelCall(
        kernel="tkd_pool_2d_s8",
        structs=(window.struct(node), limits),
        literals=(take_max,),
        arguments=("input_0", "output"),
        overlaps=_overlaps(node, window),
    )


def _overlaps(node: Node, window: Window) -> dict[int, int]:
    """As if pixels were read as a whole.

    A channel is written before the next one is read, but that lies a byte further in the input and
    in the output alike. A window of one tap stays apart: in place it would do nothing, and its
    function would vanish from profiles.
    """
    return {} if window.kernel == (1, 1) else {0: window.overlap(node)}


def _define(name: str, take_max: int) -> OpDef:
    return OpDef(
        name=name,
        max_version=3,
        operands=range(1, 2),
        constraints=(
            *INT8_TENSORS,
            image,
            known_activation,
            known_padding,
            sensible_strides,
            sensible_filter,
            filter_within_image,
            same_quantization,
        ),
        output_shape=_output_shape,
        macs=lambda _: 0,
        emit=partial(emit, take_max=take_max),
    )


AVERAGE_POOL_2D = _define("AVERAGE_POOL_2D", take_max=0)
MAX_POOL_2D = _define("MAX_POOL_2D", take_max=1)
