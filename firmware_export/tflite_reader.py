"""From the bytes of a ``.tflite`` file to a `Graph`, trusting nothing in the file."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from firmware_export.errors import ModelError
from firmware_export.ir import NO_OPTIONS, Array, Graph, Node, OptionValue, Quantization, Tensor
from firmware_export.tflite_writer import TENSOR_TYPES, option_field

# Far above any microcontroller model, and low enough that a hostile file cannot take long.
MAX_TENSORS = 20_000
MAX_OPERATORS = 5_000
MAX_RANK = 8
MAX_OPERANDS = 256
MAX_ELEMENTS = 2**31 - 1

# What the FlatBuffers library raises where an offset, a length or a code is out of range: its
# Python version has no verifier.
_DAMAGE = (struct.error, LookupError, ValueError, TypeError, ArithmeticError, MemoryError)
_UNDAMAGED = "Convert or download the model again."

_OPERATOR_NAMES = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
_OPTIONS_NAMES = {v: k for k, v in vars(schema.BuiltinOptions).items() if isinstance(v, int)}
_DTYPES = {code: name for name, code in TENSOR_TYPES.items()}


def read_tflite(model: bytes | Path) -> Graph:
    """Read a model of one subgraph.

    Args:
        model: The file's bytes, or its path.

    Returns:
        The graph with the operators in the order of the file, options and constants included.

    Raises:
        ModelError: If the file cannot be opened, is damaged, or is of another kind.

    Source:
        tensorflow/lite/schema/schema.fbs.
    """
    data = read_bytes(model)
    if data[4:8] != b"TFL3":
        raise ModelError("This is not a .tflite file (its identifier is not 'TFL3').")
    with _refusing_damage():
        return _read_model(data)


def read_bytes(model: bytes | Path) -> bytes:
    """The bytes of ``model``, read from disk where it is a path.

    Raises:
        ModelError: If the file cannot be read.
    """
    if isinstance(model, bytes):
        return model
    try:
        return Path(model).read_bytes()
    except OSError as error:
        raise ModelError(f"Cannot read the model '{model}': {error.strerror}.") from error


@contextmanager
def _refusing_damage() -> Iterator[None]:
    """Turn what the FlatBuffers library raises on a damaged file into one ModelError."""
    try:
        yield
    except (
        struct.error,
        LookupError,
        ValueError,
        TypeError,
        ArithmeticError,
        MemoryError,
    ) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ModelError(f"The .tflite file is damaged ({reason}). {_UNDAMAGED}") from error


def _read_model(data: bytes) -> Graph:
    model = schema.Model.GetRootAs(data, 0)
    if model.Version() != 3:
        raise ModelError(f"The .tflite schema version must be 3. Got {model.Version()}.")
    if model.SubgraphsLength() != 1:
        raise ModelError(
            f"The model must have one subgraph. Got {model.SubgraphsLength()}. "
            "Convert it without control flow (if, while, unrolled RNN)."
        )
    subgraph = model.Subgraphs(0)
    tensors = _read_tensors(model, subgraph)
    nodes = tuple(
        _read_node(model, subgraph.Operators(index), tensors)
        for index in range(_bounded("operators", subgraph.OperatorsLength(), MAX_OPERATORS))
    )
    return Graph(
        nodes=nodes,
        inputs=_required(tensors, subgraph.InputsAsNumpy(), "model input"),
        outputs=_required(tensors, subgraph.OutputsAsNumpy(), "model output"),
    )


def _read_tensors(model: Any, subgraph: Any) -> tuple[Tensor, ...]:
    count = _bounded("tensors", subgraph.TensorsLength(), MAX_TENSORS)
    return tuple(_read_tensor(model, subgraph.Tensors(index)) for index in range(count))


def _read_tensor(model: Any, table: Any) -> Tensor:
    name = (table.Name() or b"").decode("utf-8")
    shape = tuple(_integers(table.ShapeAsNumpy(), MAX_RANK, f"shape of '{name}'"))
    # An unknown type is kept under a name that no operator accepts, so that the error names
    # the operator; the size check of NumPy types does not apply to it.
    dtype = _DTYPES.get(table.Type(), f"type {table.Type()}")
    _check_extent(name, shape)
    return Tensor(
        name=name,
        shape=shape,
        dtype=dtype,
        quantization=_read_quantization(name, shape, table.Quantization()),
        data=_read_data(model, table.Buffer(), name, shape, dtype),
    )


def _check_extent(name: str, shape: tuple[int, ...]) -> None:
    elements = 1
    for extent in shape:
        elements *= extent
        if extent < 0 or elements > MAX_ELEMENTS:
            raise ModelError(f"Tensor '{name}' has an impossible shape {list(shape)}. {_UNDAMAGED}")


def _read_quantization(name: str, shape: tuple[int, ...], table: Any) -> Quantization | None:
    if table is None or table.ScaleLength() == 0:
        return None
    axis = table.QuantizedDimension()
    limit = max(shape, default=1)
    scales = _reals(table.ScaleAsNumpy(), limit, f"scales of '{name}'")
    zero_points = _integers(table.ZeroPointAsNumpy(), limit, f"zero points of '{name}'")
    if not zero_points:  # the schema's default for an absent vector
        zero_points = [0] * len(scales)
    if len(zero_points) == 1:
        zero_points *= len(scales)
    fits = len(scales) == 1 or (0 <= axis < len(shape) and shape[axis] == len(scales))
    if len(zero_points) != len(scales) or not fits:
        raise ModelError(
            f"Tensor '{name}' has {len(scales)} scales and {len(zero_points)} zero points on axis "
            f"{axis} of shape {list(shape)}. {_UNDAMAGED}"
        )
    return Quantization(tuple(scales), tuple(zero_points), axis)


def _read_data(
    model: Any, index: int, name: str, shape: tuple[int, ...], dtype: str
) -> Array | None:
    if not 0 <= index < model.BuffersLength():
        raise ModelError(f"Tensor '{name}' refers to buffer {index}, which does not exist.")
    buffer = model.Buffers(index)
    if buffer.Offset() > 1:
        raise ModelError(
            f"The values of '{name}' lie outside the FlatBuffer, as in files above 2 GB. "
            "Convert the model without that option."
        )
    if buffer.DataIsNone() or buffer.DataLength() == 0 or dtype not in _DTYPES.values():
        return None
    values = np.frombuffer(buffer.DataAsNumpy().tobytes(), np.dtype(dtype).newbyteorder("<"))
    if values.size != np.prod(shape, dtype=np.int64):
        raise ModelError(
            f"Tensor '{name}' of shape {list(shape)} has {values.size} values. {_UNDAMAGED}"
        )
    return values.astype(dtype).reshape(shape)


def _read_node(model: Any, table: Any, tensors: tuple[Tensor, ...]) -> Node:
    code = model.OperatorCodes(table.OpcodeIndex())
    # Files from before TF 2.4 have the operator in the first field only, newer ones in the
    # second where it is above 127: the larger is the operator (schema.fbs, OperatorCode).
    number = max(code.DeprecatedBuiltinCode(), code.BuiltinCode())
    op = _OPERATOR_NAMES.get(number, f"operator {number}")
    if op == "CUSTOM":
        op = f"CUSTOM {(code.CustomCode() or b'?').decode('utf-8')}"
    outputs = _required(tensors, table.OutputsAsNumpy(), f"{op} output")
    if not outputs:
        raise ModelError(f"{op} has no output. {_UNDAMAGED}")
    kind = _OPTIONS_NAMES.get(table.BuiltinOptionsType(), "NONE")
    return Node(
        op=op,
        version=code.Version(),
        inputs=_operands(tensors, table.InputsAsNumpy(), f"{op} input"),
        outputs=outputs,
        options=_read_options(kind, table.BuiltinOptions()),
        options_table=kind,
    )


def _read_options(kind: str, union: Any) -> Mapping[str, OptionValue]:
    if kind == "NONE" or union is None:
        return NO_OPTIONS
    fields = getattr(schema, f"{kind}T").InitFromBuf(union.Bytes, union.Pos)
    return MappingProxyType(
        {
            option_field(name): value
            for name, value in vars(fields).items()
            if isinstance(value, int | float | bool)
        }
    )


def _operands(tensors: tuple[Tensor, ...], indices: Any, what: str) -> tuple[Tensor | None, ...]:
    return tuple(
        None if index == -1 else _tensor_at(tensors, index, what)
        for index in _integers(indices, MAX_OPERANDS, what)
    )


def _required(tensors: tuple[Tensor, ...], indices: Any, what: str) -> tuple[Tensor, ...]:
    return tuple(
        _tensor_at(tensors, index, what) for index in _integers(indices, MAX_OPERANDS, what)
    )


def _tensor_at(tensors: tuple[Tensor, ...], index: int, what: str) -> Tensor:
    if not 0 <= index < len(tensors):
        raise ModelError(f"{what} refers to tensor {index}, which does not exist. {_UNDAMAGED}")
    return tensors[index]


def _integers(vector: Any, limit: int, what: str) -> list[int]:
    return [int(value) for value in _vector(vector, limit, what)]


def _reals(vector: Any, limit: int, what: str) -> list[float]:
    return [float(value) for value in _vector(vector, limit, what)]


def _vector(vector: Any, limit: int, what: str) -> Any:
    """The array of a FlatBuffers vector; the library gives the number 0 for an absent one."""
    if not isinstance(vector, np.ndarray):
        return ()
    _bounded(what, len(vector), limit)
    return vector


def _bounded(what: str, count: int, limit: int) -> int:
    if count > limit:
        raise ModelError(f"The model has {count} {what}; at most {limit} are accepted.")
    return count
