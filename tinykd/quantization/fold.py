"""Batch-norm and ReLU folded into the layer before, as the chip will compute them.

Quantization-aware training then rounds the very kernel that is exported, the batch-norm
statistics are frozen by construction, a Dense layer is treated like a convolution, and a step is
about a third cheaper than with the batch-norm left in. Dropout is left out too: fine-tuning is
short, and a dropped unit scales the others up, so that the ranges come out too wide.

Source: Jacob et al. 2018, section 3.2, equation 14 (arXiv:1712.05877).
"""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

from tinykd.quantization.forward import Affine, as_affine, carry, fold_forward, refuse_left_over

_layers = tf_keras.layers
_LINEAR = tf_keras.activations.linear
_FOLDS_INTO = (
    _layers.Conv2D,
    _layers.Conv2DTranspose,
    _layers.DepthwiseConv2D,
    _layers.Dense,
)
_FUSED = {tf_keras.activations.relu: "relu", tf.nn.relu6: "relu6"}


class _Tail(NamedTuple):
    """What follows a layer with weights and can be folded into it."""

    batch_norm: Any | None
    activation: Any | None


def fold_batch_norm(student: Any) -> Any:
    """Build the student's inference form: no BatchNormalization, no separate ReLU, no Dropout.

    BatchNormalization is folded where it directly follows a convolution or a Dense layer without
    an activation and nothing else reads that layer; so is ReLU after either. Another
    BatchNormalization is folded into the layers that read it.

    Args:
        student: A flat functional ``tf_keras.Model``; it is not changed.

    Returns:
        A functional ``tf_keras.Model`` of the same name, with the same layer names for the
        layers that remain. Its outputs equal ``student(x, training=False)`` up to float rounding.

    Raises:
        QuantizationError: A BatchNormalization can be folded neither way; names it.
    """
    # A clone has one node for each use, whatever else the user has built on these layers.
    clone = tf_keras.models.clone_model(student)
    clone.set_weights(student.get_weights())
    tails = {id(layer): _tail(layer) for layer in clone.layers if type(layer) in _FOLDS_INTO}
    absorbed = {id(layer) for tail in tails.values() for layer in tail if layer is not None}
    absorbed |= {id(layer) for layer in clone.layers if isinstance(layer, _layers.Dropout)}
    tensors = {id(old): _new_input(old) for old in clone.inputs}
    affines: dict[int, Affine] = {}  # what a tensor of the clone is more than its new one
    for layer in clone.layers:
        if isinstance(layer, _layers.InputLayer):
            continue
        inputs = tf.nest.map_structure(lambda old: tensors[id(old)], layer.input)
        before = [affines.get(id(old)) for old in tf.nest.flatten(layer.input)]
        if id(layer) in absorbed:
            tensors[id(layer.output)] = inputs
        elif type(layer) is _layers.BatchNormalization:
            affines[id(layer.output)] = as_affine(layer, before[0])
            tensors[id(layer.output)] = inputs
            continue
        else:
            weights = layer.get_weights()
            if before[0] is not None and type(layer) in _FOLDS_INTO:
                weights, before = fold_forward(before[0], layer), [None]
            tensors[id(layer.output)] = _apply(layer, tails.get(id(layer)), inputs, weights)
        after = carry(before, layer)
        if after is not None:
            affines[id(layer.output)] = after
    refuse_left_over([affines.get(id(old)) for old in clone.outputs])
    outputs = [tensors[id(old)] for old in clone.outputs]
    return tf_keras.Model([tensors[id(old)] for old in clone.inputs], outputs, name=student.name)


def _new_input(old: Any) -> Any:
    return _layers.Input(shape=old.shape[1:], dtype=old.dtype, name=old.node.layer.name)


def _tail(layer: Any) -> _Tail:
    """Find the batch-norm and the ReLU that only ``layer`` feeds, in this order."""
    if layer.activation is not _LINEAR:
        return _Tail(None, None)
    batch_norm = _only_reader(layer)
    if not _is_channel_norm(batch_norm):
        batch_norm = None
    activation = _only_reader(batch_norm or layer)
    if fused_activation(activation) is None:
        activation = None
    return _Tail(batch_norm, activation)


def _only_reader(layer: Any) -> Any | None:
    readers = [node.outbound_layer for node in layer.outbound_nodes]
    return readers[0] if len(readers) == 1 else None


def _is_channel_norm(layer: Any) -> bool:
    if type(layer) is not _layers.BatchNormalization:
        return False
    return list(layer.axis) == [len(layer.input_shape) - 1]


def fused_activation(layer: Any) -> str | None:
    """Return ``"relu"`` or ``"relu6"`` for a layer that is just that, else None."""
    if type(layer) is _layers.Activation:
        return _FUSED.get(layer.activation)
    if type(layer) is not _layers.ReLU or layer.negative_slope or layer.threshold:
        return None
    if layer.max_value is None:
        return "relu"
    return "relu6" if float(layer.max_value) == 6.0 else None


def _apply(layer: Any, tail: _Tail | None, inputs: Any, weights: list[NDArray[Any]]) -> Any:
    config = layer.get_config()
    if tail is not None and tail.activation is not None:
        config["activation"] = fused_activation(tail.activation)
    if tail is not None and tail.batch_norm is not None:
        weights = _folded_weights(layer, tail.batch_norm, weights)
    if "use_bias" in config:
        config["use_bias"] = len(weights) > 1
    new = type(layer).from_config(config)
    outputs = new(inputs)
    new.set_weights(weights)
    return outputs


def _folded_weights(
    layer: Any, batch_norm: Any, weights: list[NDArray[Any]]
) -> list[NDArray[np.float32]]:
    """Return kernel and bias with ``gamma * (y - mean) / sqrt(variance + epsilon) + beta``."""
    kernel, *rest = [np.asarray(value, np.float64) for value in weights]
    affine = as_affine(batch_norm)
    if isinstance(layer, _layers.DepthwiseConv2D):
        # [height, width, channels, multiplier]; output channel = channel * multipliers + multiplier
        kernel = kernel * affine.gain.reshape(kernel.shape[2:])
    elif isinstance(layer, _layers.Conv2DTranspose):
        kernel = kernel * affine.gain[:, np.newaxis]  # [height, width, out, in]
    else:
        kernel = kernel * affine.gain  # the last axis is the output channel
    bias = rest[0] if rest else 0.0
    return [kernel.astype(np.float32), (bias * affine.gain + affine.offset).astype(np.float32)]
