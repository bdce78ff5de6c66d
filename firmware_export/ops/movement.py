"""Boxes of values that are copied from one tensor to another: what moving data is made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps

from firmware_export.ir import Node, Shape, Tensor
from firmware_export.ops.definition import Constraint, KernelCall, Struct

RANK = 5
"""Dimensions that the C kernels loop over."""


@dataclass(frozen=True)
class Box:
    """Values at regular distances in an input and in an output.

    Attributes:
        shape: Extent along each dimension.
        input_start: Where in the input the first value lies.
        input_strides: Distance of neighbours in the input; may be negative.
        output_start: Where in the output the first value lies.
        output_strides: Distance of neighbours in the output.
    """

    shape: Shape
    input_start: int
    input_strides: tuple[int, ...]
    output_start: int
    output_strides: tuple[int, ...]

    def merged(self) -> Box:
        """The same values in the same order, with as few dimensions as they need.

        Example:
            >>> Box((1, 4, 2, 3), 7, (0, 12, 3, 1), 0, (24, 6, 3, 1)).merged()
            Box(shape=(4, 6), input_start=7, input_strides=(12, 1), output_start=0, \
output_strides=(6, 1))
        """
        kept: list[tuple[int, int, int]] = []
        for extent, from_stride, to_stride in zip(
            self.shape, self.input_strides, self.output_strides, strict=True
        ):
            inner = (extent * from_stride, extent * to_stride)
            if extent == 1:
                continue
            if kept and kept[-1][1:] == inner:
                extent *= kept.pop()[0]
            kept.append((extent, from_stride, to_stride))
        shape, input_strides, output_strides = zip(*kept or [(1, 1, 1)], strict=True)
        return Box(shape, self.input_start, input_strides, self.output_start, output_strides)

    def call(
        self, index: int = 0, *, source: str = "input_0", target: str = "output"
    ) -> KernelCall:
        """The C call that copies it; ``index`` tells it from others in the same layer."""
        box = self.merged()
        missing = RANK - len(box.shape)
        struct = Struct(
            "tkd_box",
            f"box_{index}",
            {
                "shape": (1,) * missing + box.shape,
                "input_start": box.input_start,
                "input_strides": (0,) * missing + box.input_strides,
                "output_start": box.output_start,
                "output_strides": (0,) * missing + box.output_strides,
            },
        )
        return KernelCall("tkd_copy_s8", (struct,), (source, target))


def row_major(shape: Shape) -> tuple[int, ...]:
    """Distance of neighbours along each dimension of a tensor.

    Example:
        >>> row_major((2, 3, 4))
        (12, 4, 1)
    """
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def offset(position: Iterable[int], strides: Iterable[int]) -> int:
    """Where a position lies in memory."""
    return sum(index * stride for index, stride in zip(position, strides, strict=True))


def at_most_five_dimensions(node: Node) -> str | None:
    """The data must have at most five dimensions.

    Merge dimensions that are not touched with a RESHAPE before it.
    """
    rank = max(len(tensor.shape) for tensor in (*node.activations, node.output))
    return None if rank <= RANK else str(rank)


def constant_integers(tensor: Tensor) -> tuple[int, ...] | None:
    """The values of a constant int32 or int64 tensor, else None."""
    if tensor.data is None or tensor.dtype not in {"int32", "int64"}:
        return None
    return tuple(int(value) for value in tensor.data.reshape(-1).tolist())


def on_each(parts: Callable[[Node], tuple[Node, ...]], limit: Constraint) -> Constraint:
    """A limit of one input and one output, for an operator that has several of either.

    Args:
        parts: Splits a node into nodes that have one of each.
        limit: What each of them must obey.

    Returns:
        The limit with the docstring of ``limit``.
    """

    @wraps(limit)
    def each(node: Node) -> str | None:
        return next((got for part in parts(node) if (got := limit(part)) is not None), None)

    return each
