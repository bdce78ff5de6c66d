"""How a weight and an activation are rounded to eight bits while training.

``tensorflow_model_optimization`` calls these through its ``Quantizer`` interface. They replace
its stock ones, whose ranges start at [-6, 6] and move by a thousandth per step, whose depthwise
kernels share one scale, and whose weight ranges are one step old when the model is exported.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import tensorflow as tf
import tf_keras

from tinykd.quantization._tfmot import Quantizer

# A channel whose weights are this much smaller than the layer's greatest keeps the scale of the
# ratio itself: a smaller scale would push its bias, counted in input_scale * weight_scale, out of
# int32, and the output has one scale for all channels, so nothing is lost.
_SMALLEST_CHANNEL = 2.0**-12

# The range of a tensor that is all zero. A scale of zero cannot be exported.
_NARROWEST_RANGE = 1e-3


def per_tensor(kernel: tf.Tensor) -> tf.Tensor:
    """Fake-quantize a kernel with one scale.

    Args:
        kernel: float32, any shape.

    Returns:
        float32, same shape, on the grid ``scale * [-127, 127]``.
    """
    limit = _limits(kernel, axis=None)
    return tf.quantization.fake_quant_with_min_max_vars(kernel, -limit, limit, narrow_range=True)


def per_channel(kernel: tf.Tensor) -> tf.Tensor:
    """Fake-quantize a kernel with one scale for each index of the last axis.

    Args:
        kernel: float32 [height, width, in, out].

    Returns:
        float32, same shape; channel ``c`` is on the grid ``scale[c] * [-127, 127]``.
    """
    limit = _limits(kernel, axis=[0, 1, 2])
    return tf.quantization.fake_quant_with_min_max_vars_per_channel(
        kernel, -limit, limit, narrow_range=True
    )


def per_depthwise_channel(kernel: tf.Tensor) -> tf.Tensor:
    """Fake-quantize a depthwise kernel with one scale for each output channel.

    TFLite stores the kernel as [1, height, width, in * multiplier] and its last axis is the
    channel; TensorFlow's own last axis is the multiplier, which is usually 1.

    Args:
        kernel: float32 [height, width, in, multiplier].

    Returns:
        float32, same shape.
    """
    height, width, channels, multiplier = kernel.shape
    flat = tf.reshape(kernel, [height, width, 1, channels * multiplier])
    return tf.reshape(per_channel(flat), kernel.shape)


def _limits(kernel: tf.Tensor, axis: list[int] | None) -> tf.Tensor:
    """Return the greatest magnitude along ``axis``, never zero."""
    limit = tf.reduce_max(tf.abs(kernel), axis=axis)
    greatest = tf.reduce_max(limit)
    greatest = tf.where(greatest > 0, greatest, tf.ones_like(greatest))
    return tf.maximum(limit, greatest * _SMALLEST_CHANNEL)


GRANULARITIES: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "per_tensor": per_tensor,
    "per_channel": per_channel,
    "per_depthwise_channel": per_depthwise_channel,
}


class WeightQuantizer(Quantizer):  # type: ignore[misc]  # untyped
    """Symmetric int8 weights in [-127, 127], scaled to the weights of this very step.

    It keeps no variable: what is exported is what was evaluated. The gradient passes unchanged
    (straight-through); nothing is clipped, so there is nothing to mask.

    Args:
        granularity: A key of ``GRANULARITIES``.

    Source:
        TFLite 8-bit quantization specification; Bengio et al. 2013 (straight-through estimator).
    """

    def __init__(self, granularity: str) -> None:
        self.granularity = granularity

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, tf.Variable]:
        """Create no variable."""
        return {}

    def __call__(self, inputs: tf.Tensor, training: Any, weights: Any, **_: Any) -> tf.Tensor:
        """Return the kernel on the int8 grid."""
        fake_quantize = GRANULARITIES[self.granularity]
        if not training:
            return fake_quantize(inputs)

        kernel = tf.convert_to_tensor(inputs)
        return _straight_through(fake_quantize, kernel, tf.ones_like(kernel))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"granularity": self.granularity}


def moving_average(batch: tf.Tensor, kept: tf.Tensor, rate: tf.Tensor) -> tf.Tensor:
    """Move a kept range end towards the batch's by the fraction ``rate``."""
    return kept + rate * (batch - kept)


def widest(batch: tf.Tensor, kept: tf.Tensor, rate: tf.Tensor) -> tf.Tensor:
    """Keep whichever end lies further from zero; rate 1 starts anew, rate 0 keeps the old."""
    further = tf.where(tf.abs(batch) > tf.abs(kept), batch, kept)
    return tf.where(rate >= 1.0, batch, tf.where(rate > 0.0, further, kept))


TRACKERS: dict[str, Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "moving_average": moving_average,  # inner activations: one outlier must not stay
    "widest": widest,  # the input: a sensor value that occurs must not be clipped
}


class RangeQuantizer(Quantizer):  # type: ignore[misc]  # untyped
    """Asymmetric int8 activations whose range is kept in variables and learnt from the data.

    ``rate`` decides how far a training step moves the range towards the batch: 1 replaces it,
    0.01 is an exponential moving average of decay 0.99, 0 freezes it. It is a variable so that
    a traced training step obeys a change without being traced again.

    Args:
        tracker: A key of ``TRACKERS``.

    Source:
        Jacob et al. 2018, section 3.1 (arXiv:1712.05877).
    """

    def __init__(self, tracker: str) -> None:
        self.tracker = tracker
        self.rate: tf.Variable | None = None

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, tf.Variable]:
        """Create ``low``, ``high`` and ``rate``; the first training batch sets the range."""
        initial = {"low": 0.0, "high": _NARROWEST_RANGE, "rate": 1.0}
        variables = {
            key: layer.add_weight(
                name=f"{name}_{key}",
                shape=(),
                initializer=tf_keras.initializers.Constant(value),
                trainable=False,
            )
            for key, value in initial.items()
        }
        self.rate = variables["rate"]
        return variables

    def __call__(
        self, inputs: tf.Tensor, training: Any, weights: dict[str, tf.Variable], **_: Any
    ) -> tf.Tensor:
        """Return the activation on the int8 grid, after moving the range when training."""
        low, high = weights["low"], weights["high"]
        if not training:
            return tf.quantization.fake_quant_with_min_max_vars(inputs, low, high)
        track, rate = TRACKERS[self.tracker], weights["rate"]
        batch_low, batch_high = _batch_range(tf.stop_gradient(inputs))
        low = tf.convert_to_tensor(low.assign(track(batch_low, low, rate)))
        high = tf.convert_to_tensor(high.assign(track(batch_high, high, rate)))
        inside = tf.cast((inputs >= low) & (inputs <= high), inputs.dtype)
        return _straight_through(
            lambda x: tf.quantization.fake_quant_with_min_max_vars(x, low, high), inputs, inside
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"tracker": self.tracker}


class FixedRange(Quantizer):  # type: ignore[misc]  # untyped
    """The output of sigmoid, softmax or tanh, whose range TFLite prescribes.

    Args:
        low: Real value of code -128.
        high: Real value of code 127.

    Source:
        TFLite 8-bit quantization specification: LOGISTIC, SOFTMAX, TANH.
    """

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, tf.Variable]:
        """Create no variable."""
        return {}

    def __call__(self, inputs: tf.Tensor, training: Any, weights: Any, **_: Any) -> tf.Tensor:
        """Return the activation on the int8 grid."""
        fake_quantize = partial(
            tf.quantization.fake_quant_with_min_max_args, min=self.low, max=self.high
        )
        if not training:
            return fake_quantize(inputs)
        return _straight_through(fake_quantize, inputs, tf.ones_like(inputs))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"low": self.low, "high": self.high}


def _straight_through(
    fake_quantize: Callable[[tf.Tensor], tf.Tensor], values: tf.Tensor, inside: tf.Tensor
) -> tf.Tensor:
    """Round values; let the gradient pass where ``inside`` is 1.

    TensorFlow's own gradient does the same, but also sums up one for the ends of the range, which
    is not used here and which a GPU cannot compute reproducibly.
    """

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def rounded(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        return fake_quantize(x), lambda gradient: gradient * inside

    return rounded(values)


def _batch_range(values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the least and greatest value; zero is always inside, for padding and ReLU."""
    low = tf.minimum(tf.reduce_min(values), 0.0)
    high = tf.maximum(tf.maximum(tf.reduce_max(values), 0.0), low + _NARROWEST_RANGE)
    return low, high
