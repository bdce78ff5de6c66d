"""A Keras 3 student as the same model of ``tf_keras``, which int8 training needs.

Every layer is built again from its configuration and gets its weights, along the graph of the
original. Where the two libraries mean different things by one name the table below says so, and in
the end both models answer the same samples: what differs is refused, not shipped.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tf_keras

from tinykd.errors import StudentError
from tinykd.keras_models import library_of
from tinykd.students.hard_swish import hard_swish

_DONE = ("initializer", "regularizer", "constraint")
"""Endings of arguments that have done their work in a trained layer."""

_ACTIVATIONS: dict[str, Any] = {
    "relu6": tf.nn.relu6,
    "silu": tf_keras.activations.swish,
    "hard_silu": hard_swish,
    "hard_sigmoid": None,  # 0.2 x + 0.5 in tf_keras, x / 6 + 0.5 in Keras 3
}
"""Activations of Keras 3 that ``tf_keras`` calls otherwise, or has not."""

_ARGUMENTS = {("LeakyReLU", "negative_slope"): "alpha"}
"""Arguments that are called otherwise, by layer."""

_OPERATIONS: dict[str, Callable[..., Any]] = {
    "Add": tf.add,
    "Subtract": tf.subtract,
    "Multiply": tf.multiply,
    "Divide": tf.truediv,
    "TrueDivide": tf.truediv,
    "Relu": tf.nn.relu,
    "Relu6": tf.nn.relu6,
    "Elu": tf.nn.elu,
    "Sigmoid": tf.nn.sigmoid,
    "Tanh": tf.nn.tanh,
    "Silu": tf.nn.silu,
    "Softmax": tf.nn.softmax,
    "HardSilu": lambda x: tf_keras.layers.Activation(hard_swish)(x),
}
"""Functions on tensors, by the name of the class in ``keras.ops``."""


def as_tf_keras(student: Any) -> Any:
    """The same student as a functional ``tf_keras.Model``.

    Args:
        student: Keras 3 functional model or built Sequential; it is not changed. A model of
            ``tf_keras`` is returned as it is.

    Raises:
        StudentError: It is subclassed or was never built, or a layer has no counterpart; names it.
    """
    if library_of(student) is tf_keras:
        return student
    source = _graph(student)
    inputs = [
        tf_keras.layers.Input(old.shape[1:], dtype=old.dtype, name=old._keras_history[0].name)
        for old in source.inputs
    ]
    outputs = _write(source, inputs, {})
    made = tf_keras.Model(inputs, outputs[0] if len(outputs) == 1 else outputs, name=student.name)
    _check_equal(student, made)
    return made


def _graph(model: Any) -> Any:
    """The functional model inside a Sequential, or the model itself."""
    graph = getattr(model, "_functional", model)
    if graph is None or not hasattr(graph, "_nodes_by_depth"):
        raise StudentError(
            f"Student '{model.name}' is a subclassed Keras model or was never built; expected a "
            "functional one. Build it with keras.Model(inputs, outputs), or begin a Sequential "
            "with an Input layer."
        )
    return graph


def _write(model: Any, inputs: list[Any], made: dict[int, Any]) -> list[Any]:
    """Write a model's operations in order; return its new outputs.

    Args:
        model: Functional model of Keras 3.
        inputs: Tensors of ``tf_keras``.
        made: Layers built so far, by the original: a shared layer is built once.
    """
    tensors = {id(old): new for old, new in zip(model.inputs, inputs, strict=True)}

    def renewed(value: Any) -> Any:
        return tensors.get(id(value), value)

    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            if node.is_input:
                continue
            _check_call(node)
            given = tf.nest.map_structure(renewed, node.arguments.args)
            outputs = _apply(node.operation, given, made)
            tensors.update(zip(map(id, node.outputs), outputs, strict=True))
    return [tensors[id(old)] for old in model.outputs]


def _check_call(node: Any) -> None:
    """Tensors come in the order of the call: names differ between both libraries."""
    for name, value in node.arguments.kwargs.items():
        if any(isinstance(part, keras.KerasTensor) for part in tf.nest.flatten(value)):
            raise StudentError(
                f"{type(node.operation).__name__} at '{node.operation.name}' is called with "
                f"{name}=... by name. Give it without the name, as in layer(x)."
            )


def _apply(operation: Any, given: Any, made: dict[int, Any]) -> list[Any]:
    if isinstance(operation, keras.Model):
        return _write(_graph(operation), tf.nest.flatten(given), made)
    if not isinstance(operation, keras.layers.Layer):
        function = _OPERATIONS.get(type(operation).__name__)
        if function is None:
            raise _refuse(operation, "tf_keras has no such operation that becomes int8")
        return [function(*given)]
    if id(operation) not in made:
        made[id(operation)] = _counterpart(operation)
    layer = made[id(operation)]
    outputs: list[Any] = tf.nest.flatten(layer(*given))
    if layer.weights and not isinstance(operation, _PREPARED):
        layer.set_weights(operation.get_weights())
    return outputs


_PREPARED = (keras.layers.Normalization,)
"""Layers whose state is among their arguments."""


def _counterpart(layer: Any) -> Any:
    """A layer of ``tf_keras`` of the same configuration, not built yet."""
    if isinstance(layer, keras.layers.Lambda):
        raise _refuse(layer, "what its function computes cannot be rewritten")
    kind = getattr(tf_keras.layers, type(layer).__name__, None)
    if kind is None or type(layer) is not getattr(keras.layers, type(layer).__name__, None):
        raise _refuse(layer, "tf_keras has no such layer")
    known = inspect.signature(kind.__init__).parameters
    original = inspect.signature(type(layer).__init__).parameters
    config = {"name": layer.name}
    for key, value in _arguments(layer).items():
        name = _ARGUMENTS.get((type(layer).__name__, key), key)
        if name in known:
            config[name] = value
        elif value and (key not in original or value != original[key].default):
            raise _refuse(layer, f"tf_keras has no argument {key}={value}")
    return kind(**config)


def _arguments(layer: Any) -> dict[str, Any]:
    """What describes the arithmetic of a layer."""
    config = layer.get_config()
    arguments = {
        key: value
        for key, value in config.items()
        if key not in ("name", "trainable", "dtype") and not key.endswith(_DONE)
    }
    if "activation" in arguments:
        arguments["activation"] = _activation(layer)
    if isinstance(layer, _PREPARED):
        for key in ("mean", "variance"):
            value = np.asarray(getattr(layer, key), np.float32)
            arguments[key] = value.ravel() if value.size > 1 else float(value.ravel()[0])
    return arguments


def _activation(layer: Any) -> Any:
    """An activation of Keras 3 as that of ``tf_keras``; a function of the user's as it is."""
    function = layer.activation
    name = getattr(function, "__name__", type(function).__name__)
    if not getattr(function, "__module__", "").startswith("keras."):
        return function
    same_name = getattr(tf_keras.activations, name, None)
    found = _ACTIVATIONS.get(name, same_name)
    if found is None:
        raise _refuse(layer, f"tf_keras has no activation '{name}' that computes the same")
    return found


def _refuse(operation: Any, why: str) -> StudentError:
    return StudentError(
        f"{type(operation).__name__} at '{operation.name}': {why}. Use another layer of those in "
        "docs/quantization.md, or build the student with tf_keras."
    )


def _check_equal(student: Any, made: Any) -> None:
    """Ask both the same; they differ by float rounding alone."""
    rng = np.random.default_rng(0)
    samples = [
        rng.normal(size=(4, *(size or 16 for size in old.shape[1:]))).astype(np.float32)
        for old in made.inputs
    ]
    x = samples[0] if len(samples) == 1 else samples
    pairs = zip(
        tf.nest.flatten(student(x, training=False)),
        tf.nest.flatten(made(x, training=False)),
        strict=True,
    )
    for old, new in pairs:
        expected = keras.ops.convert_to_numpy(old)
        worst = float(np.abs(expected - new.numpy()).max())
        if not worst <= 1e-4 * (1.0 + float(np.abs(expected).max())):  # NaN is refused too
            raise StudentError(
                f"Student '{student.name}': as a tf_keras model it answers up to {worst:.3g} "
                "otherwise. Build it with tf_keras."
            )
