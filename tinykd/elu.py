"""ELU between DEQUANTIZE and QUANTIZE, as the converter leaves it, made the int8 operator.

TFLite's runtimes have an int8 ELU, a table of its 256 values; its converter does not know. The
values around the float operator are int8 with known scales already, so nothing has to be measured:
ELU gets the input of the DEQUANTIZE and the output of the QUANTIZE. A RESHAPE or TRANSPOSE that
the converter has moved in between becomes int8 with it.

Source: tensorflow/lite/kernels/activations.cc (``EluPrepare``, ``EluEval``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinykd.tflite_file import TYPE_CODES, VIEW_OPERATORS, operator_name, pack, unpack


def make_elu_int8(tflite: bytes) -> bytes:
    """Rewrite every ELU whose surroundings are int8.

    Args:
        tflite: A converter's file of one subgraph.

    Returns:
        The file with int8 ELU, or the same bytes if there is none to rewrite. What cannot be
        rewritten stays as it is.
    """
    model = unpack(tflite)
    if len(model.subgraphs) != 1:
        return tflite
    graph = model.subgraphs[0]
    float_elus = [o for o in graph.operators if operator_name(model, o) == "ELU"]
    rewritten = [_rewrite(model, elu) for elu in float_elus]
    if not any(rewritten):
        return tflite
    _drop_unread_conversions(model)
    _drop_unused_tensors(graph)
    return pack(model)


def _rewrite(model: Any, elu: Any) -> bool:
    """Let an ELU take and give int8; False where something around it is float."""
    graph = model.subgraphs[0]
    before = next((o for o in graph.operators if elu.inputs[0] in o.outputs), None)
    found = _float_values(model, elu.outputs[0])
    if before is None or operator_name(model, before) != "DEQUANTIZE" or found is None:
        return False
    values, conversions = found
    quantization = graph.tensors[conversions[0].outputs[0]].quantization
    for index in values:
        graph.tensors[index].type = TYPE_CODES["INT8"]
        graph.tensors[index].quantization = quantization
    elu.inputs = [before.inputs[0]]
    for conversion in conversions:
        _replace(graph, conversion.outputs[0], conversion.inputs[0])
        graph.operators.remove(conversion)
    return True


def _float_values(model: Any, start: int) -> tuple[list[int], list[Any]] | None:
    """The float tensors from ``start`` on, through views, and the QUANTIZE after each.

    None if anything else reads them, or they do not all become int8 with one scale.
    """
    graph = model.subgraphs[0]
    values, conversions = [start], []
    for index in values:  # grows while it is walked
        readers = [o for o in graph.operators if index in o.inputs]
        for reader in readers:
            kind = operator_name(model, reader)
            if kind == "QUANTIZE":
                conversions.append(reader)
            elif kind in VIEW_OPERATORS:
                values.append(reader.outputs[0])
            else:
                return None
        if index in graph.outputs or not readers:
            return None
    ways = {_scale(graph.tensors[conversion.outputs[0]]) for conversion in conversions}
    return (values, conversions) if len(ways) == 1 else None


def _scale(tensor: Any) -> tuple[float, int]:
    return float(tensor.quantization.scale[0]), int(tensor.quantization.zeroPoint[0])


def _replace(graph: Any, old: int, new: int) -> None:
    """Read ``new`` wherever ``old`` was read."""
    for operator in graph.operators:
        operator.inputs = [new if index == old else index for index in operator.inputs]
    graph.outputs = [new if index == old else index for index in graph.outputs]


def _drop_unread_conversions(model: Any) -> None:
    graph = model.subgraphs[0]
    read = {index for operator in graph.operators for index in operator.inputs}
    graph.operators = [
        operator
        for operator in graph.operators
        if operator_name(model, operator) != "DEQUANTIZE" or operator.outputs[0] in read
    ]
    used = sorted({operator.opcodeIndex for operator in graph.operators})
    model.operatorCodes = [model.operatorCodes[index] for index in used]
    for operator in graph.operators:
        operator.opcodeIndex = used.index(operator.opcodeIndex)


def _drop_unused_tensors(graph: Any) -> None:
    used = {*graph.inputs, *graph.outputs}
    for operator in graph.operators:
        used |= {*operator.inputs, *operator.outputs}
    kept = sorted(int(index) for index in used if index >= 0)
    new = {-1: -1} | {old: position for position, old in enumerate(kept)}
    graph.tensors = [graph.tensors[index] for index in kept]

    def renumber(indices: Any) -> Any:
        return np.array([new[int(index)] for index in indices], np.int32)

    graph.inputs, graph.outputs = renumber(graph.inputs), renumber(graph.outputs)
    for operator in graph.operators:
        operator.inputs = renumber(operator.inputs)
        operator.outputs = renumber(operator.outputs)
