"""Limits that several operators share."""

from __future__ import annotations

from firmware_export.ir import Node, Tensor
from firmware_export.numerics import ACTIVATIONS, INTEGER_RANGES

# Of schema.fbs, ActivationFunctionType and Padding.
ACTIVATION_NAMES = {0: "NONE", 1: "RELU", 2: "RELU_N1_TO_1", 3: "RELU6", 4: "TANH", 5: "SIGN_BIT"}
SAME, VALID = 0, 1
EXPLICIT = -1
"""Padding as wide as the options of the node say: of the pass `fold_padding`, of no file."""
SMALLEST_SCALE, LARGEST_SCALE = 2.0**-100, 2.0**100
"""Far beyond any calibration; within them nothing that is computed in float32 overflows."""


def int8_activations(node: Node) -> str | None:
    """The data input and the output must be int8.

    Quantize the model to full integers, with int8 inputs and outputs.
    """
    wrong = [t for t in (node.input(0), node.output) if t.dtype != "int8"]
    return f"{wrong[0].dtype} in '{wrong[0].name}'" if wrong else None


def computed_input(node: Node) -> str | None:
    """The data input must be computed at run time.

    Fold constant subexpressions before conversion.
    """
    return f"the constant '{node.input(0).name}'" if node.input(0).data is not None else None


def quantized_activations(node: Node) -> str | None:
    """Activations must have one scale in [2^-100, 2^100] and one zero point in [-128, 127].

    Quantize the model to full integers.
    """
    for tensor in (node.input(0), node.output):
        got = quantization_fault(tensor)
        if got is not None:
            return got
    return None


def quantization_fault(tensor: Tensor) -> str | None:
    """What is wrong with the quantization of an integer activation, or None."""
    found = tensor.quantization
    if found is None:
        return f"no scale in '{tensor.name}'"
    if len(found.scales) != 1:
        return f"{len(found.scales)} scales in '{tensor.name}'"
    if not SMALLEST_SCALE <= found.scales[0] <= LARGEST_SCALE:
        return f"scale {found.scales[0]} in '{tensor.name}'"
    lowest, highest = INTEGER_RANGES[tensor.dtype]
    if not lowest <= found.zero_points[0] <= highest:
        return f"zero point {found.zero_points[0]} in '{tensor.name}'"
    return None


def nonempty(node: Node) -> str | None:
    """Every dimension of the data input and of the output must be at least 1.

    Convert the model with fixed shapes.
    """
    for tensor in (node.input(0), node.output):
        if min(tensor.shape, default=1) < 1:
            return f"{list(tensor.shape)} in '{tensor.name}'"
    return None


def known_activation(node: Node) -> str | None:
    """The fused activation must be NONE, RELU, RELU6 or RELU_N1_TO_1.

    Use one of these in the student, or put the activation into a layer of its own.
    """
    code = node.option("fused_activation_function")
    name = ACTIVATION_NAMES.get(code, f"code {code}")
    return None if name in ACTIVATIONS else name


def same_quantization(node: Node) -> str | None:
    """Input and output must have the same scale and zero point.

    Convert the model again: the converter keeps them equal here.
    """
    x, y = node.input(0), node.output
    if (x.scale, x.zero_point) == (y.scale, y.zero_point):
        return None
    return f"({x.scale}, {x.zero_point}) and ({y.scale}, {y.zero_point})"


def image(node: Node) -> str | None:
    """The data input must have four dimensions: batch, height, width, channels.

    Write a one-dimensional layer as a two-dimensional one of width 1.
    """
    shape = node.input(0).shape
    return None if len(shape) == 4 else str(list(shape))


INT8_TENSORS = (int8_activations, computed_input, quantized_activations, nonempty)
"""What every operator asks of its data input and its output."""


def activation_name(node: Node) -> str:
    """Name of the fused activation."""
    return ACTIVATION_NAMES[node.option("fused_activation_function")]
