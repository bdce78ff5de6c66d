"""Samples as the bytes that go into a model and come out of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_export.compiled import CompiledModel, Port
from firmware_export.errors import ToolchainError

Int8Array = NDArray[np.int8]


def pack_inputs(compiled: CompiledModel, inputs: NDArray[Any]) -> Int8Array:
    """Flatten samples into rows, one row per inference.

    Args:
        compiled: The model.
        inputs: int8 ``[n, ...]``; what follows ``n`` is any shape of the right size. A model with
            several inputs takes them flattened, one after the other. Inputs of another type are
            of that type; inputs of several types are given as their bytes.

    Returns:
        The bytes of the values as int8 ``[n, bytes]``, contiguous; ``bytes`` is the sum of the
        model's input sizes.

    Raises:
        ToolchainError: No sample, another type, or the wrong number of values for one sample.
    """
    size = sum(port.size_bytes for port in compiled.inputs)
    samples = np.asarray(inputs)
    dtype = common_dtype(port.dtype for port in compiled.inputs)
    wrong_size = samples.ndim < 1 or samples.nbytes != len(samples) * size
    if samples.dtype != dtype or wrong_size or samples.size == 0:
        raise ToolchainError(
            f"inputs of '{compiled.name}': expected {dtype} [n >= 1, {_shape(compiled.inputs)}], "
            f"got {samples.dtype} {list(samples.shape)}. Quantize the samples first."
        )
    return np.ascontiguousarray(samples.reshape(len(samples), -1)).view(np.int8)


def common_dtype(dtypes: Iterable[str]) -> str:
    """The type in which values go in or come out: theirs, or int8 for the bytes of several types.

    Example:
        >>> common_dtype(["float32", "float32"]), common_dtype(["float32", "int8"])
        ('float32', 'int8')
    """
    found = set(dtypes)
    return found.pop() if len(found) == 1 else "int8"


def unpack_outputs(compiled: CompiledModel, data: bytes, samples: int) -> NDArray[Any]:
    """Shape the output bytes of ``samples`` inferences.

    Returns:
        int8 ``[samples, ...]``, with the output's shape behind a batch dimension of 1, or the whole
        shape where it is another; for a model with several outputs they are flattened, one after
        the other. Outputs of another type are of that type; outputs of several types come as their
        bytes.

    Raises:
        ToolchainError: Not as many bytes as the outputs have.
    """
    size = sum(port.size_bytes for port in compiled.outputs)
    if len(data) != samples * size:
        raise ToolchainError(
            f"'{compiled.name}' wrote {len(data)} bytes for {samples} samples, expected "
            f"{samples * size}. The program stopped early."
        )
    values = np.frombuffer(data, common_dtype(port.dtype for port in compiled.outputs))
    only = compiled.outputs[0]
    if len(compiled.outputs) > 1:
        return values.reshape(samples, -1)
    shape = only.shape[1:] if only.shape[:1] == (1,) else only.shape
    return values.reshape(samples, *shape)


def _shape(ports: tuple[Port, ...]) -> str:
    if len(ports) == 1:
        return ", ".join(str(extent) for extent in ports[0].shape[1:])
    return " + ".join(str(port.elements) for port in ports)
