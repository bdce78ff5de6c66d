"""Weights, biases and output scales, which the convolutions and FULLY_CONNECTED share."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from firmware_export.ir import Array, Node
from firmware_export.numerics import INT32_MAX, activation_range, quantize_multipliers
from firmware_export.ops.definition import Struct
from firmware_export.ops.limits import activation_name

NARROW_ACCUMULATOR = 2**30
LARGEST_NARROW_SHIFT = 22
"""A sum below 2^30 and an int8 zero point, shifted left by this, fit into int32 together."""
ROW_TYPES = {"channels": "tkd_channel"}


def int8_weights(node: Node) -> str | None:
    """Weights must be constant and int8.

    Quantize the model to full integers; weights must not be computed at run time.
    """
    weights = node.input(1)
    if weights.data is None:
        return f"the activation '{weights.name}'"
    return None if weights.dtype == "int8" else weights.dtype


def symmetric_weights(node: Node) -> str | None:
    """Weights must have finite scales, not negative, and zero point 0.

    Quantize the weights symmetrically, as the TFLite int8 specification says.
    """
    found = node.input(1).quantization
    if found is None:
        return "no scale"
    if any(not math.isfinite(scale) or scale < 0 for scale in found.scales):
        return f"scales {min(found.scales)} to {max(found.scales)}"
    return f"zero points {set(found.zero_points)}" if any(found.zero_points) else None


def channel_scales(node: Node) -> str | None:
    """Weights must have one scale, or one for each output channel.

    Quantize the weights per tensor or per output channel.
    """
    found = node.input(1).quantization
    if found is None or len(found.scales) == 1 or found.axis == _channel_axis(node):
        return None
    return f"{len(found.scales)} on axis {found.axis}"


def int32_bias(node: Node) -> str | None:
    """The bias must be constant, int32, with one value for each output channel.

    Quantize the model to full integers.
    """
    bias = node.optional_input(2)
    if bias is None:
        return None
    if bias.data is None or bias.dtype != "int32":
        return f"{bias.dtype} in '{bias.name}'"
    channels = node.output.shape[-1]
    return None if bias.elements == channels else f"{bias.elements} values for {channels} channels"


def bounded_scale(node: Node) -> str | None:
    """Input scale times weight scale over output scale must be below 2^30.

    Look for a layer with a constant output, and calibrate its range.
    """
    largest = max(_real_scales(node))
    return None if largest < 2**30 else f"{largest:.3g}"


def bounded_accumulator(node: Node) -> str | None:
    """No sum, nor its left-shifted value, may leave the int32 range for any input.

    Check the bias and the scales of the layer: they are far from what training gives.
    """
    shifts = quantize_multipliers(_real_scales(node))[1]
    left = max(0, *shifts)
    largest = largest_accumulator(node) << left
    return None if largest <= INT32_MAX else f"2^{math.log2(largest):.1f}"


VALUE_LIMITS = (int32_bias, bounded_scale, bounded_accumulator)
"""Limits of the numbers of a layer; they rely on its shapes."""


def filters(node: Node) -> npt.NDArray[np.int8]:
    """The weights with the output channel first: int8 [channels, weights of a channel]."""
    values = np.moveaxis(node.input(1).values.astype(np.int8), _channel_axis(node), 0)
    return np.ascontiguousarray(values.reshape(node.output.shape[-1], -1))


def _channel_axis(node: Node) -> int:
    """Axis of the weights along which the output channels lie."""
    return 3 if node.op == "DEPTHWISE_CONV_2D" else 0


def bias(node: Node) -> npt.NDArray[np.int64]:
    """The bias, zero where the file has none: int64 [channels]."""
    tensor = node.optional_input(2)
    if tensor is None:
        return np.zeros(node.output.shape[-1], np.int64)
    return tensor.values.astype(np.int64).reshape(-1)


def largest_accumulator(node: Node) -> int:
    """A bound on the magnitude of every partial sum, in any order of summation.

    ``sum (x - zero_point) * w + bias`` is computed as ``sum x * w + (bias - zero_point * sum w)``;
    both ``x`` and ``zero_point`` have magnitudes of at most 128.
    """
    weight_sums = np.abs(filters(node).astype(np.int64)).sum(axis=1)
    return int((np.abs(bias(node)) + 256 * weight_sums).max())


def folded_bias(node: Node) -> npt.NDArray[np.int32]:
    """The bias minus what the zero point of the input adds to every sum: int32 [channels]."""
    folded = bias(node) - node.input(0).zero_point * filters(node).astype(np.int64).sum(axis=1)
    return np.asarray(folded, np.int32)


def channel_multipliers(node: Node) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Multiplier and shift of each output channel, as `quantize_multiplier` gives them.

    Returns:
        int64 [channels] twice.
    """
    multipliers, shifts = quantize_multipliers(_real_scales(node))
    channels = (node.output.shape[-1],)
    return (
        np.broadcast_to(np.array(multipliers, np.int64), channels),
        np.broadcast_to(np.array(shifts, np.int64), channels),
    )


def output_stage(node: Node) -> tuple[Struct, dict[str, Array]]:
    """The C parameter block ``tkd_output_stage`` of a layer, and the array that it points to.

    The array has a row for each output channel: bias, multiplier and right shift.
    """
    channels = np.empty((node.output.shape[-1], 3), np.int32)
    multipliers, shifts = quantize_multipliers(_real_scales(node))
    channels[:, 0] = folded_bias(node)
    channels[:, 1] = multipliers
    channels[:, 2] = np.negative(shifts)
    low, high = activation_range(activation_name(node), node.output.scale, node.output.zero_point)
    narrow = (
        largest_accumulator(node) < NARROW_ACCUMULATOR
        and channels[:, 2].min() >= 1
        and channels[:, 2].max() <= LARGEST_NARROW_SHIFT
    )
    struct = Struct(
        "tkd_output_stage",
        "stage",
        {
            "channels": "channels",
            "zero_point": node.output.zero_point,
            "activation_min": low,
            "activation_max": high,
            "narrow": int(narrow),
        },
    )
    return struct, {"channels": channels}


def _real_scales(node: Node) -> list[float]:
    """Input scale times weight scale over output scale: one for all channels, or one for each.

    Products of the float32 scales as doubles. Older sources of TFLite round the product to float32
    for FULLY_CONNECTED with one weight scale (``GetQuantizedConvolutionMultipler``); the TFLM
    interpreter that is our oracle does not.

    Source: ``PopulateConvolutionQuantizationParams``, tensorflow/lite/kernels/kernel_util.cc.
    """
    weights = node.input(1).quantization
    scales = weights.scales if weights else ()
    return [node.input(0).scale * scale / node.output.scale for scale in scales]
