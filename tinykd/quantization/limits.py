"""What is asked of each layer that can be trained quantization-aware."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tf_keras
from tf_keras.src.engine.keras_tensor import KerasTensor
from tf_keras.src.layers.core.tf_op_layer import TFOpLambda

from tinykd.quantization.activations import is_known
from tinykd.quantization.lowerings import LOWERINGS
from tinykd.quantization.operators import FUNCTIONS, OPERATORS, operands_of

_layers = tf_keras.layers

USE_A_LAYER = "Use a layer: Reshape in place of indexing, Add, Subtract or Multiply of two tensors."
_FUNCTION = "Use relu, relu6, elu, swish, sigmoid, tanh, softmax or tinykd.hard_swish."

Limit = Callable[[Any], str | None]


def _no_limit(layer: Any) -> str | None:  # noqa: ARG001  # the signature of the table
    return None


def _activation(layer: Any) -> str | None:
    if is_known(layer.activation):
        return None
    name = getattr(layer.activation, "__name__", type(layer.activation).__name__)
    return f"activation '{name}' is not trained in int8. {_FUNCTION}"


def _channels_last(layer: Any) -> str | None:
    if layer.data_format == "channels_last":
        return None
    return f"data_format is '{layer.data_format}'. Use 'channels_last'."


def _convolution(layer: Any) -> str | None:
    return _channels_last(layer) or _activation(layer)


def _transposed_convolution(layer: Any) -> str | None:
    if set(layer.dilation_rate) != {1}:
        return f"dilation_rate is {layer.dilation_rate}; TFLite has 1 alone. Use a larger kernel."
    return _convolution(layer)


def _plain_elu(layer: Any) -> str | None:
    alpha = float(layer.alpha)
    return None if alpha == 1.0 else f"alpha is {alpha:g}; TFLite has 1 alone. Use ELU()."


def _image_or_sequence(layer: Any) -> str | None:
    rank = len(layer.dims)
    return None if rank in (2, 3) else f"has {rank} axes. Use it on a sequence or an image."


def _plain_relu(layer: Any) -> str | None:
    capped = layer.max_value is not None and float(layer.max_value) != 6.0
    if layer.threshold or capped or (layer.negative_slope and layer.max_value is not None):
        return "only ReLU(), ReLU(6.0) and ReLU(negative_slope=...) are trained in int8. Use those."
    return None


def _slopes(layer: Any) -> str | None:
    (alpha,) = layer.get_weights()
    if alpha.size != alpha.shape[-1]:
        return "has a slope for each position. Use shared_axes=[1, 2], a slope for each channel."
    if (alpha > 1.0).any():
        return f"a slope is {alpha.max():.3g}; int8 takes up to 1. Use alpha_constraint, or ReLU."
    return None


def _last_axis(layer: Any) -> str | None:
    axis = list(layer.axis) if isinstance(layer.axis, (tuple, list)) else [layer.axis]
    last = len(layer.input_shape) - 1
    return None if axis in ([-1], [last]) else f"axis is {axis}. Use axis=-1, the channels."


def _softmax_axis(layer: Any) -> str | None:
    return None if layer.axis == -1 else f"axis is {layer.axis}. Use axis=-1."


def _normalization(layer: Any) -> str | None:
    if tuple(layer.axis) in ((), (-1,), (len(layer.input_shape) - 1,)):
        return None
    return f"axis is {layer.axis}. Use axis=-1, the channels, or axis=None."


def _scalar_or_channels(layer: Any) -> str | None:
    channels = layer.input_shape[-1]
    for value in (np.asarray(layer.scale), np.asarray(layer.offset)):
        if value.size not in (1, channels):
            return f"scale and offset have shape {value.shape}. Use one value, or one a channel."
    return None


def _same_shapes(layer: Any) -> str | None:
    ranks = {len(shape) for shape in layer.input_shape}
    return None if len(ranks) == 1 else "inputs have different ranks. Reshape one to (1, 1, c)."


def _two_operands(layer: Any) -> str | None:
    """What a function on tensors is given: two tensors, or a tensor and a constant."""
    node = layer.inbound_nodes[0]
    operands = operands_of(node.call_args, node.call_kwargs)
    if len(operands) == 1 and layer.symbol in FUNCTIONS:
        return None
    if len(operands) != 2 or layer.symbol not in OPERATORS:
        return f"'{layer.symbol}' is not trained in int8. {USE_A_LAYER}"
    tensors = [value for value in operands if isinstance(value, KerasTensor)]
    if len(tensors) == 2:
        if OPERATORS[layer.symbol] is None:
            return f"'{layer.symbol}' divides tensors. {USE_A_LAYER}"
        return None if len({len(value.shape) for value in tensors}) == 1 else USE_A_LAYER
    if OPERATORS[layer.symbol] is None and operands[0] is not tensors[0]:
        return f"'{layer.symbol}' divides by a tensor. {USE_A_LAYER}"
    constant = next(v for v in operands if not isinstance(v, KerasTensor))
    if np.size(constant) in (1, tensors[0].shape[-1]):
        return None
    return "the constant has another shape than the channels. " + USE_A_LAYER


_LIMITS: dict[type, Limit] = {
    _layers.Dense: _activation,
    _layers.Activation: _activation,
    **dict.fromkeys(
        (
            _layers.Conv1D,
            _layers.Conv2D,
            _layers.DepthwiseConv1D,
            _layers.DepthwiseConv2D,
            _layers.SeparableConv1D,
            _layers.SeparableConv2D,
        ),
        _convolution,
    ),
    **dict.fromkeys(
        (
            _layers.AveragePooling1D,
            _layers.AveragePooling2D,
            _layers.MaxPooling1D,
            _layers.MaxPooling2D,
            _layers.GlobalAveragePooling1D,
            _layers.GlobalAveragePooling2D,
            _layers.GlobalMaxPooling1D,
            _layers.GlobalMaxPooling2D,
            _layers.ZeroPadding2D,
            _layers.UpSampling2D,
        ),
        _channels_last,
    ),
    _layers.BatchNormalization: _last_axis,
    _layers.Rescaling: _scalar_or_channels,
    _layers.Normalization: _normalization,
    _layers.Conv1DTranspose: _transposed_convolution,
    _layers.Conv2DTranspose: _transposed_convolution,
    _layers.Permute: _image_or_sequence,
    _layers.ELU: _plain_elu,
    _layers.ReLU: _plain_relu,
    _layers.PReLU: _slopes,
    _layers.Softmax: _softmax_axis,
    _layers.Add: _same_shapes,
    _layers.Multiply: _same_shapes,
    _layers.Subtract: _same_shapes,
    TFOpLambda: _two_operands,
}

SUPPORTED: dict[type, Limit] = {
    _layers.InputLayer: _no_limit,
    **{kind: _LIMITS.get(kind, _no_limit) for kind in LOWERINGS},
}
"""Layers that are trained in int8, and what is asked of each."""
