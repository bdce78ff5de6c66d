"""How each layer of a student is written in those that int8 training has rules for.

``LOWERINGS`` is the table. A sequence [length, channels] is an image [length, 1, channels] here.
"""

from typing import Any

import numpy as np
import tf_keras
from tf_keras.src.layers.core.tf_op_layer import TFOpLambda

from tinykd.quantization.activations import as_keras
from tinykd.quantization.convolutions import (
    conv_1d,
    dense,
    prelu,
    separable,
    transposed_convolution,
)
from tinykd.quantization.operators import operator
from tinykd.quantization.writer import (
    Lowering,
    Writer,
    left_out,
    plain_config,
    same,
    same_weighted,
)

_layers = tf_keras.layers

_TWO_DIMENSIONAL: dict[type, type] = {
    _layers.MaxPooling1D: _layers.MaxPooling2D,
    _layers.AveragePooling1D: _layers.AveragePooling2D,
    _layers.GlobalAveragePooling1D: _layers.GlobalAveragePooling2D,
    _layers.GlobalMaxPooling1D: _layers.GlobalMaxPooling2D,
}


def _pool_1d(writer: Writer, layer: Any, x: Any) -> Any:
    return writer.add(
        _TWO_DIMENSIONAL[type(layer)],
        x,
        name=layer.name,
        pool_size=(layer.pool_size[0], 1),
        strides=(layer.strides[0], 1),
        padding=layer.padding,
    )


def _global_pool_1d(writer: Writer, layer: Any, x: Any) -> Any:
    """With kept dimensions the sequence of length 1 is an image of one pixel."""
    kind = _TWO_DIMENSIONAL[type(layer)]
    return writer.add(kind, x, name=layer.name, keepdims=layer.keepdims)


def _zero_padding_1d(writer: Writer, layer: Any, x: Any) -> Any:
    padding = (tuple(layer.padding), (0, 0))
    return writer.add(_layers.ZeroPadding2D, x, name=layer.name, padding=padding)


def _up_sampling_1d(writer: Writer, layer: Any, x: Any) -> Any:
    return writer.add(_layers.UpSampling2D, x, name=layer.name, size=(layer.size, 1))


def _reshape(writer: Writer, layer: Any, x: Any) -> Any:
    """A sequence among the shapes gets a width of 1; what is that shape already stays."""
    shape = layer.output_shape[1:]
    shape = (shape[0], 1, shape[1]) if len(shape) == 2 else shape
    if tuple(x.shape[1:]) == tuple(shape):
        return x
    return writer.add(_layers.Reshape, x, name=layer.name, target_shape=shape)


def _permute(writer: Writer, layer: Any, x: Any) -> Any:
    """A sequence is an image of width 1, whose channels are its third axis."""
    order = tuple(layer.dims)
    if len(order) == 2:
        order = (3, 2, 1) if order == (2, 1) else (1, 2, 3)
    return writer.add(_layers.Permute, x, name=layer.name, dims=order)


def _batch_normalization(writer: Writer, layer: Any, x: Any) -> Any:
    config = {**plain_config(layer), "axis": -1}
    return writer.add(
        _layers.BatchNormalization, x, name=layer.name, weights=layer.get_weights(), **config
    )


def _activation(writer: Writer, layer: Any, x: Any) -> Any:
    return writer.activation(as_keras(layer.activation), x, name=layer.name)


def _elu(writer: Writer, layer: Any, x: Any) -> Any:
    return writer.activation(tf_keras.activations.elu, x, name=layer.name)


def _relu(writer: Writer, layer: Any, x: Any) -> Any:
    if layer.negative_slope:
        return writer.add(_layers.LeakyReLU, x, name=layer.name, alpha=layer.negative_slope)
    return same(writer, layer, x)


def _softmax(writer: Writer, layer: Any, x: Any) -> Any:
    return writer.activation(tf_keras.activations.softmax, x, name=layer.name)


def _chain(writer: Writer, layer: Any, inputs: Any) -> Any:
    """TFLite adds and multiplies two tensors: three take two operators."""
    total, *others = inputs
    for other in others:
        total = writer.add(type(layer), [total, other], name=layer.name)
    return total


def _concatenate(writer: Writer, layer: Any, inputs: Any) -> Any:
    axis = -1 if layer.axis in (-1, len(layer.output_shape) - 1) else layer.axis
    return writer.add(_layers.Concatenate, inputs, name=layer.name, axis=axis)


def _rescaling(writer: Writer, layer: Any, x: Any) -> Any:
    return writer.affine(x, layer.scale, layer.offset, name=layer.name)


def _normalization(writer: Writer, layer: Any, x: Any) -> Any:
    """``(x - mean) / max(deviation, epsilon)``, or its inverse."""
    mean = np.asarray(layer.mean, np.float64).ravel()
    deviation = np.maximum(np.sqrt(np.asarray(layer.variance, np.float64).ravel()), 1e-7)
    if layer.invert:
        return writer.affine(x, deviation, mean, name=layer.name)
    return writer.affine(x, 1.0 / deviation, -mean / deviation, name=layer.name)


LOWERINGS: dict[type, Lowering] = {
    _layers.Dense: dense,
    _layers.Conv2D: same_weighted,
    _layers.DepthwiseConv2D: same_weighted,
    _layers.Conv1D: conv_1d,
    _layers.DepthwiseConv1D: conv_1d,
    _layers.Conv2DTranspose: transposed_convolution,
    _layers.Conv1DTranspose: transposed_convolution,
    _layers.SeparableConv2D: separable,
    _layers.SeparableConv1D: separable,
    _layers.BatchNormalization: _batch_normalization,
    _layers.Rescaling: _rescaling,
    _layers.Normalization: _normalization,
    _layers.Activation: _activation,
    _layers.ReLU: _relu,
    _layers.LeakyReLU: same,
    _layers.PReLU: prelu,
    _layers.ELU: _elu,
    _layers.Softmax: _softmax,
    _layers.Add: _chain,
    _layers.Multiply: _chain,
    _layers.Subtract: same,
    _layers.Concatenate: _concatenate,
    _layers.AveragePooling2D: same,
    _layers.MaxPooling2D: same,
    _layers.GlobalAveragePooling2D: same,
    _layers.GlobalMaxPooling2D: same,
    _layers.AveragePooling1D: _pool_1d,
    _layers.MaxPooling1D: _pool_1d,
    _layers.GlobalAveragePooling1D: _global_pool_1d,
    _layers.GlobalMaxPooling1D: _global_pool_1d,
    _layers.ZeroPadding2D: same,
    _layers.ZeroPadding1D: _zero_padding_1d,
    _layers.UpSampling2D: same,
    _layers.UpSampling1D: _up_sampling_1d,
    _layers.Flatten: same,
    _layers.Reshape: _reshape,
    _layers.Permute: _permute,
    _layers.Dropout: left_out,
    _layers.SpatialDropout1D: left_out,
    _layers.SpatialDropout2D: left_out,
    _layers.GaussianDropout: left_out,
    _layers.GaussianNoise: left_out,
    _layers.ActivityRegularization: left_out,
    TFOpLambda: operator,
}
"""How each layer is written, by its exact type."""
