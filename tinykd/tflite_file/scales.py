"""Scales of the input or output folded into the file: the same integers in another unit.

Products of scales are all that the integer arithmetic depends on. Multiplying a float by a power of
two is exact, so they stay equal to the last bit, and no int8 or int32 value changes.
"""

import math
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tinykd.errors import ConversionError
from tinykd.tflite_file.check import check_full_integer
from tinykd.tflite_file.objects import Model, unpack
from tinykd.tflite_file.operators import (
    VIEW_OPERATORS,
    WEIGHTED_OPERATORS,
    operator_name,
    weights_of,
)


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
            CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV, FULLY_CONNECTED or a RESHAPE after them.
    """
    _check_power_of_two(output_scale, "output_scale")
    if output_scale == 1.0:
        return tflite
    data = bytearray(tflite)
    graph = schema.Model.GetRootAs(data, 0).Subgraphs(0)
    for index in _makers_of_output(unpack(tflite)):
        _multiply_scales(graph.Tensors(index), output_scale)
    return bytes(data)


def _readers_of_input(model: Model) -> tuple[list[int], list[int]]:
    """Return the tensors that are the input or a view of it, and the kernels that it meets."""
    graph = model.subgraphs[0]
    views, kernels, readers = [graph.inputs[0]], [], []
    for operator in graph.operators:  # in order of execution
        if not set(operator.inputs) & set(views):
            continue
        name = operator_name(model, operator)
        if name in VIEW_OPERATORS:
            views.append(operator.outputs[0])
        elif name in WEIGHTED_OPERATORS:
            kernels.append(operator.inputs[1])
            readers.append(operator)
        else:
            raise ConversionError(
                f"The input feeds {name}; expected a convolution or a Dense layer, into which "
                "input_scale can be folded. Use input_scale=1."
            )
    if _are_read_elsewhere(model, kernels, readers):
        raise ConversionError(
            "A kernel of the first layer is used elsewhere too, so input_scale cannot be folded "
            "into it. Use input_scale=1."
        )
    if set(graph.outputs) & set(views):
        raise ConversionError("The output is a view of the input; there is nothing to fold into.")
    return views, sorted(set(kernels))


def _makers_of_output(model: Model) -> list[int]:
    """Return the output with its views, and the kernel and the bias that make it."""
    views, maker = _views_of_output(model)
    readers = (op for op in model.subgraphs[0].operators if set(op.inputs) & set(views))
    views_only = all(operator_name(model, op) == "RESHAPE" for op in readers)
    name = "the input" if maker is None else operator_name(model, maker)
    if maker is None or name not in WEIGHTED_OPERATORS or not views_only:
        raise ConversionError(
            f"The output comes from {name}; expected a convolution or a Dense layer without "
            "another reader, into which output_scale can be folded. End the student in one."
        )
    weights = weights_of(model, maker)
    if _are_read_elsewhere(model, weights, [maker]):
        raise ConversionError(
            "A kernel or bias of the last layer is used elsewhere too, so output_scale cannot "
            "be folded into it."
        )
    return [*views, *weights]


def _views_of_output(model: Model) -> tuple[list[int], Any | None]:
    """Return the output, all that it is a RESHAPE of, and the operator that makes the first."""
    graph = model.subgraphs[0]
    makers = {index: operator for operator in graph.operators for index in operator.outputs}
    views = [graph.outputs[0]]
    while (maker := makers.get(views[-1])) is not None:
        if operator_name(model, maker) != "RESHAPE":
            break
        views.append(maker.inputs[0])
    return views, maker


def _are_read_elsewhere(model: Model, weights: list[int], readers: list[Any]) -> bool:
    """Whether an operator that is none of ``readers`` reads one of the weights."""
    others = (op for op in model.subgraphs[0].operators if op not in readers)
    return any(set(op.inputs) & set(weights) for op in others)


def _check_power_of_two(scale: float, name: str) -> None:
    if not _is_power_of_two(scale):
        raise ConversionError(
            f"{name} is {scale!r}; expected a power of two, such as 1/256, so that "
            "folding it into the file is exact."
        )


def _is_power_of_two(value: float) -> bool:
    return value > 0 and math.isfinite(value) and math.frexp(value)[0] == 0.5


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
