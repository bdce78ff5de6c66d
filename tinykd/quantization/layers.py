"""Which layers can be trained quantization-aware, and what to use in place of the others.

Checked before anything is built, so that the error names the user's layer. Some of the refused
ones are accepted by ``tensorflow_model_optimization`` and then stay float, or get their ranges
from nowhere; others end in an error of its own that names nothing.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf_keras
from tf_keras.src.engine.functional import Functional

from tinykd.errors import QuantizationError

_layers = tf_keras.layers

# Activations that TFLite fuses into the operator before them.
FUSED_ACTIVATIONS = (tf_keras.activations.linear, tf_keras.activations.relu, tf.nn.relu6)

_PREPROCESS = "Apply it to the data before the student; a power of two is folded into the file."
_RECURRENT = "Use Conv2D with kernel (k, 1) over time, as the student 'cnn1d' does."
_FLAT = "Put its layers into the student itself, one by one."
_OPERATOR = "Use a layer: tf_keras.layers.Add() in place of +, Reshape in place of indexing."
_RELU = "Use ReLU, or ReLU(6.0)."
_NORM = "Use BatchNormalization directly after a convolution or a Dense layer."
_NOISE = "Add it to the training data, not to the student."

REMEDIES: dict[str, str] = {
    "Conv1D": "Reshape the input to (length, 1, channels) and use Conv2D with kernel (k, 1).",
    "DepthwiseConv1D": (
        "Reshape the input to (length, 1, channels) and use DepthwiseConv2D with kernel (k, 1)."
    ),
    "SeparableConv1D": (
        "Reshape the input to (length, 1, channels) and use DepthwiseConv2D with kernel (k, 1), "
        "then Conv2D(filters, 1)."
    ),
    "SeparableConv2D": "Use DepthwiseConv2D and then Conv2D(filters, 1), each with its own ReLU.",
    "Conv2DTranspose": "Use UpSampling in the data, or a Conv2D; it leaves SHAPE and PACK.",
    "MaxPooling1D": "Reshape to (length, 1, channels) and use MaxPooling2D((k, 1)).",
    "AveragePooling1D": "Reshape to (length, 1, channels) and use AveragePooling2D((k, 1)).",
    "GlobalAveragePooling1D": "Reshape to (length, 1, channels) and use GlobalAveragePooling2D.",
    "GlobalMaxPooling1D": "Reshape to (length, 1, channels) and use GlobalAveragePooling2D.",
    "GlobalMaxPooling2D": "Use GlobalAveragePooling2D, or MaxPooling2D over the whole map.",
    "UpSampling1D": "Upsample the data before the student.",
    "UpSampling2D": "Upsample the data before the student.",
    "ZeroPadding1D": "Use padding='same' in the convolution that follows.",
    "ZeroPadding2D": "Use padding='same' in the convolution that follows.",
    "Concatenate": "Use Add on branches of equal shape.",
    "Multiply": "Use Add, or leave the gate out: a product of activations is not an int8 layer.",
    "Subtract": "Use Add; the convolution before it can learn the sign.",
    "TFOpLambda": _OPERATOR,
    "SlicingOpLambda": _OPERATOR,
    "Lambda": _OPERATOR,
    "PReLU": _RELU,
    "ELU": _RELU,
    "LeakyReLU": _RELU,
    "ThresholdedReLU": _RELU,
    "Softmax": "Give logits: leave the softmax out, the largest logit is the same class.",
    "LayerNormalization": _NORM,
    "GroupNormalization": _NORM,
    "UnitNormalization": _NORM,
    "Embedding": "Give the student numbers from a sensor, or one-hot codes and a Dense layer.",
    "LSTM": _RECURRENT,
    "GRU": _RECURRENT,
    "SimpleRNN": _RECURRENT,
    "RNN": _RECURRENT,
    "Bidirectional": _RECURRENT,
    "ConvLSTM2D": _RECURRENT,
    "MultiHeadAttention": _RECURRENT,
    "TimeDistributed": "Reshape to (time, 1, channels) and use Conv2D with kernel (1, 1).",
    "Normalization": _PREPROCESS,
    "Rescaling": _PREPROCESS,
    "Resizing": _PREPROCESS,
    "CenterCrop": _PREPROCESS,
    "RandomFlip": _NOISE,
    "RandomTranslation": _NOISE,
    "RandomRotation": _NOISE,
    "RandomZoom": _NOISE,
    "RandomCrop": _NOISE,
    "GaussianNoise": _NOISE,
    "GaussianDropout": _NOISE,
    "Functional": _FLAT,
    "Sequential": _FLAT,
}

_OTHERWISE = "Use one of: {}."


def _no_limit(layer: Any) -> str | None:  # noqa: ARG001  # the signature of the table
    return None


def _fused_activation(layer: Any) -> str | None:
    if layer.activation in FUSED_ACTIVATIONS:
        return None
    name = getattr(layer.activation, "__name__", type(layer.activation).__name__)
    if name == "softmax":
        return f"activation '{name}' is not trained in int8. {REMEDIES['Softmax']}"
    return f"activation '{name}' is not trained in int8. {_RELU}"


def _channels_last(layer: Any) -> str | None:
    if layer.data_format == "channels_last":
        return None
    return f"data_format is '{layer.data_format}'. Use 'channels_last'."


def _convolution(layer: Any) -> str | None:
    return _channels_last(layer) or _fused_activation(layer)


def _plain_relu(layer: Any) -> str | None:
    capped = layer.max_value is not None and float(layer.max_value) != 6.0
    if layer.negative_slope or layer.threshold or capped:
        return "only ReLU() and ReLU(6.0) are fused into the layer before. " + _RELU
    return None


def _last_axis(layer: Any) -> str | None:
    axis = list(layer.axis)
    rank = len(layer.input_shape)
    return None if axis in ([-1], [rank - 1]) else f"axis is {axis}. Use axis=-1, the channels."


def _two_inputs(layer: Any) -> str | None:
    count = len(layer.input)
    return None if count == 2 else f"adds {count} tensors; TFLite adds two. Chain Add layers."


SUPPORTED: dict[type, Callable[[Any], str | None]] = {
    _layers.InputLayer: _no_limit,
    _layers.Reshape: _no_limit,
    _layers.Flatten: _no_limit,
    _layers.Dropout: _no_limit,  # left out: see fold.py
    _layers.Dense: _fused_activation,
    _layers.Conv2D: _convolution,
    _layers.DepthwiseConv2D: _convolution,
    _layers.BatchNormalization: _last_axis,
    _layers.ReLU: _plain_relu,
    _layers.Activation: _fused_activation,
    _layers.Add: _two_inputs,
    _layers.GlobalAveragePooling2D: _channels_last,
    _layers.AveragePooling2D: _channels_last,
    _layers.MaxPooling2D: _channels_last,
}


def check_quantizable(student: Any) -> None:
    """Refuse a student that cannot be trained quantization-aware, layer by layer.

    Args:
        student: What the user gives as a student; a flat functional ``tf_keras.Model`` passes.

    Raises:
        QuantizationError: The first layer that is not supported, what is wrong with it, and
            what to use in its place.
    """
    if not isinstance(student, tf_keras.Model):
        raise QuantizationError(
            f"Student is a {type(student).__module__}.{type(student).__name__}; expected a "
            "tf_keras model. Build it with 'import tf_keras', not 'import keras'."
        )
    if not isinstance(student, Functional):
        raise QuantizationError(
            f"Student '{student.name}' is a subclassed tf_keras.Model; expected a functional "
            "one. Build it with tf_keras.Model(inputs, outputs)."
        )
    if len(student.inputs) != 1 or len(student.outputs) != 1:
        raise QuantizationError(
            f"Student '{student.name}' has {len(student.inputs)} inputs and "
            f"{len(student.outputs)} outputs; expected one of each. Split it."
        )
    shared = _used_more_than_once(student)
    for layer in student.layers:
        if layer.name in shared:
            raise QuantizationError(
                f"{type(layer).__name__} at '{layer.name}': is used more than once. "
                "Build a layer for each use."
            )
        _check_layer(layer)


def _used_more_than_once(student: Any) -> set[str]:
    """Read it from the configuration: a layer object also knows the uses in other models."""
    layers = student.get_config()["layers"]
    return {layer["config"]["name"] for layer in layers if len(layer.get("inbound_nodes", ())) > 1}


def _check_layer(layer: Any) -> None:
    kind = type(layer).__name__
    limit = SUPPORTED.get(type(layer))
    if limit is None:
        remedy = REMEDIES.get(
            kind, _OTHERWISE.format(", ".join(known.__name__ for known in SUPPORTED))
        )
        raise QuantizationError(
            f"{kind} at '{layer.name}': cannot be trained quantization-aware. {remedy}"
        )
    broken = limit(layer)
    if broken is not None:
        raise QuantizationError(f"{kind} at '{layer.name}': {broken}")


def check_foldable(folded: Any) -> None:
    """Refuse a BatchNormalization or ReLU that could not be folded into the layer before.

    Args:
        folded: The student after ``fold.fold_batch_norm``.

    Raises:
        QuantizationError: Names the layer and where it has to stand.
    """
    for layer in folded.layers:
        if type(layer) is _layers.BatchNormalization:
            raise QuantizationError(
                f"BatchNormalization at '{layer.name}': must directly follow a Conv2D, "
                "DepthwiseConv2D or Dense layer that has no activation and feeds nothing else. "
                "Order them Conv2D, BatchNormalization, ReLU."
            )
        if type(layer) in {_layers.ReLU, _layers.Activation} and not _follows_only_add(layer):
            raise QuantizationError(
                f"{type(layer).__name__} at '{layer.name}': must directly follow a Conv2D, "
                "DepthwiseConv2D, Dense, BatchNormalization or Add layer that feeds nothing "
                "else. Move it there."
            )


def _follows_only_add(layer: Any) -> bool:
    before = layer.inbound_nodes[0].inbound_layers
    return type(before) is _layers.Add and len(before.outbound_nodes) == 1
