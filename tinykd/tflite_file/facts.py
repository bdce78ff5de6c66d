"""What a caller needs to know of an int8 model before it can run it."""

from dataclasses import dataclass

from tinykd.tflite_file.check import check_full_integer
from tinykd.tflite_file.objects import unpack
from tinykd.tflite_file.operators import operator_name


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
