"""Operators and functions on tensors, such as ``x + y``, as layers."""

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray
from tf_keras.src.engine.keras_tensor import KerasTensor

from tinykd.quantization.writer import Writer

_layers = tf_keras.layers

_PRODUCTS = frozenset({"math.multiply", "__operators__.mul"})
_QUOTIENTS = frozenset({"math.truediv", "math.divide", "__operators__.truediv"})

OPERATORS: dict[str, Any] = {
    **dict.fromkeys(("math.add", "__operators__.add"), _layers.Add),
    **dict.fromkeys(("math.subtract", "__operators__.sub"), _layers.Subtract),
    **dict.fromkeys(_PRODUCTS, _layers.Multiply),
    **dict.fromkeys(_QUOTIENTS, None),  # by a constant only
}
"""Operators on two tensors, and the layer that each is."""

FUNCTIONS: dict[str, Any] = {
    "nn.relu": tf_keras.activations.relu,
    "nn.relu6": tf.nn.relu6,
    "math.sigmoid": tf_keras.activations.sigmoid,
    "nn.sigmoid": tf_keras.activations.sigmoid,
    "math.tanh": tf_keras.activations.tanh,
    "nn.silu": tf_keras.activations.swish,
    "nn.elu": tf_keras.activations.elu,
    "nn.softmax": tf_keras.activations.softmax,
}
"""Functions of one tensor, and the activation that each is."""


def operator(writer: Writer, layer: Any, arguments: Any) -> Any:
    """``x + y`` and the like: a layer of two tensors, or of one tensor and a constant."""
    name = layer.name.replace(".", "_")
    operands = operands_of(*arguments)
    if len(operands) == 1:
        return writer.activation(FUNCTIONS[layer.symbol], operands[0], name=name)
    x, y = operands
    if isinstance(x, KerasTensor) and isinstance(y, KerasTensor):
        return writer.add(OPERATORS[layer.symbol], [x, y], name=name)
    gain, offset = _constant_operation(layer.symbol, x, y)
    tensor = x if isinstance(x, KerasTensor) else y
    return writer.affine(tensor, gain, offset, name=name)


def operands_of(args: Any, kwargs: Any) -> list[Any]:
    """Operands of a function on tensors, in order."""
    return [*args, *(value for key, value in kwargs.items() if key in ("x", "y", "features"))]


def _constant_operation(
    symbol: str, x: Any, y: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gain and offset of an operator of which one operand is a constant."""
    first = isinstance(x, KerasTensor)
    constant = np.asarray(y if first else x, np.float64)
    zero, one = np.zeros_like(constant), np.ones_like(constant)
    if OPERATORS[symbol] is _layers.Add:
        return one, constant
    if OPERATORS[symbol] is _layers.Subtract:
        return (one, -constant) if first else (-one, constant)
    return (constant if symbol in _PRODUCTS else 1.0 / constant), zero
