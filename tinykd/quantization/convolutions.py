"""Convolutions and Dense layers as two-dimensional ones: of kernel (k, 1) over a sequence."""

from typing import Any

import numpy as np
import tf_keras

from tinykd.quantization.writer import Writer, same_weighted, weighted

_layers = tf_keras.layers

_AS_GOOD_AS_ZERO = 1e-30

_TWO_DIMENSIONAL: dict[type, type] = {
    _layers.Conv1D: _layers.Conv2D,
    _layers.DepthwiseConv1D: _layers.DepthwiseConv2D,
}


def dense(writer: Writer, layer: Any, x: Any) -> Any:
    """On an image, a Dense layer is a 1x1 convolution."""
    if len(x.shape) == 2:
        return same_weighted(writer, layer, x)
    kernel, *bias = layer.get_weights()
    keep = {key: layer.get_config()[key] for key in ("activation", "use_bias")}
    convolution = _layers.Conv2D(layer.units, 1, name=layer.name, **keep)
    return weighted(writer, convolution, x, _layers.Conv2D, [kernel[None, None], *bias])


def separable(writer: Writer, layer: Any, x: Any) -> Any:
    """Depthwise without bias, then pointwise with the activation; of one dimension or two."""
    depthwise, pointwise, *bias = layer.get_weights()
    one = depthwise.ndim == 3
    config = layer.get_config()
    x = writer.add(
        _layers.DepthwiseConv2D,
        x,
        name=f"{layer.name}_depthwise",
        weights=[depthwise[:, None] if one else depthwise],
        kernel_size=(*layer.kernel_size, 1)[:2],
        strides=_strides(layer.strides),
        dilation_rate=(*layer.dilation_rate, 1)[:2],
        padding=layer.padding,
        depth_multiplier=layer.depth_multiplier,
        use_bias=False,
    )
    keep = {key: config[key] for key in ("activation", "use_bias")}
    second = _layers.Conv2D(layer.filters, 1, name=layer.name, **keep)
    weights = [pointwise[:, None] if one else pointwise, *bias]
    return weighted(writer, second, x, _layers.Conv2D, weights)


def _strides(strides: tuple[int, ...]) -> tuple[int, int]:
    """TensorFlow's depthwise convolution wants equal strides; along one pixel any will do."""
    return (strides[0], strides[-1])


def conv_1d(writer: Writer, layer: Any, x: Any) -> Any:
    """Causal padding becomes zeros before the first sample."""
    kernel, *bias = layer.get_weights()
    changes: dict[str, Any] = {
        "kernel_size": (layer.kernel_size[0], 1),
        "strides": _strides(layer.strides),
        "dilation_rate": (layer.dilation_rate[0], 1),
    }
    if layer.padding == "causal":
        before = (layer.kernel_size[0] - 1) * layer.dilation_rate[0]
        x = writer.add(
            _layers.ZeroPadding2D, x, name=f"{layer.name}_pad", padding=((before, 0), (0, 0))
        )
        changes["padding"] = "valid"
    kind = _TWO_DIMENSIONAL[type(layer)]
    return weighted(writer, layer, x, kind, [kernel[:, None], *bias], **changes)


def transposed_convolution(writer: Writer, layer: Any, x: Any) -> Any:
    """Of one dimension or two, always with a bias that is not all zeros.

    The converter drops a bias of zeros; then it fuses no ReLU, and the layer stays float.
    """
    kernel, *bias = layer.get_weights()
    given = bias[0] if bias else np.zeros(layer.filters, np.float32)
    shift = given if given.any() else np.full_like(given, _AS_GOOD_AS_ZERO)
    one = kernel.ndim == 3
    changes: dict[str, Any] = {"use_bias": True}
    if one:
        (padded,) = layer.output_padding or (None,)
        changes |= {
            "kernel_size": (layer.kernel_size[0], 1),
            "strides": (layer.strides[0], 1),
            "dilation_rate": 1,
            "output_padding": None if padded is None else (padded, 0),
        }
    weights = [kernel[:, None] if one else kernel, shift]
    return weighted(writer, layer, x, _layers.Conv2DTranspose, weights, **changes)


def prelu(writer: Writer, layer: Any, x: Any) -> Any:
    """``x + relu((alpha - 1) x)``, exact for slopes up to 1, by a depthwise convolution.

    The converter folds the rounding of a PRELU's slopes away, and then leaves it float.
    """
    (alpha,) = layer.get_weights()
    channels = alpha.shape[-1]
    image = x
    if len(x.shape) == 2:
        shape = (1, 1, channels)
        image = writer.add(_layers.Reshape, x, name=f"{layer.name}_image", target_shape=shape)
    slopes = writer.add(
        _layers.DepthwiseConv2D,
        image,
        name=f"{layer.name}_slopes",
        weights=[(alpha - 1.0).reshape(1, 1, channels, 1)],
        kernel_size=1,
        activation="relu",
        use_bias=False,
    )
    if len(x.shape) == 2:
        name = f"{layer.name}_vector"
        slopes = writer.add(_layers.Reshape, slopes, name=name, target_shape=(channels,))
    return writer.add(_layers.Add, [x, slopes], name=layer.name)
