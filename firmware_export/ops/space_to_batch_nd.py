"""SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND: every n-th row and column as an image of its own.

Borders are filled with the zero point, as in LiteRT. TFLM never sets its ``output_offset``, so that
it fills them with whatever its memory holds
(tensorflow/lite/micro/kernels/space_to_batch_nd_common.cc).
"""

from __future__ import annotations

from firmware_export.ir import Node, Shape, Tensor
from firmware_export.ops.definition import KernelCall, OpDef, Struct
from firmware_export.ops.limits import INT8_TENSORS, same_quantization
from firmware_export.ops.movement import constant_integers

LARGEST_STEP = 2**15 - 1
BLOCK, BORDERS = 1, 2


def rows_or_images(node: Node) -> str | None:
    """The data input must have three or four dimensions: batch, height, (width,) channels.

    Reshape it before.
    """
    shape = node.input(0).shape
    return None if len(shape) in {3, 4} else str(list(shape))


def known_block(node: Node) -> str | None:
    """Block shape and borders must be constant int32 values of 0 to 32767, blocks at least 1.

    Convert the model with fixed shapes.
    """
    spatial = len(node.input(0).shape) - 2
    for index, count, least in ((BLOCK, spatial, 1), (BORDERS, 2 * spatial, 0)):
        values = constant_integers(node.input(index))
        if values is None or node.input(index).dtype != "int32":
            return f"{node.input(index).dtype} in '{node.input(index).name}'"
        if len(values) != count or min(values) < least or max(values) > LARGEST_STEP:
            return str(list(values))
    return None


def whole_blocks(node: Node) -> str | None:
    """The padded height and width must be multiples of the block's.

    Convert the model again.
    """
    block, borders = block_of(node), borders_of(node)
    for extent, size, pair in zip(_image(node.input(0))[1:3], block, borders, strict=True):
        if (extent + sum(pair)) % size != 0:
            return f"{extent} + {sum(pair)} for blocks of {size}"
    return None


def whole_batches(node: Node) -> str | None:
    """The number of images must be a multiple of the block's size, and crops must leave something.

    Convert the model again.
    """
    batches, height, width, _ = _image(node.input(0))
    block, borders = block_of(node), borders_of(node)
    if batches % (block[0] * block[1]) != 0:
        return f"{batches} images for blocks of {list(block)}"
    for extent, size, pair in zip((height, width), block, borders, strict=True):
        if extent * size <= sum(pair):
            return f"crops of {sum(pair)} from {extent * size}"
    return None


def block_of(node: Node) -> tuple[int, int]:
    """Height and width of a block."""
    values = constant_integers(node.input(BLOCK)) or ()
    return values[0], values[1] if len(values) > 1 else 1


def borders_of(node: Node) -> tuple[tuple[int, int], tuple[int, int]]:
    """Rows above and below, columns to the left and right: padding, or what is cropped."""
    values = constant_integers(node.input(BORDERS)) or ()
    across = values[2:] or (0, 0)
    return (values[0], values[1]), (across[0], across[1])


def _image(tensor: Tensor) -> tuple[int, int, int, int]:
    """The shape in four dimensions: one with rows only is an image of width 1."""
    batches, height, *width, channels = tensor.shape
    return batches, height, width[0] if width else 1, channels


def _shape_like(node: Node, batches: int, height: int, width: int) -> Shape:
    channels = node.input(0).shape[-1]
    if len(node.input(0).shape) == 3:
        return batches, height, channels
    return batches, height, width, channels


def _batch_shape(node: Node) -> Shape:
    batches, height, width, _ = _image(node.input(0))
    block, (rows, columns) = block_of(node), borders_of(node)
    return _shape_like(
        node,
        batches * block[0] * block[1],
        (height + sum(rows)) // block[0],
        (width + sum(columns)) // block[1],
    )


def _space_shape(node: Node) -> Shape:
    batches, height, width, _ = _image(node.input(0))
    block, (rows, columns) = block_of(node), borders_of(node)
    return _shape_like(
        node,
        batches // (block[0] * block[1]),
        height * block[0] - sum(rows),
        width * block[1] - sum(columns),
    )


def _blocks(node: Node, space: Tensor, batch: Tensor) -> Struct:
    """The C parameter block ``tkd_blocks``; ``space`` is the side with whole images."""
    images, space_height, space_width, channels = _image(space)
    _, batch_height, batch_width, _ = _image(batch)
    (top, _), (left, _) = borders_of(node)
    block_height, block_width = block_of(node)
    return Struct(
        "tkd_blocks",
        "blocks",
        {
            "images": images,
            "space_height": space_height,
            "space_width": space_width,
            "batch_height": batch_height,
            "batch_width": batch_width,
            "channels": channels,
            "block_height": block_height,
            "block_width": block_width,
            "top": top,
            "left": left,
        },
    )


def emit_space_to_batch(node: Node) -> KernelCall:
    """The C call of a SPACE_TO_BATCH_ND; what is padded is the zero point."""
    return KernelCall(
        kernel="tkd_space_to_batch_s8",
        structs=(_blocks(node, node.input(0), node.output),),
        literals=(node.output.zero_point,),
        arguments=("input_0", "output"),
    )


def emit_batch_to_space(node: Node) -> KernelCall:
    """The C call of a BATCH_TO_SPACE_ND."""
    return KernelCall(
        kernel="tkd_batch_to_space_s8",
        structs=(_blocks(node, node.output, node.input(0)),),
        arguments=("input_0", "output"),
    )


BLOCK_LIMITS = (*INT8_TENSORS, same_quantization, rows_or_images, known_block)

SPACE_TO_BATCH_ND = OpDef(
    name="SPACE_TO_BATCH_ND",
    max_version=4,
    operands=range(3, 4),
    constraints=(*BLOCK_LIMITS, whole_blocks),
    output_shape=_batch_shape,
    macs=lambda _: 0,
    emit=emit_space_to_batch,
)

BATCH_TO_SPACE_ND = OpDef(
    name="BATCH_TO_SPACE_ND",
    max_version=4,
    operands=range(3, 4),
    constraints=(*BLOCK_LIMITS, whole_batches),
    output_shape=_space_shape,
    macs=lambda _: 0,
    emit=emit_batch_to_space,
)
