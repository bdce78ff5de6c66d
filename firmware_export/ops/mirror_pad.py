"""MIRROR_PAD: a border that continues the data in reverse."""

from __future__ import annotations

from firmware_export.ir import Node
from firmware_export.ops.definition import KernelCall, OpDef, Struct
from firmware_export.ops.limits import INT8_TENSORS, same_quantization
from firmware_export.ops.movement import (
    RANK,
    at_most_five_dimensions,
    constant_integers,
)
from firmware_export.ops.pad import borders, padded_shape

REFLECT, SYMMETRIC = 0, 1


def known_mode(node: Node) -> str | None:
    """The mode must be REFLECT or SYMMETRIC.

    Convert the model again.
    """
    mode = node.option("mode")
    return None if mode in {REFLECT, SYMMETRIC} else f"code {mode}"


def borders_to_mirror(node: Node) -> str | None:
    """Paddings must be constant, two for each dimension, and not exceed what can be mirrored.

    SYMMETRIC mirrors the whole extent, REFLECT one less. Pad twice for more.
    """
    values = constant_integers(node.input(1))
    shape = node.input(0).shape
    if values is None:
        return f"{node.input(1).dtype} in '{node.input(1).name}'"
    if len(values) != 2 * len(shape):
        return f"{len(values)} values for {len(shape)} dimensions"
    edge = 1 if node.option("mode") == REFLECT else 0
    for extent, pair in zip(shape, borders(node), strict=True):
        if min(pair) < 0 or max(pair) > extent - edge:
            return f"{list(values)} for {list(shape)}"
    return None


def emit(node: Node) -> KernelCall:
    """The C call of a node.

    Source: tensorflow/lite/micro/kernels/mirror_pad.cc.
    """
    missing = RANK - len(node.input(0).shape)
    params = Struct(
        "tkd_mirror_pad_params",
        "params",
        {
            "input_shape": (1,) * missing + node.input(0).shape,
            "output_shape": (1,) * missing + node.output.shape,
            "before": (0,) * missing + tuple(before for before, _ in borders(node)),
            "edge": 1 if node.option("mode") == REFLECT else 0,
        },
    )
    return KernelCall("tkd_mirror_pad_s8", (params,), ("input_0", "output"))


MIRROR_PAD = OpDef(
    name="MIRROR_PAD",
    max_version=3,
    operands=range(2, 3),
    constraints=(
        *INT8_TENSORS,
        same_quantization,
        at_most_five_dimensions,
        known_mode,
        borders_to_mirror,
    ),
    output_shape=padded_shape,
    macs=lambda _: 0,
    emit=emit,
)
