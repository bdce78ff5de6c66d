"""A student written in the few layers that int8 training has rules for.

Nested models are flattened. A sequence [length, channels] is an image [length, 1, channels]
throughout, so that a one-dimensional layer is a two-dimensional one of kernel (k, 1). Separable
convolutions are taken apart, activations that are operators of their own become layers, and what
only scales and shifts (Rescaling, Normalization, ``x / 255``) becomes a BatchNormalization, which
``fold.py`` folds away. Layers that do nothing after training are left out.

Nothing is approximated: the float outputs stay equal up to rounding.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray
from tf_keras.src.engine.functional import Functional
from tf_keras.src.engine.keras_tensor import KerasTensor
from tf_keras.src.layers.core.tf_op_layer import TFOpLambda

from tinykd.quantization.activations import FUSED_ACTIVATIONS, SWISH, as_keras

_layers = tf_keras.layers


class Writer:
    """Adds layers to the new network, under names of their own.

    Attributes:
        taken: Names in use.
    """

    def __init__(self) -> None:
        self.taken: set[str] = set()

    def add(self, kind: type, inputs: Any, *, name: str, weights: Any = (), **config: Any) -> Any:
        """Apply a new layer; return its output.

        Args:
            kind: Layer class.
            inputs: Its input, or a list of them.
            name: Wanted name; a number is appended where it is taken.
            weights: Arrays as ``get_weights`` of such a layer gives them.
            config: Arguments of the layer.
        """
        layer = kind.from_config({**config, "name": self._free(name)})  # type: ignore[attr-defined]
        outputs = layer(inputs)
        layer.set_weights(list(weights))
        return outputs

    def activation(self, function: Any, x: Any, *, name: str) -> Any:
        """Apply an activation function as a layer, or as two."""
        if function is tf_keras.activations.linear:
            return x
        if function is SWISH:
            gate = self.add(_layers.Activation, x, name=f"{name}_gate", activation="sigmoid")
            return self.add(_layers.Multiply, [x, gate], name=name)
        return self.add(_layers.Activation, x, name=name, activation=function)

    def affine(self, x: Any, gain: Any, offset: Any, *, name: str) -> Any:
        """``gain * x + offset`` by channel, as a BatchNormalization that changes nothing else."""
        channels = x.shape[-1]
        full = [
            np.broadcast_to(np.asarray(v, np.float32).ravel(), channels) for v in (gain, offset)
        ]
        weights = [*full, np.zeros(channels, np.float32), np.ones(channels, np.float32)]
        return self.add(_layers.BatchNormalization, x, name=name, weights=weights, epsilon=0.0)

    def _free(self, name: str) -> str:
        number = 1
        free = name
        while free in self.taken:
            number += 1
            free = f"{name}_{number}"
        self.taken.add(free)
        return free


_AS_GOOD_AS_ZERO = 1e-30

Lowering = Callable[[Writer, Any, Any], Any]
"""From the writer, the student's layer and its new input (or inputs) to its new output."""


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


def weighted(writer: Writer, layer: Any, x: Any, kind: type, weights: Any, **changes: Any) -> Any:
    """Write a layer with a kernel; an activation that cannot be fused follows in its own layer."""
    config = {**_plain_config(layer), **changes}
    function = as_keras(layer.activation)
    config["activation"] = function if function in FUSED_ACTIVATIONS else "linear"
    y = writer.add(kind, x, name=layer.name, weights=weights, **config)
    if function in FUSED_ACTIVATIONS:
        return y
    return writer.activation(function, y, name=f"{layer.name}_activation")


def _plain_config(layer: Any) -> dict[str, Any]:
    """What describes the arithmetic; regularizers and initializers have done their work."""
    config = layer.get_config()
    done = ("name", "regularizer", "constraint", "initializer", "batch_input_shape")
    return {key: value for key, value in config.items() if not key.endswith(done)}


def same(writer: Writer, layer: Any, x: Any) -> Any:
    """Copy a layer as it is."""
    return writer.add(
        type(layer), x, name=layer.name, weights=layer.get_weights(), **_plain_config(layer)
    )


def left_out(writer: Writer, layer: Any, x: Any) -> Any:  # noqa: ARG001  # the table's signature
    """Leave out what does nothing after training."""
    return x


def _same_weighted(writer: Writer, layer: Any, x: Any) -> Any:
    return weighted(writer, layer, x, type(layer), layer.get_weights())


def _dense(writer: Writer, layer: Any, x: Any) -> Any:
    """On an image, a Dense layer is a 1x1 convolution."""
    if len(x.shape) == 2:
        return _same_weighted(writer, layer, x)
    kernel, *bias = layer.get_weights()
    keep = {key: layer.get_config()[key] for key in ("activation", "use_bias")}
    convolution = _layers.Conv2D(layer.units, 1, name=layer.name, **keep)
    return weighted(writer, convolution, x, _layers.Conv2D, [kernel[None, None], *bias])


def _separable(writer: Writer, layer: Any, x: Any) -> Any:
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


def _conv_1d(writer: Writer, layer: Any, x: Any) -> Any:
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


def _transposed_convolution(writer: Writer, layer: Any, x: Any) -> Any:
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
    config = {**_plain_config(layer), "axis": -1}
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


def _prelu(writer: Writer, layer: Any, x: Any) -> Any:
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


def _operator(writer: Writer, layer: Any, arguments: Any) -> Any:
    """``x + y`` and the like: a layer of two tensors, or of one tensor and a constant."""
    name = layer.name.replace(".", "_")
    operands = operands_of(*arguments)
    if len(operands) == 1:
        return writer.activation(FUNCTIONS[layer.symbol], operands[0], name=name)
    x, y = operands
    if isinstance(x, KerasTensor) and isinstance(y, KerasTensor):
        return writer.add(OPERATORS[layer.symbol], [x, y], name=name)
    gain, offset = constant_operation(layer.symbol, x, y)
    tensor = x if isinstance(x, KerasTensor) else y
    return writer.affine(tensor, gain, offset, name=name)


def operands_of(args: Any, kwargs: Any) -> list[Any]:
    """Operands of a function on tensors, in order."""
    return [*args, *(value for key, value in kwargs.items() if key in ("x", "y", "features"))]


def constant_operation(
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

_TWO_DIMENSIONAL: dict[type, type] = {
    _layers.Conv1D: _layers.Conv2D,
    _layers.DepthwiseConv1D: _layers.DepthwiseConv2D,
    _layers.MaxPooling1D: _layers.MaxPooling2D,
    _layers.AveragePooling1D: _layers.AveragePooling2D,
    _layers.GlobalAveragePooling1D: _layers.GlobalAveragePooling2D,
    _layers.GlobalMaxPooling1D: _layers.GlobalMaxPooling2D,
}

LOWERINGS: dict[type, Lowering] = {
    _layers.Dense: _dense,
    _layers.Conv2D: _same_weighted,
    _layers.DepthwiseConv2D: _same_weighted,
    _layers.Conv1D: _conv_1d,
    _layers.DepthwiseConv1D: _conv_1d,
    _layers.Conv2DTranspose: _transposed_convolution,
    _layers.Conv1DTranspose: _transposed_convolution,
    _layers.SeparableConv2D: _separable,
    _layers.SeparableConv1D: _separable,
    _layers.BatchNormalization: _batch_normalization,
    _layers.Rescaling: _rescaling,
    _layers.Normalization: _normalization,
    _layers.Activation: _activation,
    _layers.ReLU: _relu,
    _layers.LeakyReLU: same,
    _layers.PReLU: _prelu,
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
    TFOpLambda: _operator,
}
"""How each layer is written, by its exact type."""
