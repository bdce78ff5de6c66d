"""SQUEEZE and EXPAND_DIMS: dimensions of 1 removed or added; they need no code."""

from __future__ import annotations

from firmware_export.ir import Node
from firmware_export.ops.definition import OpDef
from firmware_export.ops.limits import INT8_TENSORS, same_quantization
from firmware_export.ops.reshape import same_size


def same_long_dimensions(node: Node) -> str | None:
    """Input and output must have the same dimensions but for those of 1.

    Use a RESHAPE.
    """
    x, y = node.input(0).shape, node.output.shape
    same = [extent for extent in x if extent > 1] == [extent for extent in y if extent > 1]
    return None if same else f"{list(x)} and {list(y)}"


def _view(name: str, operands: range) -> OpDef:
    return OpDef(
        name=name,
        max_version=1,
        operands=operands,
        constraints=(*INT8_TENSORS, same_size, same_long_dimensions, same_quantization),
        output_shape=lambda node: node.output.shape,
        macs=lambda _: 0,
        emit=None,
    )


SQUEEZE = _view("SQUEEZE", range(1, 2))
EXPAND_DIMS = _view("EXPAND_DIMS", range(2, 3))
