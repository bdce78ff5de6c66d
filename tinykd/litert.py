"""Running an int8 ``.tflite`` on the host.

The kernels are LiteRT's own reference kernels. Its default (XNNPACK) is faster and differs from
a microcontroller by up to a few units in the last place; the reference kernels differ by at most
one on some Dense layers. Neither is the microcontroller: ``tflite-micro`` and the generated C are.
There is no reference kernel of ELU: a model with one runs on LiteRT's optimized kernels.
"""

from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.errors import ConversionError


def make_interpreter(tflite: bytes) -> Any:
    """Open a model with whichever host interpreter is installed.

    ``ai-edge-litert`` first; ``tflite-runtime``, its predecessor, where only that one is there.

    Args:
        tflite: A ``.tflite`` file.

    Returns:
        An ``Interpreter`` with reference kernels if there is one for each operator, tensors not
        allocated yet.

    Raises:
        ConversionError: None is installed, or the file is damaged.
    """
    return _open(tflite)[0]


def describe_runtime(tflite: bytes) -> str:
    """What ``run_litert`` runs a model with, such as ``LiteRT 2.3.0, reference kernels``.

    Raises:
        ConversionError: As ``make_interpreter``.
    """
    kernels = _open(tflite)[1]
    package = _interpreter_module().__name__.split(".")[0].replace("_", "-")
    return f"{RUNTIMES[package]} {metadata.version(package)}, {kernels}"


RUNTIMES = {"ai-edge-litert": "LiteRT", "tflite-runtime": "TFLite"}
"""What people call an interpreter, by the package that has it."""


def _open(tflite: bytes) -> tuple[Any, str]:
    """An interpreter, and the kernels that it runs."""
    module = _interpreter_module()
    kinds = module.OpResolverType
    for resolver, kernels in (
        (kinds.BUILTIN_REF, "reference kernels"),
        (kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES, "optimized kernels"),
    ):
        try:
            opened = module.Interpreter(
                model_content=tflite, experimental_op_resolver_type=resolver
            )
        except (ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
        else:
            return opened, kernels
    raise ConversionError(
        f"The interpreter cannot open this .tflite: {reason}. Convert the model again."
    )


def _interpreter_module() -> Any:
    try:
        from ai_edge_litert import interpreter
    except ImportError:
        pass
    else:
        return interpreter
    try:
        from tflite_runtime import interpreter
    except ImportError as error:
        raise ConversionError(
            "No TFLite interpreter is installed; expected ai-edge-litert (or tflite-runtime). "
            "Run: pip install ai-edge-litert"
        ) from error
    return interpreter


def run_litert(tflite: bytes, x: NDArray[np.int8]) -> NDArray[np.int8]:
    """Run an int8 model over many samples, one at a time, as the device does.

    Larger batches gain nothing: the reference kernels take as long for each sample, and setting
    a sample costs microseconds.

    Args:
        tflite: An int8 ``.tflite`` with one input and one output.
        x: int8 [n, ...], quantized with the model's input scale and zero point.

    Returns:
        int8 [n, ...], the raw output of every sample.

    Raises:
        ConversionError: The type or shape of ``x`` is not the model's.
    """
    interpreter = make_interpreter(tflite)
    source = interpreter.get_input_details()[0]
    shape = tuple(int(size) for size in source["shape"][1:])
    if x.dtype != np.int8 or source["dtype"] != np.int8 or x.shape[1:] != shape:
        raise ConversionError(
            f"Samples are {x.dtype} {x.shape}; the model takes {np.dtype(source['dtype'])} "
            f"(n, {', '.join(map(str, shape))}). Use quantize_input."
        )
    interpreter.allocate_tensors()
    result = interpreter.get_output_details()[0]
    outputs = np.empty((len(x), *result["shape"][1:]), np.int8)
    for sample, output in zip(x, outputs, strict=True):
        interpreter.set_tensor(source["index"], sample[np.newaxis])
        interpreter.invoke()
        output[...] = interpreter.get_tensor(result["index"])[0]
    return outputs


def quantize_input(x: NDArray[np.floating[Any]], scale: float, zero_point: int) -> NDArray[np.int8]:
    """Round real values to int8, half away from zero, saturating.

    Args:
        x: Real values, any shape.
        scale: Of the model's input; positive.
        zero_point: Of the model's input, in [-128, 127].

    Returns:
        int8, same shape.

    Example:
        >>> quantize_input(np.array([0.0, 0.25, -0.25, 9.0, -900.0]), 0.1, -1).tolist()
        [-1, 2, -4, 89, -128]

    Source:
        TFLite ``AffineQuantize`` (reference_ops, ``TfLiteRound``), in double precision.
    """
    ratio = np.asarray(x, np.float64) / scale
    rounded = np.copysign(np.floor(np.abs(ratio) + 0.5), ratio)
    quantized: NDArray[np.int8] = np.clip(rounded + zero_point, -128, 127).astype(np.int8)
    return quantized
