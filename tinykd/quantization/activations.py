"""Activation functions as int8 arithmetic has them.

TFLite fuses ReLU and ReLU6 into the operator before them. Every other function is an operator of
its own, whose input needs a range too: it stands in a layer of its own here.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf_keras

from tinykd.students.hard_swish import hard_swish

_functions = tf_keras.activations

_KERAS_NAMES: dict[Callable[..., Any], Callable[..., Any]] = {
    tf.nn.relu: _functions.relu,
    tf.nn.elu: _functions.elu,
    tf.nn.silu: _functions.swish,
    tf.nn.sigmoid: _functions.sigmoid,
    tf.nn.softmax: _functions.softmax,
    tf.nn.tanh: _functions.tanh,
}


def as_keras(function: Any) -> Any:
    """Keras's own function for one of ``tf.nn`` that computes the same; any other as it is."""
    return _KERAS_NAMES.get(function, function)


FUSED_ACTIVATIONS = (_functions.linear, _functions.relu, tf.nn.relu6)


OWN_LAYER: tuple[Callable[..., Any], ...] = (
    _functions.sigmoid,
    _functions.tanh,
    _functions.softmax,
    _functions.elu,
    hard_swish,
)
"""Functions that are one TFLite operator, and one ``Activation`` layer here."""

FIXED_RANGES: dict[Callable[..., Any], tuple[float, float]] = {
    _functions.sigmoid: (0.0, 255 / 256),
    _functions.softmax: (0.0, 255 / 256),
    _functions.tanh: (-1.0, 127 / 128),
}
"""Ranges that the TFLite 8-bit quantization specification prescribes: scale 1/256 and 1/128."""

SWISH = _functions.swish
"""``x * sigmoid(x)``: two operators, each with a range of its own."""


def is_known(function: Any) -> bool:
    """Whether a function can be computed in int8 and trained so."""
    return as_keras(function) in (*FUSED_ACTIVATIONS, *OWN_LAYER, SWISH)
