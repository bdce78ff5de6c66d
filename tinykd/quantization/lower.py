"""A student written in the few layers that int8 training has rules for.

Nested models are flattened. A sequence [length, channels] is an image [length, 1, channels]
throughout, so that a one-dimensional layer is a two-dimensional one of kernel (k, 1). Separable
convolutions are taken apart, activations that are operators of their own become layers, and what
only scales and shifts (Rescaling, Normalization, ``x / 255``) becomes a BatchNormalization, which
``fold.py`` folds away. Layers that do nothing after training are left out.

Nothing is approximated: the float outputs stay equal up to rounding.
"""

from typing import Any

import tensorflow as tf
import tf_keras
from tf_keras.src.engine.functional import Functional
from tf_keras.src.layers.core.tf_op_layer import TFOpLambda

from tinykd.quantization.lowerings import LOWERINGS
from tinykd.quantization.writer import Writer

_layers = tf_keras.layers


def lower(student: Any) -> Any:
    """Write a student in the layers of ``scheme.INT8_RULES``, BatchNormalization and ReLU.

    Args:
        student: A functional ``tf_keras.Model`` that ``layers.check_quantizable`` has passed; it is
            not changed.

    Returns:
        A flat functional ``tf_keras.Model`` of the same inputs, outputs and name. A layer keeps
        its name where one layer becomes one.
    """
    writer = Writer()
    source = student.inputs[0]
    writer.taken.add(student.input_names[0])
    inputs = _layers.Input(source.shape[1:], dtype=source.dtype, name=student.input_names[0])
    (outputs,) = _write(writer, student, [_as_image(writer, inputs)])
    if len(student.output_shape) == 3:
        shape = student.output_shape[1:]
        outputs = writer.add(_layers.Reshape, outputs, name="as_sequence", target_shape=shape)
    return tf_keras.Model(inputs, outputs, name=student.name)


def _as_image(writer: Writer, x: Any) -> Any:
    if len(x.shape) != 3:
        return x
    length, channels = x.shape[1:]
    return writer.add(_layers.Reshape, x, name="as_image", target_shape=(length, 1, channels))


def _write(writer: Writer, model: Any, inputs: list[Any]) -> list[Any]:
    """Write a model's layers in order of execution; return its new outputs."""
    tensors = {id(old): new for old, new in zip(model.inputs, inputs, strict=True)}
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            if node.is_input:
                continue
            outputs = _write_node(writer, node, tensors)
            tensors |= dict(zip(map(id, tf.nest.flatten(node.outputs)), outputs, strict=True))
    return [tensors[id(old)] for old in model.outputs]


def _write_node(writer: Writer, node: Any, tensors: dict[int, Any]) -> list[Any]:
    layer = node.layer
    if isinstance(layer, Functional):
        given = tf.nest.flatten(node.keras_inputs)
        return _write(writer, layer, [tensors[id(old)] for old in given])
    is_operator = isinstance(layer, TFOpLambda)
    arguments = (node.call_args, node.call_kwargs) if is_operator else node.call_args[0]
    inputs = tf.nest.map_structure(lambda value: tensors.get(id(value), value), arguments)
    return [LOWERINGS[type(layer)](writer, layer, inputs)]
