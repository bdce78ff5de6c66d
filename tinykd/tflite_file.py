"""What is in a ``.tflite`` file, and four changes to it that leave its arithmetic alone."""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from tinykd.errors import ConversionError

_Model = Any  # schema.ModelT; the schema has no types

_OPERATOR_NAMES = {
    value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")
}
TYPE_CODES: dict[str, int] = {
    name: value for name, value in vars(schema.TensorType).items() if not name.startswith("_")
}
"""Types of tensors, such as ``INT8``, as the file has them."""
_TYPE_NAMES = {value: name for name, value in TYPE_CODES.items()}

# Left behind when a layer has no range of its own, or when the batch is not fixed.
_STRAY_OPERATORS = frozenset({"QUANTIZE", "DEQUANTIZE", "SHAPE", "PACK", "STRIDED_SLICE"})
# int8 values and weights; int32 biases, axes and shapes.
_INTEGER_TYPES = frozenset({"INT8", "INT32"})

# Their kernel is the second input.
_WEIGHTED_OPERATORS = frozenset(
    {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"}
)
VIEW_OPERATORS = frozenset({"RESHAPE", "TRANSPOSE"})
"""The same values in another shape or order."""

# What the constants of an operator are called, by position.
_WEIGHTED_ROLES = ("input", "kernel", "bias")
_ROLES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_WEIGHTED_OPERATORS, _WEIGHTED_ROLES),
    "TRANSPOSE_CONV": ("shape", "kernel", "input", "bias"),
    "RESHAPE": ("input", "shape"),
    "TRANSPOSE": ("input", "order"),
    "MEAN": ("input", "axes"),
}

# The scope in which a Keras layer's operators are traced, and the name to show for it; in the
# model's order.
LayerNames = Mapping[str, str]
_NO_LAYERS: LayerNames = {}


@dataclass(frozen=True)
class Int8ModelFacts:
    """What a caller needs to know to run an int8 model: ``real = scale * (q - zero_point)``."""

    input_scale: float
    input_zero_point: int
    output_scale: float
    output_zero_point: int
    operators: tuple[str, ...]  # in order of execution
    size_bytes: int


def describe(tflite: bytes) -> Int8ModelFacts:
    """Read scales, zero points and operators from a file.

    Args:
        tflite: An int8 ``.tflite`` with one input and one output.

    Returns:
        Its facts.

    Raises:
        ConversionError: It is not such a file.
    """
    check_full_integer(tflite)
    model = unpack(tflite)
    graph = model.subgraphs[0]
    source = graph.tensors[graph.inputs[0]].quantization
    result = graph.tensors[graph.outputs[0]].quantization
    return Int8ModelFacts(
        input_scale=float(source.scale[0]),
        input_zero_point=int(source.zeroPoint[0]),
        output_scale=float(result.scale[0]),
        output_zero_point=int(result.zeroPoint[0]),
        operators=tuple(operator_name(model, operator) for operator in graph.operators),
        size_bytes=len(tflite),
    )


def check_full_integer(tflite: bytes, layers: LayerNames = _NO_LAYERS) -> None:
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
        if _TYPE_NAMES[tensor.type] != "INT8" or not _has_one_scale(tensor):
            raise ConversionError(
                f"{_place(tensor, layers)}: an input or output is not int8 with one scale. "
                "Convert with tinykd.convert."
            )


def _check_operators(model: _Model, layers: LayerNames) -> None:
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
    kind = _TYPE_NAMES[tensor.type]
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
    layer = _layer_of(name, layers)
    return f"'{name}'" if layer is None else f"layer '{layer}'"


def _layer_of(tensor_name: str, layers: LayerNames) -> str | None:
    """Return the first Keras layer, in the model's order, that a tensor's name consists of.

    A name is a list like ``net/relu/Relu;net/conv/Conv2D`` of everything fused into the operator.
    """
    parts = {part for path in tensor_name.split(";") for part in path.split("/")}
    return next((name for scope, name in layers.items() if scope in parts), None)


def fold_input_scale(tflite: bytes, input_scale: float) -> bytes:
    """Let a model that was trained on ``x * input_scale`` take ``x`` itself.

    The scale of the input, and of its views, is divided by ``input_scale``; the weight
    scales of the operators that read it are multiplied by it. Products of the two, which are all
    that the integer arithmetic depends on, stay equal to the last bit, because multiplying a
    float by a power of two is exact. No int8 or int32 value changes.

    Args:
        tflite: An int8 ``.tflite`` with one input.
        input_scale: A power of two, such as 1/256 for pixels in 0..255.

    Returns:
        The same file with other scales.

    Raises:
        ConversionError: ``input_scale`` is not a power of two, or the input feeds something else
            than an operator with a kernel, or RESHAPE and TRANSPOSE before one.
    """
    _check_power_of_two(input_scale, "input_scale")
    check_full_integer(tflite)
    if input_scale == 1.0:
        return tflite
    data = bytearray(tflite)
    graph = schema.Model.GetRootAs(data, 0).Subgraphs(0)
    views, kernels = _readers_of_input(unpack(tflite))
    for index in views:
        _multiply_scales(graph.Tensors(index), 1.0 / input_scale)
    for index in kernels:
        _multiply_scales(graph.Tensors(index), input_scale)
    return bytes(data)


def fold_output_scale(tflite: bytes, output_scale: float) -> bytes:
    """Let a model that was trained on ``y / output_scale`` answer with ``y`` itself.

    The scales of the output, of its reshaped views, and of the kernel and the bias that make it are
    multiplied by ``output_scale``. As in ``fold_input_scale`` the integer arithmetic stays equal to
    the last bit, and no int8 or int32 value changes.

    Args:
        tflite: An int8 ``.tflite`` with one output.
        output_scale: A power of two.

    Returns:
        The same file with other scales.

    Raises:
        ConversionError: ``output_scale`` is not a power of two, or the output does not come from
            CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED or a RESHAPE after them.
    """
    _check_power_of_two(output_scale, "output_scale")
    if output_scale == 1.0:
        return tflite
    data = bytearray(tflite)
    graph = schema.Model.GetRootAs(data, 0).Subgraphs(0)
    for index in _makers_of_output(unpack(tflite)):
        _multiply_scales(graph.Tensors(index), output_scale)
    return bytes(data)


def _makers_of_output(model: _Model) -> list[int]:
    """Return the output with its views, and the kernel and the bias that make it."""
    graph = model.subgraphs[0]
    made = graph.outputs[0]
    scaled = [made]
    while True:
        operator = next((op for op in graph.operators if made in op.outputs), None)
        name = "the input" if operator is None else operator_name(model, operator)
        if operator is not None and name == "RESHAPE":
            made = operator.inputs[0]
            scaled.append(made)
            continue
        readers = [op for op in graph.operators if set(op.inputs) & set(scaled)]
        views_only = all(operator_name(model, op) == "RESHAPE" for op in readers)
        if operator is None or name not in _WEIGHTED_OPERATORS or not views_only:
            raise ConversionError(
                f"The output comes from {name}; expected a convolution or a Dense layer without "
                "another reader, into which output_scale can be folded. End the student in one."
            )
        weights = [index for index in operator.inputs[1:] if index >= 0]
        others = (op for op in graph.operators if op is not operator)
        if {index for op in others for index in op.inputs} & set(weights):
            raise ConversionError(
                "A kernel or bias of the last layer is used elsewhere too, so output_scale cannot "
                "be folded into it."
            )
        return [*scaled, *weights]


def _check_power_of_two(scale: float, name: str) -> None:
    if not _is_power_of_two(scale):
        raise ConversionError(
            f"{name} is {scale!r}; expected a power of two, such as 1/256, so that "
            "folding it into the file is exact."
        )


def _is_power_of_two(value: float) -> bool:
    return value > 0 and math.isfinite(value) and math.frexp(value)[0] == 0.5


def _readers_of_input(model: _Model) -> tuple[list[int], list[int]]:
    """Return the tensors that are the input or a view of it, and the kernels that it meets."""
    graph = model.subgraphs[0]
    views, kernels, readers = [graph.inputs[0]], [], []
    for operator in graph.operators:  # in order of execution
        if not set(operator.inputs) & set(views):
            continue
        name = operator_name(model, operator)
        if name in VIEW_OPERATORS:
            views.append(operator.outputs[0])
        elif name in _WEIGHTED_OPERATORS:
            kernels.append(operator.inputs[1])
            readers.append(operator)
        else:
            raise ConversionError(
                f"The input feeds {name}; expected a convolution or a Dense layer, into which "
                "input_scale can be folded. Use input_scale=1."
            )
    others = (operator for operator in graph.operators if operator not in readers)
    if {index for operator in others for index in operator.inputs} & set(kernels):
        raise ConversionError(
            "A kernel of the first layer is used elsewhere too, so input_scale cannot be folded "
            "into it. Use input_scale=1."
        )
    if set(graph.outputs) & set(views):
        raise ConversionError("The output is a view of the input; there is nothing to fold into.")
    return views, sorted(set(kernels))


def _multiply_scales(tensor: Any, factor: float) -> None:
    """Change a tensor's scales in place, in the buffer that it was read from."""
    scales = tensor.Quantization().ScaleAsNumpy()  # a view of the file
    exact = scales.astype(np.float64) * factor
    with np.errstate(over="ignore", under="ignore"):
        changed = exact.astype(np.float32)
    if not np.array_equal(changed, exact):
        raise ConversionError(
            f"tensor '{tensor.Name().decode()}': its scale times {factor} leaves the range of "
            "float32. Use an input_scale closer to 1."
        )
    scales[:] = changed


def slim(tflite: bytes, layers: LayerNames, *, input_name: str) -> bytes:
    """Rewrite a converter's file: short names, no metadata, no recorded minimum and maximum.

    A name becomes that of the Keras layer (``dense``, ``dense/kernel``, ``dense/bias``). The
    converter's own names run to a hundred bytes each and would go to flash with the model. What
    is computed does not change.

    Args:
        tflite: An int8 ``.tflite``.
        layers: Names of the Keras layers, as for ``check_full_integer``.
        input_name: Name for the input.

    Returns:
        A smaller file with the same operators, shapes, scales and data.
    """
    model = unpack(tflite)
    model.metadata = []
    graph = model.subgraphs[0]
    for tensor in graph.tensors:
        if tensor.quantization is not None:
            tensor.quantization.min = tensor.quantization.max = None
    for index, name in _short_names(model, layers, input_name).items():
        graph.tensors[index].name = name.encode()
    _drop_unused_buffers(model)
    return pack(model)


def _short_names(model: _Model, layers: LayerNames, input_name: str) -> dict[int, str]:
    """Name every tensor after the layer that makes it, or the one that reads the constant."""
    graph = model.subgraphs[0]
    names: dict[int, str] = {graph.inputs[0]: input_name}

    def give(index: int, wanted: str) -> None:
        if index < 0 or index in names:  # -1: an optional input left out
            return
        count = sum(name == wanted or name.startswith(f"{wanted}#") for name in names.values())
        names[index] = f"{wanted}#{count}" if count else wanted

    for operator in graph.operators:
        kind = operator_name(model, operator)
        output = graph.tensors[operator.outputs[0]].name.decode()
        layer = _layer_of(output, layers) or _layer_of_constants(graph, operator, layers)
        layer = layer or kind.lower()
        for position, index in enumerate(operator.inputs):
            give(index, f"{layer}/{_ROLES[kind][position] if kind in _ROLES else position}")
        for index in operator.outputs:
            give(index, layer)
    return names


def _layer_of_constants(graph: Any, operator: Any, layers: LayerNames) -> str | None:
    """The converter renames the output of the graph; the kernel's name still tells the layer."""
    names = [graph.tensors[index].name.decode() for index in operator.inputs[1:] if index >= 0]
    found = (_layer_of(name, layers) for name in names)
    return next((layer for layer in found if layer is not None), None)


def _drop_unused_buffers(model: _Model) -> None:
    """Keep buffer 0, which means "no data" by convention, and those that a tensor refers to."""
    tensors = model.subgraphs[0].tensors
    used = sorted({0, *(tensor.buffer for tensor in tensors)})
    new = {old: position for position, old in enumerate(used)}
    model.buffers = [_AlignedBuffer(model.buffers[old].data) for old in used]
    for tensor in tensors:
        tensor.buffer = new[tensor.buffer]


class _AlignedBuffer(schema.BufferT):  # type: ignore[misc]  # the schema has no types
    """A buffer that is written at a multiple of 16 bytes, as the schema demands.

    FlatBuffers' Python code ignores ``force_align``; an int32 bias at an odd address stops a
    Cortex-M0.
    """

    def __init__(self, data: NDArray[np.uint8] | None) -> None:
        super().__init__()
        self.data = data

    def Pack(self, builder: Any) -> int:  # noqa: N802  # the name is FlatBuffers'
        """Write the buffer and return its offset."""
        offset = None
        if self.data is not None and len(self.data):
            content = bytes(self.data)
            builder.StartVector(1, len(content), 16)
            builder.head -= len(content)
            builder.Bytes[builder.head : builder.head + len(content)] = content
            offset = builder.EndVector()
        schema.BufferStart(builder)
        if offset is not None:
            schema.BufferAddData(builder, offset)
        return int(schema.BufferEnd(builder))


def unpack(tflite: bytes) -> _Model:
    """A file as objects that can be changed, ``schema.ModelT``.

    Raises:
        ConversionError: It is damaged, or no ``.tflite``.
    """
    if tflite[4:8] != b"TFL3":
        raise ConversionError("Not a .tflite file: the identifier TFL3 is missing.")
    try:
        return schema.ModelT.InitFromPackedBuf(tflite, 0)
    except (struct.error, IndexError, TypeError, ValueError) as error:
        raise ConversionError(
            "This .tflite file is damaged: an offset points outside it. Convert the model again."
        ) from error


def pack(model: _Model) -> bytes:
    """The file of such objects."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def operator_name(model: _Model, operator: Any) -> str:
    """What an operator is, such as ``CONV_2D``."""
    code = model.operatorCodes[operator.opcodeIndex]
    # Files made before 2020 have the code in the older, 8-bit field only.
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    return str(_OPERATOR_NAMES.get(number, f"operator {number}"))
