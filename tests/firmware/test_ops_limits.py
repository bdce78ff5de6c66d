"""Every limit of every operator refuses what it says, before anything is written."""

from dataclasses import replace

import numpy as np
import pytest

from firmware_export import ModelError, UnsupportedOpError, compile_tflite
from firmware_export.ir import Graph, Node, Quantization, Tensor
from firmware_export.ops import (
    OPS,
    add,
    arg_max,
    broadcasting,
    check_supported,
    conv_2d,
    depthwise_conv_2d,
    fully_connected,
    hard_swish,
    leaky_relu,
    limits,
    log_softmax,
    maximum,
    mul,
    pool_2d,
    prelu,
    quantize,
    relu,
    reshape,
    sigmoids,
    softmax,
    weights,
    windows,
)
from firmware_export.tflite_writer import write_tflite
from tests.firmware.fixtures import lstm, movement_refused, transposed
from tests.firmware.fixtures import single_ops as ops
from tests.firmware.fixtures.elementwise_ops import PER_CHANNEL, SAME_SCALE, pair, unary
from tests.firmware.fixtures.elementwise_ops import arg_max as arg_max_node

CONV = ops.conv_2d("x", 0)
DEPTHWISE = ops.depthwise_conv_2d("x", 0)
DENSE = ops.fully_connected("x", 0)
POOL = ops.pool_2d("MAX_POOL_2D", "x")
MEAN = ops.mean("x")
ADD = ops.add("x")
SOFTMAX = ops.softmax("x")
RELU = ops.relu("x")
RESHAPE = ops.reshape("x", shape=(1, 4), new_shape=(2, 2))
SUB = pair("SUB", "x")
MUL = pair("MUL", "x")
MAXIMUM = pair("MAXIMUM", "x", **SAME_SCALE)
PRELU = pair("PRELU", "x", **PER_CHANNEL)
LEAKY_RELU = unary("LEAKY_RELU", "x", alpha=0.1)
HARD_SWISH = unary("HARD_SWISH", "x")
LOGISTIC = unary("LOGISTIC", "x", scales=(0.05, 1 / 256), zero_points=(0, -128))
TANH = unary("TANH", "x", scales=(0.05, 1 / 128), zero_points=(0, 0))
ELU = unary("ELU", "x")
LOG_SOFTMAX = unary("LOG_SOFTMAX", "x", scales=(0.1, 1 / 16), zero_points=(0, 127))
QUANTIZE = unary("QUANTIZE", "x")
DEQUANTIZE = unary("DEQUANTIZE", "x", dtypes=("int8", "float32"))
ARG_MAX = arg_max_node("x", (1, 10), 1)
ELEMENTWISE = [
    ARG_MAX,
    DEQUANTIZE,
    QUANTIZE,
    LOG_SOFTMAX,
    SUB,
    MUL,
    MAXIMUM,
    PRELU,
    LEAKY_RELU,
    HARD_SWISH,
    LOGISTIC,
    TANH,
    ELU,
]
COMPUTING = [
    *(CONV, DEPTHWISE, DENSE, POOL, MEAN, ADD, SOFTMAX, RELU),
    transposed.SOUND,
    lstm.SOUND,
    *ELEMENTWISE,
]


def with_input(node: Node, index: int, **changes: object) -> Node:
    inputs = list(node.inputs)
    inputs[index] = replace(inputs[index], **changes)
    return replace(node, inputs=tuple(inputs))


def with_output(node: Node, **changes: object) -> Node:
    return replace(node, outputs=(replace(node.output, **changes), *node.outputs[1:]))


def with_option(node: Node, **changes: object) -> Node:
    return replace(node, options={**node.options, **changes})


def scaled(scale: float, zero_point: int = 0) -> Quantization:
    return Quantization((scale,), (zero_point,), 0)


def per_channel(count: int, axis: int) -> Quantization:
    return Quantization((0.1,) * count, (0,) * count, axis)


def int8(*shape: int) -> np.ndarray:
    return np.ones(shape, np.int8)


def huge_bias(node: Node) -> Node:
    channels = node.output.shape[-1]
    return with_input(node, 2, data=np.full(channels, 2**31 - 1, np.int32))


REFUSED = [
    (limits.int8_activations, with_input(CONV, 0, dtype="int16"), "int16 in 'x_in'"),
    (limits.int8_activations, with_output(ADD, dtype="float32"), "float32 in 'x_out'"),
    (limits.computed_input, with_input(RELU, 0, data=int8(1, 50)), "the constant 'x_in'"),
    (limits.quantized_activations, with_input(RELU, 0, quantization=None), "no scale in 'x_in'"),
    (limits.quantized_activations, with_output(RELU, quantization=scaled(0.0)), "scale 0.0"),
    (limits.quantized_activations, with_output(RELU, quantization=scaled(-1.0)), "scale -1.0"),
    (limits.quantized_activations, with_output(RELU, quantization=scaled(float("nan"))), "nan"),
    (limits.quantized_activations, with_output(RELU, quantization=scaled(float("inf"))), "inf"),
    (limits.quantized_activations, with_output(RELU, quantization=scaled(1e-31)), "1e-31"),
    (limits.quantized_activations, with_output(RELU, quantization=scaled(1.0, 128)), "point 128"),
    (limits.quantized_activations, with_output(RELU, quantization=per_channel(2, 0)), "2 scales"),
    (limits.nonempty, with_input(RELU, 0, shape=(0, 50)), "[0, 50] in 'x_in'"),
    (limits.known_activation, with_option(CONV, fused_activation_function=4), "TANH"),
    (limits.known_activation, with_option(DENSE, fused_activation_function=99), "code 99"),
    (limits.same_quantization, with_output(POOL, quantization=scaled(0.04, -7)), "0.04"),
    (limits.same_quantization, with_output(RESHAPE, quantization=scaled(0.05, 1)), ", 1)"),
    (limits.image, with_input(CONV, 0, shape=(6, 7, 3)), "[6, 7, 3]"),
    (windows.sensible_strides, with_option(CONV, stride_h=0), "(0, 1)"),
    (windows.sensible_strides, with_option(POOL, stride_w=-1), "(2, -1)"),
    (windows.sensible_strides, with_option(POOL, stride_w=40_000), "(2, 40000)"),
    (windows.known_padding, with_option(CONV, padding=2), "code 2"),
    (weights.int8_weights, with_input(CONV, 1, dtype="int16"), "int16"),
    (weights.int8_weights, with_input(DENSE, 1, data=None), "the activation 'x_w'"),
    (weights.symmetric_weights, with_input(CONV, 1, quantization=None), "no scale"),
    (weights.symmetric_weights, with_input(CONV, 1, quantization=scaled(0.1, 3)), "{3}"),
    (weights.symmetric_weights, with_input(CONV, 1, quantization=scaled(-0.1)), "-0.1"),
    (weights.symmetric_weights, with_input(CONV, 1, quantization=scaled(float("nan"))), "nan"),
    (weights.int32_bias, with_input(CONV, 2, dtype="int16"), "int16 in 'x_b'"),
    (weights.int32_bias, with_input(CONV, 2, data=None), "int32 in 'x_b'"),
    (weights.int32_bias, with_input(CONV, 2, shape=(4,)), "4 values for 5 channels"),
    (weights.bounded_scale, with_input(CONV, 1, quantization=scaled(2.0**40)), "e+1"),
    (weights.bounded_accumulator, huge_bias(CONV), "2^31"),
    (weights.bounded_accumulator, with_output(CONV, quantization=scaled(1e-9)), "2^"),
    (conv_2d.four_dimensional_weights, with_input(CONV, 1, shape=(5, 27)), "[5, 27]"),
    (conv_2d.whole_groups, with_input(CONV, 1, shape=(5, 3, 3, 2)), "2 of 3 input and 5 output"),
    (conv_2d.whole_groups, with_input(CONV, 1, shape=(5, 3, 3, 1)), "1 of 3 input and 5 output"),
    (conv_2d.whole_groups, with_input(CONV, 1, shape=(5, 3, 3, 4)), "4 of 3 input and 5 output"),
    (windows.sensible_dilation, with_option(CONV, dilation_h_factor=0), "(0, 1)"),
    (windows.sensible_dilation, with_option(DEPTHWISE, dilation_w_factor=-1), "(1, -1)"),
    (windows.sensible_dilation, with_option(CONV, dilation_w_factor=2**14), "(1, 16384)"),
    (
        windows.kernel_within_image,
        with_option(CONV, dilation_h_factor=3, padding=1),
        "(7, 3) on (6, 7)",
    ),
    (weights.channel_scales, with_input(CONV, 1, quantization=per_channel(3, 3)), "3 on axis 3"),
    (windows.kernel_within_image, with_option(ops.conv_2d("x", 0, kernel=(7, 7)), padding=1), "7"),
    (depthwise_conv_2d.depthwise_weights, with_input(DEPTHWISE, 1, shape=(1, 3, 3, 4)), "4]"),
    (
        weights.channel_scales,
        with_input(DEPTHWISE, 1, quantization=per_channel(3, 1)),
        "3 on axis 1",
    ),
    (
        windows.kernel_within_image,
        with_option(ops.depthwise_conv_2d("x", 0, kernel=(7, 7)), padding=1),
        "(7, 7) on (6, 7)",
    ),
    (fully_connected.weight_matrix, with_input(DENSE, 1, shape=(5, 4, 4)), "[5, 4, 4]"),
    (fully_connected.plain_weights_format, with_option(DENSE, weights_format=1), "code 1"),
    (fully_connected.whole_rows, with_input(DENSE, 0, shape=(1, 17)), "17 values for rows of 16"),
    (
        fully_connected.rows_are_the_last_dimension,
        with_option(with_input(DENSE, 0, shape=(1, 2, 8)), keep_num_dims=True),
        "[1, 2, 8] for rows of 16",
    ),
    (
        weights.channel_scales,
        with_input(DENSE, 1, quantization=per_channel(16, 1)),
        "16 on axis 1",
    ),
    (
        fully_connected.bias_on_the_sums_scale,
        with_input(DENSE, 2, quantization=scaled(0.9)),
        "0.9 for",
    ),
    (pool_2d.sensible_filter, with_option(POOL, filter_height=0), "(0, 2)"),
    (pool_2d.sensible_filter, with_option(POOL, filter_width=2**30), str(2**30)),
    (pool_2d.filter_within_image, with_option(POOL, filter_height=7), "(7, 2) on (6, 7)"),
    (broadcasting.second_operand, with_input(ADD, 1, dtype="uint8"), "uint8"),
    (broadcasting.second_operand, with_input(ADD, 1, quantization=None), "no scale in 'x_1'"),
    (
        broadcasting.one_computed,
        with_input(with_input(ADD, 0, data=int8(1, 4, 5, 3)), 1, data=int8(1, 4, 5, 3)),
        "two constants",
    ),
    (broadcasting.at_most_four_dimensions, with_input(ADD, 0, shape=(1, 1, 4, 5, 3)), "5"),
    (
        broadcasting.broadcastable,
        with_input(ADD, 1, shape=(1, 4, 4, 3)),
        "[1, 4, 5, 3] and [1, 4, 4, 3]",
    ),
    (add.sum_not_amplified, with_output(ADD, quantization=scaled(1e-9)), "e+0"),
    (arg_max.int8_to_index, with_output(ARG_MAX, dtype="int64"), "int8 and int64"),
    (arg_max.constant_axis, with_input(ARG_MAX, 1, data=None), "1 values of int32 in 'x_axis'"),
    (arg_max.constant_axis, arg_max_node("x", (1, 10), 2, output=(1,)), "2 of 2"),
    (mul.product_not_amplified, with_output(MUL, quantization=scaled(1e-9)), "e+06"),
    (
        maximum.one_quantization,
        with_output(MAXIMUM, quantization=scaled(0.05, -7)),
        "-7), (0.05000000074505806, -7), (0.05, -7)",
    ),
    (prelu.constant_alpha, with_input(PRELU, 1, data=None), "the activation 'x_1'"),
    (
        prelu.alpha_within_input,
        with_input(PRELU, 1, shape=(2, 4, 5, 3)),
        "[2, 4, 5, 3] for [1, 4, 5, 3]",
    ),
    (prelu.bounded_slope, with_input(PRELU, 1, quantization=scaled(1e6)), "e+0"),
    (leaky_relu.ordinary_slope, with_option(LEAKY_RELU, alpha=-0.5), "-0.5"),
    (leaky_relu.ordinary_slope, with_option(LEAKY_RELU, alpha=float("nan")), "nan"),
    (leaky_relu.ordinary_slope, with_option(LEAKY_RELU, alpha=1e9), "1e+09"),
    (hard_swish.usual_scales, unary("HARD_SWISH", "x", scales=(6.5, 0.1)), "6.5 and 0.1"),
    (hard_swish.usual_scales, unary("HARD_SWISH", "x", scales=(0.001, 1.0)), "0.001 and 1"),
    (hard_swish.usual_scales, unary("HARD_SWISH", "x", scales=(1e-7, 1e-7)), "1e-07"),
    (sigmoids.probability_output, with_output(LOGISTIC, quantization=scaled(0.1)), "(0.1, 0)"),
    (sigmoids.symmetric_output, with_output(TANH, quantization=scaled(1 / 256, -128)), "-128)"),
    (sigmoids.usual_input_scale, with_input(TANH, 0, quantization=scaled(8.1)), "8.1"),
    (sigmoids.usual_input_scale, with_input(LOGISTIC, 0, quantization=scaled(1e-9)), "1e-09"),
    (log_softmax.log_output, with_output(LOG_SOFTMAX, quantization=scaled(0.1)), "(0.1, 0)"),
    (
        log_softmax.short_rows,
        unary("LOG_SOFTMAX", "x", shape=(1, 4096), scales=(0.1, 1 / 16), zero_points=(0, 127)),
        "4096",
    ),
    (log_softmax.sensible_scale, with_input(LOG_SOFTMAX, 0, quantization=scaled(1e-9)), "1e-09"),
    (quantize.known_types, with_input(QUANTIZE, 0, dtype="int32"), "int32 to int8"),
    (quantize.known_types, with_output(QUANTIZE, dtype="int32"), "int8 to int32"),
    (quantize.int8_to_real, with_input(DEQUANTIZE, 0, dtype="int16"), "int16 to float32"),
    (quantize.scaled_integers, with_input(DEQUANTIZE, 0, quantization=None), "no scale"),
    (
        quantize.scaled_integers,
        with_input(QUANTIZE, 0, dtype="uint8", quantization=scaled(0.1, -1)),
        "zero point -1",
    ),
    (quantize.bounded_ratio, with_output(QUANTIZE, quantization=scaled(1e-9)), "5e+07"),
    (softmax.probability_output, with_output(SOFTMAX, quantization=scaled(1 / 128, -128)), "8125"),
    (softmax.short_rows, ops.softmax("x", shape=(1, 512)), "512"),
    (softmax.sensible_scale, ops.softmax("x", scale=1e-9), "1e-09"),
    (softmax.sensible_scale, with_option(SOFTMAX, beta=float("inf")), "inf"),
    (softmax.sensible_scale, with_option(SOFTMAX, beta=float("nan")), "nan"),
    (relu.bounded_scale, with_output(RELU, quantization=scaled(1e-9)), "5e+07"),
    (reshape.same_size, with_output(RESHAPE, shape=(1, 5)), "[1, 4] and [1, 5]"),
    *movement_refused.REFUSED,
    *transposed.REFUSED,
    *lstm.REFUSED,
]


@pytest.mark.parametrize(("limit", "node", "found"), REFUSED)
def test_a_broken_limit_is_named(limit, node, found):
    """The message is the limit's docstring, with what was found after its first sentence."""
    with pytest.raises(UnsupportedOpError) as caught:
        OPS[node.op].check(node)
    rule, _, remedy = limit.__doc__.partition("\n")
    message = str(caught.value)
    assert message.startswith(f"{node.op} at 'x_out': {rule} Got ")
    assert found in message
    assert message.endswith(" ".join(remedy.split()))


def test_every_limit_has_a_refused_case():
    used = {limit for op in OPS.values() for limit in (*op.constraints, *op.numeric_constraints)}
    assert used == {limit for limit, _, _ in REFUSED}


@pytest.mark.parametrize("node", [*COMPUTING, RESHAPE, *movement_refused.SOUND])
def test_the_cases_are_accepted_before_they_are_spoiled(node):
    OPS[node.op].check(node)


@pytest.mark.parametrize(
    "node",
    [*COMPUTING, *(node for node in movement_refused.SOUND if OPS[node.op].emit is not None)],
)
def test_a_wrong_output_shape_is_refused(node):
    shape = (*node.output.shape[:-1], node.output.shape[-1] + 1)
    with pytest.raises(UnsupportedOpError, match="The output shape must be"):
        OPS[node.op].check(with_output(node, shape=shape))


@pytest.mark.parametrize("op", OPS)
def test_an_unknown_version_is_refused(op):
    node = replace(CONV, op=op, version=OPS[op].max_version + 1)
    with pytest.raises(UnsupportedOpError, match=f"Versions up to {OPS[op].max_version}"):
        OPS[op].check(node)


@pytest.mark.parametrize("op", OPS)
def test_a_wrong_number_of_operands_is_refused(op):
    node = replace(CONV, op=op, inputs=CONV.inputs * 100)
    with pytest.raises(UnsupportedOpError, match=r"It must have .* Got 300 and 1"):
        OPS[op].check(node)


def test_a_missing_option_is_named():
    with pytest.raises(ModelError, match="CONV_2D at 'x_out': option 'stride_h' is missing"):
        OPS["CONV_2D"].check(replace(CONV, options={"padding": 0, "fused_activation_function": 0}))


def test_a_missing_weight_operand_is_named():
    node = replace(CONV, inputs=(CONV.inputs[0], None))
    with pytest.raises(ModelError, match="CONV_2D at 'x_out': input 1 is missing"):
        OPS["CONV_2D"].check(node)


def test_an_unknown_operator_is_named_before_any_limit():
    """The user should hear of the operator that cannot be had, not of a detail before it."""
    strange = replace(ops.relu("strange"), op="COS")
    graph = ops.model_of(with_option(CONV, stride_h=0), strange)
    with pytest.raises(UnsupportedOpError, match="COS at 'strange_out': The operator is not"):
        check_supported(graph)


def test_a_custom_operator_is_named():
    graph = ops.model_of(replace(RELU, op="CUSTOM"))
    with pytest.raises(UnsupportedOpError, match="CUSTOM '' at 'x_out': The operator is not supp"):
        compile_tflite(write_tflite(graph))


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (Tensor("p", (1, 4), "int64"), "must be int8, .* Got int64 in 'p'"),
        (Tensor("p", (1, 4), "int8"), "must have a scale .* Got no scale in 'p'"),
        (Tensor("p", (1, 0), "int8", scaled(1.0)), r"Got shape \[1, 0\]"),
    ],
)
def test_a_port_that_c_cannot_offer_is_refused(tensor, message):
    node = RELU
    graph = Graph((node,), (*node.activations, tensor), (node.output,))
    with pytest.raises(ModelError, match=message):
        compile_tflite(write_tflite(graph))
