"""FULLY_CONNECTED: rows of the input times the transposed weights.

The sum of ``(x - zero_point) * w`` over a row, plus the bias, is exact in int32 and requantized by
``input scale * weight scale / output scale``; the zero point is added and the activation clamps.
With one weight scale TFLM multiplies the two scales in float32 before it divides in double.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from firmware_export.ir import Node, Shape
from firmware_export.ops import weights
from firmware_export.ops.definition import KernelCall, OpDef, Struct
from firmware_export.ops.limits import INT8_TENSORS, known_activation

LANES = 4
"""Channels, and inputs, that the kernel takes at once."""
BIAS_TOLERANCE = 0.02
"""Of TFLM: ``GetQuantizedConvolutionMultipler``, tensorflow/lite/kernels/kernel_util.cc."""


def weight_matrix(node: Node) -> str | None:
    """Weights must have the shape [output features, input features].

    Convert the model again.
    """
    shape = node.input(1).shape
    return None if len(shape) == 2 and min(shape) >= 1 else str(list(shape))


def plain_weights_format(node: Node) -> str | None:
    """Weights must be stored row by row (format DEFAULT).

    Convert the model without shuffled weights.
    """
    code = node.option("weights_format")
    return None if code == 0 else f"code {code}"


def whole_rows(node: Node) -> str | None:
    """The input must consist of whole rows of input features.

    Convert the model with fixed shapes.
    """
    features = node.input(1).shape[1]
    found = node.input(0).elements
    return None if found % features == 0 else f"{found} values for rows of {features}"


def rows_are_the_last_dimension(node: Node) -> str | None:
    """Where the output keeps the dimensions of the input, the last must be the input features.

    Convert the model without keep_num_dims, or with a RESHAPE before the layer.
    """
    shape, features = node.input(0).shape, node.input(1).shape[1]
    if not node.option("keep_num_dims") or shape[-1:] == (features,):
        return None
    return f"{list(shape)} for rows of {features}"


def bias_on_the_sums_scale(node: Node) -> str | None:
    """A bias must have the scale of the sums, input scale times weight scale.

    Convert the model again. (TFLM allows a difference of 0.02 output scales.)
    """
    bias, weight_scales = node.optional_input(2), node.input(1).quantization
    if bias is None or bias.quantization is None or weight_scales is None:
        return None
    if len(bias.quantization.scales) != 1 or len(weight_scales.scales) != 1:
        return None
    expected = node.input(0).scale * weight_scales.scales[0]
    difference = abs(expected - bias.scale) / node.output.scale
    return None if difference <= BIAS_TOLERANCE else f"{bias.scale:.3g} for {expected:.3g}"


def _rows(node: Node) -> int:
    return node.input(0).elements // node.input(1).shape[1]


def _output_shape(node: Node) -> Shape:
    features = node.input(1).shape[0]
    if node.option("keep_num_dims"):
        return (*node.input(0).shape[:-1], features)
    return (_rows(node), features)


def _macs(node: Node) -> int:
    return _rows(node) * node.input(1).elements


def emit(node: Node) -> KernelCall:
    """The C call of a node."""
    stage, constants = weights.output_stage(node)
    out_features, in_features = node.input(1).shape
    shape = Struct(
        "tkd_fully_connected_shape",
        "shape",
        {"rows": _rows(node), "in_features": in_features, "out_features": out_features},
    )
    return KernelCall(
        kernel="tkd_fully_connected_s8",
        structs=(shape, stage),
        arguments=("weights", "input_0", "output"),
        constants={"weights": lay_out_weights(weights.filters(node)), **constants},
        row_types=weights.ROW_TYPES,
    )


def lay_out_weights(filters: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """The order in which the kernel reads weights: ``tkd_dot_1x4``, then ``tkd_dot_1x1``.

    Args:
        filters: int8 [output features, input features].

    Returns:
        int8, as many values. Of each four channels, for each four inputs: of inputs 0 and 2, then
        of 1 and 3, the two channels of each pair in turn; then the inputs that are left, four
        channels at a time. Channels that are left follow as they are.

    Example:
        >>> lay_out_weights(np.arange(16, dtype=np.int8).reshape(4, 4)).tolist()
        [0, 4, 2, 6, 8, 12, 10, 14, 1, 5, 3, 7, 9, 13, 11, 15]
        >>> lay_out_weights(np.arange(10, dtype=np.int8).reshape(5, 2)).tolist()
        [0, 2, 4, 6, 1, 3, 5, 7, 8, 9]
    """
    channels, length = filters.shape
    whole = length - length % LANES
    fours = filters[: channels - channels % LANES].reshape(channels // LANES, LANES, length)
    # [fours of channels, pair, of the pair, fours of inputs, lane, half]
    split = fours[:, :, :whole].reshape(len(fours), 2, 2, whole // LANES, 2, 2)
    words = split.transpose(0, 3, 5, 1, 4, 2).reshape(len(fours), LANES * whole)
    rest = fours[:, :, whole:].transpose(0, 2, 1).reshape(len(fours), LANES * (length - whole))
    laid_out = np.concatenate([words, rest], axis=1).reshape(-1)
    return np.concatenate([laid_out, filters[channels - channels % LANES :].reshape(-1)])


FULLY_CONNECTED = OpDef(
    name="FULLY_CONNECTED",
    max_version=12,
    operands=range(2, 4),
    constraints=(
        *INT8_TENSORS,
        weights.int8_weights,
        weight_matrix,
        plain_weights_format,
        whole_rows,
        rows_are_the_last_dimension,
        known_activation,
        weights.symmetric_weights,
        weights.channel_scales,
    ),
    output_shape=_output_shape,
    macs=_macs,
    emit=emit,
    numeric_constraints=(*weights.VALUE_LIMITS, bias_on_the_sums_scale),
)
