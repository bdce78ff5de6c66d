"""Whether all of a file is int8 arithmetic."""

from typing import Any

from tinykd.errors import ConversionError
from tinykd.tflite_file.names import NO_LAYERS, LayerNames, layer_of
from tinykd.tflite_file.objects import TYPE_NAMES, Model, unpack
from tinykd.tflite_file.operators import operator_name

# Left behind when a layer has no range of its own, or when the batch is not fixed.
_STRAY_OPERATORS = frozenset({"QUANTIZE", "DEQUANTIZE", "SHAPE", "PACK", "STRIDED_SLICE"})
# int8 values and weights; int32 biases, axes and shapes.
_INTEGER_TYPES = frozenset({"INT8", "INT32"})


def check_full_integer(tflite: bytes, layers: LayerNames = NO_LAYERS) -> None:
    """Refuse a file in which anything is not int8 arithmetic.

    Args:
        tflite: The file.
        layers: Names of the Keras layers, to name the layer instead of the tensor.

    Raises:
        ConversionError: A tensor that is neither int8 nor int32; an input or output that is not
            int8 with one scale; an operator that only converts or reshapes at run time. The
            message names the layer.
    """
    model = unpack(tflite)
    if len(model.subgraphs) != 1:
        raise ConversionError(f"The .tflite has {len(model.subgraphs)} subgraphs; expected one.")
    graph = model.subgraphs[0]
    _check_operators(model, layers)
    for tensor in graph.tensors:
        _check_type("tensor", tensor, layers)
    for tensor in (graph.tensors[index] for index in (*graph.inputs, *graph.outputs)):
        if TYPE_NAMES[tensor.type] != "INT8" or not _has_one_scale(tensor):
            raise ConversionError(
                f"{_place(tensor, layers)}: an input or output is not int8 with one scale. "
                "Convert with tinykd.convert."
            )


def _check_operators(model: Model, layers: LayerNames) -> None:
    """Look for float arithmetic first: conversions around it would name its neighbours."""
    graph = model.subgraphs[0]
    named = [(operator_name(model, operator), operator) for operator in graph.operators]
    for name, operator in named:
        if name not in _STRAY_OPERATORS:
            _check_type(name, graph.tensors[operator.outputs[0]], layers)
    for name, operator in named:
        if name in _STRAY_OPERATORS:
            raise ConversionError(
                f"{name} at {_place(graph.tensors[operator.outputs[0]], layers)}: expected none. "
                "The layer before or after it cannot be quantized: use another one."
            )


def _check_type(what: str, tensor: Any, layers: LayerNames) -> None:
    kind = TYPE_NAMES[tensor.type]
    if kind not in _INTEGER_TYPES:
        raise ConversionError(
            f"{what} at {_place(tensor, layers)}: stayed {kind.lower()}; expected int8. "
            "It has no range of its own: use a layer that can be quantized."
        )


def _has_one_scale(tensor: Any) -> bool:
    quantization = tensor.quantization
    return (
        quantization is not None
        and quantization.scale is not None
        and (len(quantization.scale) == 1 and len(quantization.zeroPoint) == 1)
    )


def _place(tensor: Any, layers: LayerNames) -> str:
    name = (tensor.name or b"").decode()
    layer = layer_of(name, layers)
    return f"'{name}'" if layer is None else f"layer '{layer}'"
