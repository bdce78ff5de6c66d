"""The graph: immutable values for tensors, nodes and the model between its passes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from firmware_export.errors import ModelError

Shape = tuple[int, ...]
Array = npt.NDArray[np.generic]
Number = TypeVar("Number", int, float)
OptionValue = int | float | bool | tuple[int, ...]

NO_OPTIONS: Mapping[str, OptionValue] = MappingProxyType({})


@dataclass(frozen=True)
class Quantization:
    """Affine quantization: real = scale * (q - zero_point).

    Attributes:
        scales: One value, or one per channel; float32 values held exactly.
        zero_points: As many as ``scales``.
        axis: Dimension that the channels run along; meaningless with one scale.
    """

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int


@dataclass(frozen=True, eq=False)
class Tensor:
    """An activation or a constant; its identity is the object itself.

    Attributes:
        name: As in the file; not necessarily unique.
        shape: NHWC for activations, OHWI for convolution weights.
        dtype: NumPy name, such as ``"int8"``.
        quantization: None where the file has none.
        data: Read-only values of a constant, None for an activation.
        variable: State: one node reads it and writes it anew, and it stays from run to run.
    """

    name: str
    shape: Shape
    dtype: str
    quantization: Quantization | None = None
    data: Array | None = field(default=None, repr=False)
    variable: bool = False

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """Bytes of the values."""
        return self.elements * np.dtype(self.dtype).itemsize

    @property
    def scale(self) -> float:
        """The per-tensor scale."""
        return self._quantized().scales[0]

    @property
    def zero_point(self) -> int:
        """The per-tensor zero point."""
        return self._quantized().zero_points[0]

    @property
    def values(self) -> Array:
        """The values of a constant.

        Raises:
            ModelError: If it is an activation.
        """
        if self.data is None:
            raise ModelError(
                f"Tensor '{self.name}' must be a constant; it is computed at run time."
            )
        return self.data

    def _quantized(self) -> Quantization:
        if self.quantization is None:
            raise ModelError(f"Tensor '{self.name}' has no quantization parameters.")
        return self.quantization


@dataclass(frozen=True, eq=False)
class Node:
    """One operator with the tensors it reads and writes.

    Attributes:
        op: TFLite operator name, such as ``"CONV_2D"``.
        version: Operator version in the file.
        inputs: In the order of the operator's definition; None where an optional one is absent.
        outputs: At least one.
        options: Fields of the operator's options table in snake case.
        options_table: Name of that table in the schema, such as ``"Conv2DOptions"``.
        parts: Of a fused node, the nodes that it stands for, in order; what one of them hands to
            the next is no tensor of the graph. Such a node has no options of its own.
    """

    op: str
    version: int
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    options: Mapping[str, OptionValue] = field(default_factory=lambda: NO_OPTIONS)
    options_table: str = "NONE"
    parts: tuple[Node, ...] = ()

    @property
    def name(self) -> str:
        """Name of the first output, which is how a node is called in messages."""
        return self.outputs[0].name

    @property
    def output(self) -> Tensor:
        """The first output."""
        return self.outputs[0]

    def input(self, index: int) -> Tensor:
        """Input ``index``.

        Raises:
            ModelError: If the node has no such input.
        """
        tensor = self.optional_input(index)
        if tensor is None:
            raise ModelError(f"{self.op} at '{self.name}': input {index} is missing.")
        return tensor

    def optional_input(self, index: int) -> Tensor | None:
        """Input ``index``, or None where the file leaves it out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def option(self, name: str) -> int:
        """An integer field of the options table.

        Raises:
            ModelError: If the node's options have no such field.
        """
        return int(self._option(name, int))

    def real_option(self, name: str) -> float:
        """A floating-point field of the options table.

        Raises:
            ModelError: If the node's options have no such field.
        """
        return self._option(name, float)

    def _option(self, name: str, kind: type[Number]) -> Number:
        value = self.options.get(name)
        if not isinstance(value, kind):
            raise ModelError(f"{self.op} at '{self.name}': option '{name}' is missing in the file.")
        return value

    @property
    def activations(self) -> tuple[Tensor, ...]:
        """The inputs that are computed at run time; state is among them."""
        return tuple(t for t in self.inputs if t is not None and t.data is None)


@dataclass(frozen=True)
class Graph:
    """A model between two passes.

    Attributes:
        nodes: In an order in which they can run.
        inputs: Model inputs in the order of the file.
        outputs: Model outputs in the order of the file.
        views: Tensor to the tensor whose memory it shares, filled by the pass ``alias_views``.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    views: Mapping[Tensor, Tensor] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def states(self) -> tuple[Tensor, ...]:
        """What stays from run to run, in the order of the nodes."""
        return tuple(t for node in self.nodes for t in node.activations if t.variable)

    def storage(self, tensor: Tensor) -> Tensor:
        """The tensor that owns the memory of ``tensor``: itself, unless it is a view."""
        while tensor in self.views:
            tensor = self.views[tensor]
        return tensor

    def with_nodes(self, nodes: tuple[Node, ...]) -> Graph:
        """The same model with other nodes."""
        return replace(self, nodes=nodes)
