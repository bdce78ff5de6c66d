"""Inputs to try a model with, in the types that it takes: random, saturating, and given ones.

Samples of several inputs, of any types, are rows of bytes: int8 ``[n, bytes]``, one input after the
other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_export.errors import ModelError
from firmware_export.ir import Graph, Shape, Tensor
from firmware_export.measure.samples import Int8Array, common_dtype

Given = NDArray[np.generic] | Mapping[str, NDArray[np.generic]]
"""An array for the only input, or for all of them side by side; or an array for each by its name.
"""
UNNAMED = "arr_{}"
"""What ``numpy.savez`` calls an array without a name."""

QUARTERS = 4
BEYOND = 40
"""How many quarters of a step real values go beyond what the model can tell apart."""


@dataclass(frozen=True)
class InputValues:
    """What may go into one input of a model: ``step * k`` for all k from lowest to highest.

    Attributes:
        name: Of the tensor.
        shape: Of the tensor.
        dtype: NumPy name.
        lowest: Of an integer type the least; for real values the least that the QUANTIZE behind the
            input can tell apart, in quarters of its scale, and a little less: ties and saturation
            are among them.
        highest: Likewise.
        step: 1 for integers.
    """

    name: str
    shape: Shape
    dtype: str
    lowest: int
    highest: int
    step: float

    @property
    def elements(self) -> int:
        """Number of values of one sample."""
        return int(np.prod(self.shape, dtype=np.int64))

    def rows(self, counts: NDArray[np.int64]) -> Int8Array:
        """``step * counts`` in the input's type, as bytes: int8 ``[n, bytes]``."""
        values = counts if self.dtype != "float32" else counts * self.step
        return _bytes(values.astype(self.dtype))


def input_values(graph: Graph) -> tuple[InputValues, ...]:
    """The values of each input of a model, in the order of the file."""
    return tuple(_values(graph, tensor) for tensor in graph.inputs)


def _values(graph: Graph, tensor: Tensor) -> InputValues:
    if tensor.dtype != "float32":
        limits = np.iinfo(tensor.dtype)
        lowest, highest, step = int(limits.min), int(limits.max), 1.0
    else:
        scale, zero_point = _quantizer(graph, tensor)
        lowest = QUARTERS * (-128 - zero_point) - BEYOND
        highest = QUARTERS * (127 - zero_point) + BEYOND
        step = scale / QUARTERS
    return InputValues(tensor.name, tensor.shape, tensor.dtype, lowest, highest, step)


def _quantizer(graph: Graph, tensor: Tensor) -> tuple[float, int]:
    """Scale and zero point that a real input is quantized with; those of [-1, 1] if it is not."""
    for node in graph.nodes:
        if node.op == "QUANTIZE" and tensor in node.inputs:
            return node.output.scale, node.output.zero_point
    return 1 / 128, 0


def random_samples(inputs: Sequence[InputValues], count: int, seed: int) -> Int8Array:
    """Uniform random inputs, as bytes: int8 ``[count, bytes]``."""
    rng = np.random.default_rng(seed)
    return _joined(
        [
            values.rows(
                rng.integers(values.lowest, values.highest, (count, values.elements), endpoint=True)
            )
            for values in inputs
        ]
    )


def saturating_samples(inputs: Sequence[InputValues]) -> Int8Array:
    """Inputs that drive sums to their extremes, as bytes: int8 ``[4, bytes]``.

    All lowest, all highest, and the two taking turns, either first.
    """
    return _joined([values.rows(_extremes(values)) for values in inputs])


def _extremes(values: InputValues) -> NDArray[np.int64]:
    odd = np.arange(values.elements, dtype=np.int64) % 2
    high = np.stack([odd * 0, odd * 0 + 1, odd, 1 - odd])
    return np.where(high, values.highest, values.lowest)


def given_samples(inputs: Sequence[InputValues], given: Given) -> Int8Array:
    """Inputs that the user gives, as bytes: int8 ``[n, bytes]``.

    Args:
        inputs: What `input_values` returns.
        given: Of an only input ``[n, ...]`` in its type; what follows n is any shape of the right
            size. Of several, one such array for each, by the input's name or in order as
            ``arr_0``, ``arr_1`` and so on; or all side by side in one array, if they have one type.

    Raises:
        ModelError: An array is missing, too many, of another type, or of another size.
    """
    if not isinstance(given, Mapping):
        return _side_by_side(inputs, given)
    named = [_find(inputs, given, index) for index in range(len(inputs))]
    rows = [_rows(values, array) for values, array in zip(inputs, named, strict=True)]
    if len(given) != len(inputs) or len({len(row) for row in rows}) != 1:
        found = ", ".join(f"'{name}' {list(array.shape)}" for name, array in given.items())
        raise ModelError(
            f"The inputs must be {len(inputs)} arrays with as many samples each. Got {found}. "
            "Save one array for each input."
        )
    return _joined(rows)


def _find(
    inputs: Sequence[InputValues], given: Mapping[str, NDArray[np.generic]], index: int
) -> NDArray[np.generic]:
    # The names in a file need not differ; the order always tells.
    for name in (UNNAMED.format(index), inputs[index].name):
        if name in given:
            return given[name]
    raise ModelError(
        f"Input {index}, '{inputs[index].name}', is missing among the given arrays. "
        f"Got {', '.join(given)}. Name it so, or {UNNAMED.format(index)}."
    )


def _rows(values: InputValues, array: NDArray[np.generic]) -> Int8Array:
    if array.dtype != values.dtype or _per_sample(array) != values.elements:
        raise ModelError(
            f"Input '{values.name}' must be {values.dtype} [n, ...] with {values.elements} values "
            f"for each sample. Got {array.dtype} {list(array.shape)}. "
            "Save the samples as the model takes them."
        )
    return _bytes(array.reshape(len(array), -1))


def _side_by_side(inputs: Sequence[InputValues], array: NDArray[np.generic]) -> Int8Array:
    if len(inputs) == 1:
        return _rows(inputs[0], array)
    dtypes = {values.dtype for values in inputs}
    if len(dtypes) != 1:
        raise ModelError(
            f"The model has inputs of {len(dtypes)} types: "
            f"{', '.join(f'{values.name} {values.dtype}' for values in inputs)}. "
            "Give an .npz file with one array for each."
        )
    together = sum(values.elements for values in inputs)
    everything = InputValues("all together", (together,), dtypes.pop(), 0, 0, 1.0)
    return _rows(everything, array)


def _per_sample(array: NDArray[np.generic]) -> int:
    """Values of one sample; -1 if there is no sample."""
    return array.size // len(array) if array.ndim and len(array) else -1


def typed(inputs: Sequence[InputValues], rows: Int8Array) -> NDArray[Any]:
    """Rows of bytes in the type in which samples go in; see `common_dtype`."""
    return np.ascontiguousarray(rows).view(common_dtype(values.dtype for values in inputs))


def _bytes(values: NDArray[np.generic]) -> Int8Array:
    return np.ascontiguousarray(values).view(np.int8)


def _joined(rows: Sequence[Int8Array]) -> Int8Array:
    return np.concatenate(rows, axis=1)
