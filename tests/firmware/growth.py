"""A random network while it grows: what every grower draws from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from firmware_export.ir import Node, OptionValue, Tensor
from tests.firmware.fixtures.single_ops import ACTIVATION_CODES, activation, constant


@dataclass
class Growth:
    """A network while it grows.

    Attributes:
        name: Prefix of its tensors.
        rng: Where every choice comes from.
        inputs: Of the network.
        nodes: So far.
    """

    name: str
    rng: np.random.Generator
    inputs: list[Tensor] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)

    @property
    def tensors(self) -> list[Tensor]:
        """Everything that a next node can read: int8, of at least two dimensions."""
        written = [tensor for node in self.nodes for tensor in node.outputs]
        return [*self.inputs, *(t for t in written if t.dtype == "int8" and len(t.shape) > 1)]

    def pick(self) -> Tensor:
        """A tensor, rather a recent one: some are read many times."""
        known = self.tensors
        if self.chance(0.2):
            return known[self.integer(0, len(known) - 1)]
        return known[-1 - min(int(self.rng.geometric(0.6)) - 1, len(known) - 1)]

    def integer(self, low: int, high: int) -> int:
        """From ``low`` to ``high``, both included."""
        return int(self.rng.integers(low, high + 1))

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def zero_point(self) -> int:
        return int(self.rng.choice([-128, 127, 0, *self.rng.integers(-128, 128, 5)]))

    def spread(self) -> float:
        """A factor around 1: some layers saturate, some use a part of the range only."""
        return float(np.exp(self.rng.normal(0, 0.8)))

    def activation_code(self) -> int:
        return ACTIVATION_CODES[str(self.rng.choice(["NONE", "NONE", "RELU", "RELU6"]))]

    def int8(self, *shape: int) -> NDArray[np.int8]:
        return self.rng.integers(-127, 128, shape).astype(np.int8)

    def integers(self, name: str, values: Iterable[int]) -> Tensor:
        """A constant of indices, axes or sizes."""
        return constant(self.fresh(name), np.array(list(values), np.int32))

    def fresh(self, what: str) -> str:
        return f"{self.name}_{len(self.nodes)}_{what}"

    def node(
        self,
        op: str,
        inputs: Sequence[Tensor | None],
        shape: Sequence[int],
        *,
        like: Tensor | None = None,
        scale: float = 0.0,
        zero_point: int | None = None,
        table: str = "NONE",
        **options: OptionValue,
    ) -> Node:
        """A node with one output: quantized like a tensor, or with a scale of its own."""
        if like is not None:
            scale, zero_point = like.scale, like.zero_point
        if zero_point is None:
            zero_point = self.zero_point()
        output = activation(self.fresh(op.lower()), shape, scale, zero_point)
        return Node(op, 1, tuple(inputs), (output,), options, table)


Grower = Callable[[Growth, Tensor], Node | None]
"""Makes a node that reads a tensor, or None where the operator does not fit the tensor."""


def graph_input(growth: Growth, index: int) -> Tensor:
    """An image, a row of features or a sequence of them; further ones often like the first."""
    channels = growth.integer(1, 9)
    shape: tuple[int, ...] = (1, growth.integer(1, 9), growth.integer(1, 9), channels)
    if growth.chance(0.15):
        shape = (1, growth.integer(1, 40))
    elif growth.chance(0.2):
        shape = (1, growth.integer(1, 12), channels)
    if growth.inputs and growth.chance(0.6):
        shape = growth.inputs[0].shape
    scale = float(np.exp(growth.rng.uniform(np.log(0.004), np.log(0.5))))
    return activation(f"{growth.name}_x{index}", shape, scale, growth.zero_point())
