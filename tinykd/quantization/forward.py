"""Batch-norm folded into the layers after it: ``W (g x + b) = (W g) x + W b``.

It waits while the tensor passes through pooling, Flatten and the like, and goes into the next
convolution or Dense layer. Padding stands in the way of an offset: the layer pads with zero, which
is not what zero has become.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tf_keras
from numpy.typing import NDArray

from tinykd.errors import QuantizationError

_layers = tf_keras.layers

_MAXIMA = (_layers.MaxPooling2D, _layers.GlobalMaxPooling2D)
_PASSED = (
    _layers.AveragePooling2D,
    _layers.GlobalAveragePooling2D,
    _layers.UpSampling2D,
    _layers.Dropout,
)
_VIEWS = (_layers.Flatten, _layers.Reshape)


@dataclass(frozen=True)
class Affine:
    """``gain * x + offset``, still to be folded.

    Attributes:
        name: Of the layer that it comes from.
        gain: float64 [channels].
        offset: float64 [channels].
    """

    name: str
    gain: NDArray[np.float64]
    offset: NDArray[np.float64]

    def refuse(self, why: str) -> QuantizationError:
        """What to raise where it cannot be folded."""
        return QuantizationError(
            f"'{self.name}' scales and shifts its input and cannot be folded: {why}. Let it "
            "directly follow a Conv2D, DepthwiseConv2D or Dense layer that has no activation and "
            "feeds nothing else: order them Conv2D, BatchNormalization, ReLU. Or prepare the data "
            "before the student."
        )


def as_affine(batch_norm: Any, before: Affine | None = None) -> Affine:
    """What a BatchNormalization does after training, on top of what has not been folded yet."""
    mean = np.asarray(batch_norm.moving_mean, np.float64)
    variance = np.asarray(batch_norm.moving_variance, np.float64)
    gamma = np.asarray(batch_norm.gamma, np.float64) if batch_norm.scale else 1.0
    beta = np.asarray(batch_norm.beta, np.float64) if batch_norm.center else 0.0
    gain = gamma / np.sqrt(variance + batch_norm.epsilon)
    offset = beta - mean * gain
    if before is not None:
        gain, offset = gain * before.gain, gain * before.offset + offset
    return Affine(batch_norm.name, gain, offset)


def carry(before: list[Affine | None], layer: Any) -> Affine | None:
    """What is still to be folded behind a layer.

    Args:
        before: What is to be folded into each of its inputs.
        layer: Of the student.

    Raises:
        QuantizationError: The layer is neither linear nor one that an affine function passes.
    """
    waiting = next((affine for affine in before if affine is not None), None)
    if waiting is None or isinstance(layer, _PASSED):
        return waiting
    if isinstance(layer, _MAXIMA) and (waiting.gain > 0).all():
        return waiting
    if isinstance(layer, _VIEWS):
        return _view(waiting, layer)
    raise waiting.refuse(f"'{layer.name}' ({type(layer).__name__}) reads it")


def _view(affine: Affine, layer: Any) -> Affine:
    """Repeat the channels for every position of a flattened image."""
    values, channels = np.prod(layer.output_shape[1:]), layer.output_shape[-1]
    gain, offset = (
        np.tile(part, int(values) // len(part))[:channels] for part in (affine.gain, affine.offset)
    )
    is_uniform = np.ptp(affine.gain) == 0 and np.ptp(affine.offset) == 0
    if not is_uniform and values != channels and channels != len(affine.gain):
        raise affine.refuse(f"'{layer.name}' ({type(layer).__name__}) mixes channels")
    return replace(affine, gain=gain, offset=offset)


def refuse_left_over(affines: list[Affine | None]) -> None:
    """Refuse what no layer has taken up to the end.

    Raises:
        QuantizationError: Names the layer.
    """
    for affine in affines:
        if affine is not None:
            raise affine.refuse("it is the output")


def fold_forward(affine: Affine, layer: Any) -> list[NDArray[np.float32]]:
    """Kernel and bias of a layer that reads ``x`` in place of ``gain * x + offset``.

    Args:
        affine: What its input is more than ``x``.
        layer: Conv2D, Conv2DTranspose, DepthwiseConv2D or Dense.

    Raises:
        QuantizationError: There is an offset, and it pads its input with zeros or spreads it.
    """
    kernel, *rest = [np.asarray(value, np.float64) for value in layer.get_weights()]
    if affine.offset.any() and type(layer) is _layers.Conv2DTranspose:
        raise affine.refuse(f"'{layer.name}' spreads it, more often inside than at the border")
    if affine.offset.any() and _pads(layer):
        raise affine.refuse(f"'{layer.name}' pads it with zeros, use padding='valid' there")
    gain, offset = _by_input(affine.gain, layer, kernel), _by_input(affine.offset, layer, kernel)
    if type(layer) is _layers.DepthwiseConv2D:
        shift = (kernel * offset).sum(axis=(0, 1)).ravel()
    elif type(layer) is _layers.Conv2DTranspose:
        shift = np.zeros(layer.filters)
    else:
        shift = (kernel * offset).sum(axis=tuple(range(kernel.ndim - 1)))
    bias = shift + (rest[0] if rest else 0.0)
    return [(kernel * gain).astype(np.float32), bias.astype(np.float32)]


def _by_input(values: NDArray[np.float64], layer: Any, kernel: NDArray[Any]) -> NDArray[np.float64]:
    """One value for each input channel, in a shape that multiplies the kernel."""
    if type(layer) is _layers.Conv2DTranspose:
        return values  # [height, width, out, in]
    if type(layer) is not _layers.Conv2D:
        return values[:, None]  # [in, out], or [height, width, in, multiplier]
    groups, outputs = layer.groups, kernel.shape[-1]
    by_group = values.reshape(groups, 1, -1)
    return np.repeat(by_group, outputs // groups, axis=1).reshape(outputs, -1).T


def _pads(layer: Any) -> bool:
    if type(layer) is _layers.Dense or layer.padding == "valid":
        return False
    return tuple(layer.kernel_size) != (1, 1)
