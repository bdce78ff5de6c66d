"""From a `Graph` to the bytes of a ``.tflite`` file: the inverse of the reader.

With it a single operator, a random network, or a model with one of its inner tensors as an output
can be given to any TFLite interpreter, without TensorFlow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from firmware_export.ir import Graph, Node, Tensor

TENSOR_TYPES: dict[str, int] = {
    "float32": schema.TensorType.FLOAT32,
    "float16": schema.TensorType.FLOAT16,
    "float64": schema.TensorType.FLOAT64,
    "int8": schema.TensorType.INT8,
    "uint8": schema.TensorType.UINT8,
    "int16": schema.TensorType.INT16,
    "uint16": schema.TensorType.UINT16,
    "int32": schema.TensorType.INT32,
    "uint32": schema.TensorType.UINT32,
    "int64": schema.TensorType.INT64,
    "uint64": schema.TensorType.UINT64,
    "bool": schema.TensorType.BOOL,
}
"""NumPy name of each element type that the compiler can hold, to its code in the schema."""

DEPRECATED_CODE_LIMIT = 127


def write_tflite(graph: Graph) -> bytes:
    """Write a graph as a model of one subgraph.

    Args:
        graph: Before the passes: the format has no views.

    Returns:
        A ``.tflite`` file that `read_tflite` reads back as an equal graph.

    Source:
        tensorflow/lite/schema/schema.fbs.
    """
    tensors = _tensors_of(graph)
    index = {tensor: number for number, tensor in enumerate(tensors)}
    kinds = list(dict.fromkeys((node.op, node.version) for node in graph.nodes))

    subgraph = schema.SubGraphT()
    subgraph.name = "main"
    subgraph.tensors = [_tensor(tensor, number + 1) for tensor, number in index.items()]
    subgraph.inputs = _indices(index, graph.inputs)
    subgraph.outputs = _indices(index, graph.outputs)
    subgraph.operators = [_operator(node, index, kinds) for node in graph.nodes]

    model = schema.ModelT()
    model.version = 3
    model.operatorCodes = [_operator_code(*kind) for kind in kinds]
    model.subgraphs = [subgraph]
    # Buffer 0 is empty by convention; then one for each tensor.
    model.buffers = [schema.BufferT(), *(_buffer(tensor) for tensor in tensors)]

    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def option_field(name: str) -> str:
    """Name of an option in the IR: ``dilationHFactor`` of the schema is ``dilation_h_factor``.

    Example:
        >>> option_field("dilationHFactor"), option_field("strideW")
        ('dilation_h_factor', 'stride_w')
    """
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def _tensors_of(graph: Graph) -> list[Tensor]:
    found: dict[Tensor, None] = dict.fromkeys(graph.inputs)
    for node in graph.nodes:
        found.update(dict.fromkeys(t for t in (*node.inputs, *node.outputs) if t is not None))
    found.update(dict.fromkeys(graph.outputs))
    return list(found)


def _indices(index: dict[Tensor, int], tensors: Iterable[Tensor | None]) -> list[int]:
    return [-1 if tensor is None else index[tensor] for tensor in tensors]


def _tensor(tensor: Tensor, buffer: int) -> schema.TensorT:
    table = schema.TensorT()
    table.name = tensor.name
    table.shape = list(tensor.shape)
    table.type = TENSOR_TYPES[tensor.dtype]
    table.buffer = buffer
    table.isVariable = tensor.variable
    if tensor.quantization is not None:
        table.quantization = schema.QuantizationParametersT()
        table.quantization.scale = list(tensor.quantization.scales)
        table.quantization.zeroPoint = list(tensor.quantization.zero_points)
        table.quantization.quantizedDimension = tensor.quantization.axis
    return table


def _buffer(tensor: Tensor) -> schema.BufferT:
    table = schema.BufferT()
    if tensor.data is not None:
        little_endian = tensor.data.astype(np.dtype(tensor.dtype).newbyteorder("<"))
        table.data = np.frombuffer(little_endian.tobytes(), np.uint8)
    return table


def _operator(
    node: Node, index: dict[Tensor, int], kinds: list[tuple[str, int]]
) -> schema.OperatorT:
    table = schema.OperatorT()
    table.opcodeIndex = kinds.index((node.op, node.version))
    table.inputs = _indices(index, node.inputs)
    table.outputs = _indices(index, node.outputs)
    table.builtinOptionsType = getattr(schema.BuiltinOptions, node.options_table)
    if node.options_table != "NONE":
        table.builtinOptions = getattr(schema, f"{node.options_table}T")()
        for field in list(vars(table.builtinOptions)):
            if option_field(field) in node.options:
                setattr(table.builtinOptions, field, node.options[option_field(field)])
    return table


def _operator_code(op: str, version: int) -> schema.OperatorCodeT:
    table = schema.OperatorCodeT()
    table.builtinCode = getattr(schema.BuiltinOperator, op)
    # Readers from before TF 2.4 know this field only; larger codes do not fit it.
    table.deprecatedBuiltinCode = min(table.builtinCode, DEPRECATED_CODE_LIMIT)
    table.version = version
    return table
