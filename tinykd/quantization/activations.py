"""Activation functions as int8 arithmetic has them.

TFLite fuses ReLU and ReLU6 into the operator before them. Every other function is an operator of
its own, whose input needs a range too: it stands in a layer of its own here.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf_keras

_functions = tf_keras.activations

FUSED_ACTIVATIONS = (_functions.linear, _functions.relu, tf.nn.relu6)


@tf_keras.utils.register_keras_serializable(package="tinykd")  # type: ignore[untyped-decorator]
def hard_swish(x: Any) -> Any:
    """``x * relu6(x + 3) / 6``, in the form that the converter makes one HARD_SWISH of.

    Args:
        x: float32, any shape.

    Source: Howard et al., "Searching for MobileNetV3", 2019, section 5.2.
    """
    return x * tf.nn.relu6(x + 3.0) * (1.0 / 6.0)


OWN_LAYER: tuple[Callable[..., Any], ...] = (
    _functions.sigmoid,
    _functions.tanh,
    _functions.softmax,
    hard_swish,
)
"""Functions that are one TFLite operator, and one ``Activation`` layer here."""

FIXED_RANGES: dict[Callable[..., Any], tuple[float, float]] = {
    _functions.sigmoid: (0.0, 255 / 256),
    _functions.softmax: (0.0, 255 / 256),
    _functions.tanh: (-1.0, 127 / 128),
}
"""Ranges that the TFLite 8-bit quantization specification prescribes: scale 1/256 and 1/128."""

SWISH = (_functions.swish, tf.nn.silu)
"""``x * sigmoid(x)``: two operators, each with a range of its own."""


def is_known(function: Any) -> bool:
    """Whether a function can be computed in int8 and trained so."""
    return function in (*FUSED_ACTIVATIONS, *OWN_LAYER, *SWISH)
