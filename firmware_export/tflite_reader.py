"""From the bytes of a ``.tflite`` file to a `Graph`, trusting nothing in the file."""

from __future__ import annotations

import math
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
MAX_TENSORS = 10_000
MAX_OPERATORS = 2_000
MAX_RANK = 8
MAX_OPERANDS = 256
MAX_ELEMENTS = 2**31 - 1
MAX_CONSTANT_BYTES = 32 << 20

# What the FlatBuffers library raises where an offset, a length or a code is out of range: its
# Python version has no verifier.
_DAMAGE = (struct.error, LookupError, ValueError, TypeError, ArithmeticError, MemoryError)
_ADVICE = "Convert or download the model again."

# Its names could be as long as the file, in each of many operators; no known operator has it.
_UNREAD_OPTIONS = {"NONE", "VarHandleOptions"}

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
        raise ModelError(f"This is not a .tflite file: bytes 4 to 7 are not 'TFL3'. {_ADVICE}")
    with _refusing_damage():
        return _Reader(data).graph()


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
    except _DAMAGE as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ModelError(f"The .tflite file is damaged ({reason}). {_ADVICE}") from error


class _Reader:
    """Reads one file, and counts what it has read.

    Tables, vectors and names of a FlatBuffer may be shared, so a small file can describe a huge
    model. An honest one has no more elements and letters than bytes. The values of a constant cost
    nothing to read, but each operator that reads them becomes C of its own.
    """

    def __init__(self, data: bytes) -> None:
        self._model = schema.Model.GetRootAs(data, 0)
        self._elements_left = max(len(data), 1000)
        self._constant_bytes_left = MAX_CONSTANT_BYTES
        self._tensors: tuple[Tensor, ...] = ()
        self._operators: tuple[tuple[str, int], ...] = ()

    def graph(self) -> Graph:
        if self._model.Version() != 3:
            raise ModelError(f"The schema version must be 3. Got {self._model.Version()}.")
        if self._model.SubgraphsLength() != 1:
            raise ModelError(
                f"The model must have one subgraph. Got {self._model.SubgraphsLength()}. "
                "Convert it without control flow (if, while)."
            )
        subgraph = self._model.Subgraphs(0)
        count = _bounded("tensors", subgraph.TensorsLength(), MAX_TENSORS)
        self._tensors = tuple(self._tensor(subgraph.Tensors(index)) for index in range(count))
        count = _bounded("operator codes", self._model.OperatorCodesLength(), MAX_OPERATORS)
        self._operators = tuple(self._operator(index) for index in range(count))
        count = _bounded("operators", subgraph.OperatorsLength(), MAX_OPERATORS)
        return Graph(
            nodes=tuple(self._node(subgraph.Operators(index)) for index in range(count)),
            inputs=self._required(subgraph.InputsAsNumpy(), "The model input"),
            outputs=self._required(subgraph.OutputsAsNumpy(), "The model output"),
        )

    def _tensor(self, table: Any) -> Tensor:
        name = self._text(table.Name())
        shape = tuple(self._integers(table.ShapeAsNumpy(), MAX_RANK, f"dimensions in '{name}'"))
        if min(shape, default=0) < 0 or math.prod(shape) > MAX_ELEMENTS:
            raise ModelError(f"Tensor '{name}' has an impossible shape {list(shape)}. {_ADVICE}")
        # A type unknown to NumPy is kept under a name that no operator accepts, so that the
        # message names the operator.
        dtype = _DTYPES.get(table.Type(), f"type {table.Type()}")
        return Tensor(
            name=name,
            shape=shape,
            dtype=dtype,
            quantization=self._quantization(name, shape, table.Quantization()),
            data=self._data(name, shape, dtype, table.Buffer()),
            variable=bool(table.IsVariable()),
        )

    def _quantization(self, name: str, shape: tuple[int, ...], table: Any) -> Quantization | None:
        if table is None or table.ScaleLength() == 0:
            return None
        axis = table.QuantizedDimension()
        limit = max((1, *shape))
        what = f"scales in '{name}'"
        scales = [float(value) for value in self._vector(table.ScaleAsNumpy(), limit, what)]
        # The file may leave zero points out where all are 0, and may give one for all channels.
        zero_points = self._integers(table.ZeroPointAsNumpy(), limit, what) or [0]
        if len(zero_points) == 1:
            zero_points *= len(scales)
        fits = len(scales) == 1 or (0 <= axis < len(shape) and shape[axis] == len(scales))
        if len(zero_points) != len(scales) or not fits:
            raise ModelError(
                f"Tensor '{name}' has {len(scales)} scales and {len(zero_points)} zero points on "
                f"axis {axis} of shape {list(shape)}. {_ADVICE}"
            )
        return Quantization(tuple(scales), tuple(zero_points), axis)

    def _data(self, name: str, shape: tuple[int, ...], dtype: str, index: int) -> Array | None:
        if not 0 <= index < self._model.BuffersLength():
            raise ModelError(f"Tensor '{name}' refers to buffer {index}, which does not exist.")
        buffer = self._model.Buffers(index)
        if buffer.Offset() > 1:
            raise ModelError(
                f"The values of '{name}' lie outside the FlatBuffer, as in files above 2 GB. "
                "Convert the model without that option."
            )
        if buffer.DataIsNone() or buffer.DataLength() == 0 or dtype not in TENSOR_TYPES:
            return None
        # A view of the file: a buffer shared by many tensors costs nothing.
        values = buffer.DataAsNumpy().view(np.dtype(dtype).newbyteorder("<"))
        if values.size != math.prod(shape):
            raise ModelError(
                f"Tensor '{name}' of shape {list(shape)} has {values.size} values. {_ADVICE}"
            )
        return np.asarray(values, dtype).reshape(shape)

    def _operator(self, index: int) -> tuple[str, int]:
        """Name and version of an operator code."""
        code = self._model.OperatorCodes(index)
        # Files from before TF 2.4 have the operator in the first field only, newer ones in the
        # second where it is above 127: the larger is the operator (schema.fbs, OperatorCode).
        number = max(code.DeprecatedBuiltinCode(), code.BuiltinCode())
        op = _OPERATOR_NAMES.get(number, f"operator {number}")
        if op == "CUSTOM":
            op = f"CUSTOM '{self._text(code.CustomCode())}'"
        return op, code.Version()

    def _node(self, table: Any) -> Node:
        op, version = self._operators[table.OpcodeIndex()]
        outputs = self._required(table.OutputsAsNumpy(), f"{op} output")
        if not outputs:
            raise ModelError(f"{op} has no output. {_ADVICE}")
        kind = _OPTIONS_NAMES.get(table.BuiltinOptionsType(), "NONE")
        return Node(
            op=op,
            version=version,
            inputs=self._operands(table.InputsAsNumpy(), f"{op} input"),
            outputs=outputs,
            options=_read_options(kind, table.BuiltinOptions()),
            options_table=kind,
        )

    def _required(self, indices: Any, what: str) -> tuple[Tensor, ...]:
        return tuple(
            self._tensor_at(index, what) for index in self._integers(indices, MAX_OPERANDS, what)
        )

    def _operands(self, indices: Any, what: str) -> tuple[Tensor | None, ...]:
        operands = tuple(
            None if index == -1 else self._tensor_at(index, what)
            for index in self._integers(indices, MAX_OPERANDS, what)
        )
        constants = {tensor for tensor in operands if tensor and tensor.data is not None}
        self._constant_bytes_left -= sum(tensor.size_bytes for tensor in constants)
        if self._constant_bytes_left < 0:
            raise ModelError(
                f"The operators read more than {MAX_CONSTANT_BYTES >> 20} MiB of constants; no "
                "microcontroller has so much flash. Use a smaller model."
            )
        return operands

    def _tensor_at(self, index: int, what: str) -> Tensor:
        if not 0 <= index < len(self._tensors):
            raise ModelError(f"{what} refers to tensor {index}, which does not exist. {_ADVICE}")
        return self._tensors[index]

    def _integers(self, vector: Any, limit: int, what: str) -> list[int]:
        return [int(value) for value in self._vector(vector, limit, what)]

    def _vector(self, vector: Any, limit: int, what: str) -> Any:
        """The array of a FlatBuffers vector; the library gives the number 0 for an absent one."""
        if not isinstance(vector, np.ndarray):
            return ()
        _bounded(what, len(vector), limit)
        self._spend(len(vector))
        return vector

    def _text(self, text: bytes | None) -> str:
        """A name as one printable line, whatever the file has."""
        self._spend(len(text or b""))
        readable = (text or b"").decode("utf-8", "replace")
        return "".join(c if c.isprintable() else "?" for c in readable)

    def _spend(self, elements: int) -> None:
        self._elements_left -= elements
        if self._elements_left < 0:
            raise ModelError(f"The model has more elements than the file has bytes. {_ADVICE}")


def _read_options(kind: str, union: Any) -> Mapping[str, OptionValue]:
    if kind in _UNREAD_OPTIONS or union is None:
        return NO_OPTIONS
    fields = getattr(schema, f"{kind}T").InitFromBuf(union.Bytes, union.Pos)
    return MappingProxyType(
        {
            option_field(name): value
            for name, value in vars(fields).items()
            if isinstance(value, int | float | bool)
        }
    )


def _bounded(what: str, count: int, limit: int) -> int:
    if count > limit:
        raise ModelError(f"The model has {count} {what}; at most {limit} are accepted.")
    return count
