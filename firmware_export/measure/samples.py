"""Samples as the bytes that go into a model and come out of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from firmware_export.compiled import CompiledModel, Port
from firmware_export.errors import ToolchainError

Int8Array = NDArray[np.int8]


def pack_inputs(compiled: CompiledModel, inputs: Int8Array) -> Int8Array:
    """Flatten samples into rows, one row per inference.

    Args:
        compiled: The model.
        inputs: int8 ``[n, ...]``; what follows ``n`` is any shape of the right size. A model with
            several inputs takes them flattened, one after the other.

    Returns:
        int8 ``[n, bytes]``, contiguous, where ``bytes`` is the sum of the model's input sizes.

    Raises:
        ToolchainError: No sample, not int8, or the wrong number of values for one sample.
    """
    size = sum(port.size_bytes for port in compiled.inputs)
    samples = np.asarray(inputs)
    wrong_size = samples.ndim < 1 or samples.size != len(samples) * size
    if samples.dtype != np.int8 or wrong_size or samples.size == 0:
        raise ToolchainError(
            f"inputs of '{compiled.name}': expected int8 [n >= 1, {_shape(compiled.inputs)}], "
            f"got {samples.dtype} {list(samples.shape)}. Quantize the samples first."
        )
    return np.ascontiguousarray(samples.reshape(len(samples), size))


def unpack_outputs(compiled: CompiledModel, data: bytes, samples: int) -> Int8Array:
    """Shape the output bytes of ``samples`` inferences.

    Returns:
        int8 ``[samples, ...]``, with the output's shape behind a batch dimension of 1, or the whole
        shape where it is another; for a model with several outputs they are flattened, one after
        the other.

    Raises:
        ToolchainError: Not as many bytes as the outputs have.
    """
    size = sum(port.size_bytes for port in compiled.outputs)
    if len(data) != samples * size:
        raise ToolchainError(
            f"'{compiled.name}' wrote {len(data)} bytes for {samples} samples, expected "
            f"{samples * size}. The program stopped early."
        )
    values = np.frombuffer(data, np.int8)
    only = compiled.outputs[0]
    if len(compiled.outputs) > 1:
        return values.reshape(samples, size)
    shape = only.shape[1:] if only.shape[:1] == (1,) else only.shape
    return values.reshape(samples, *shape)


def _shape(ports: tuple[Port, ...]) -> str:
    if len(ports) == 1:
        return ", ".join(str(extent) for extent in ports[0].shape[1:])
    return " + ".join(str(port.size_bytes) for port in ports)
