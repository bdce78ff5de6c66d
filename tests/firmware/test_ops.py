"""Every operator over a table of cases: generated C on this computer == TFLM, byte for byte.

The cases of one operator are side by side in one model, so that one build runs them all.
`test_every_core` runs the same cases on the emulated cores.
"""

from dataclasses import replace

import numpy as np
import pytest

from firmware_export import compile_tflite
from firmware_export.ir import Graph, Node, Quantization
from firmware_export.measure import emulate, run_on_host
from firmware_export.numerics import quantize_multiplier, requantize
from firmware_export.ops import OPS
from firmware_export.target import find_core
from firmware_export.tflite_writer import write_tflite
from firmware_export.tflm import run_tflm
from tests.firmware.fixtures import lstm, movement_ops, transposed
from tests.firmware.fixtures.elementwise_ops import EDGES, ELEMENTWISE_CASES, RELU6_RESCALED
from tests.firmware.fixtures.litert import run_litert_reference
from tests.firmware.fixtures.single_ops import (
    add,
    conv_2d,
    depthwise_conv_2d,
    fully_connected,
    mean,
    model_of,
    pool_2d,
    relu,
    reshape,
    samples,
    softmax,
    with_real_scale,
)

ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")
EXTREME_ZERO_POINTS = ((-128, -128), (127, 127), (-128, 127), (0, 0))

# No shift, the least shift of either kind, the greatest that leaves something, the greatest that is
# narrow, and one beyond.
REAL_SCALES = (0.7, 0.3, 1.4, 2.0**-16, 0.6 * 2.0**-22, 0.6 * 2.0**-26)

DILATED = [
    *(
        {"image": (1, h, w, c), "kernel": k, "strides": s, "dilation": d, "padding": p}
        for h, w, c, k, s, d in (
            (7, 8, 3, (3, 3), (1, 1), (2, 2)),
            (9, 9, 4, (3, 3), (1, 1), (2, 3)),
            (7, 9, 4, (3, 3), (1, 1), (3, 1)),
            (9, 10, 2, (3, 2), (2, 2), (3, 2)),
            (8, 6, 8, (2, 2), (1, 2), (5, 4)),
            (2, 23, 3, (1, 4), (1, 1), (3, 7)),
        )
        for p in ("SAME", "VALID")
    ),
    {"image": (1, 2, 2, 4), "dilation": (5, 4), "zero_points": (127, -128)},
    {"image": (1, 2, 3, 3), "kernel": (2, 2), "dilation": (5, 5)},  # no tap inside at some pixels
    {"image": (2, 6, 5, 3), "dilation": (2, 2), "zero_points": (-128, 127)},
    {"dilation": (2, 2), "activation_function": "RELU6", "spread": 0.3},
]

CONV_2D = [
    *({"activation_function": a, "spread": 0.3} for a in ACTIVATIONS),
    *({"zero_points": z} for z in EXTREME_ZERO_POINTS),
    *(
        {"image": (1, h, w, 2), "kernel": k, "strides": s, "padding": p}
        for h, w, k, s in (
            (5, 6, (3, 3), (2, 2)),  # SAME at stride 2: more padding below and right
            (6, 5, (3, 3), (2, 2)),
            (7, 8, (2, 4), (3, 1)),
            (9, 4, (5, 2), (2, 3)),
            (4, 4, (4, 4), (1, 1)),
        )
        for p in ("SAME", "VALID")
    ),
    {"kernel": (1, 1), "image": (1, 3, 3, 8), "channels": 4},
    {"kernel": (1, 1), "image": (1, 5, 5, 7), "strides": (2, 2)},
    {"kernel": (7, 7), "image": (1, 3, 3, 2)},  # larger than the image
    {"kernel": (10, 4), "image": (1, 13, 6, 1), "strides": (2, 2), "channels": 6},
    {"image": (1, 1, 1, 1), "kernel": (1, 1), "channels": 1},
    {"image": (1, 1, 9, 4), "kernel": (1, 3), "channels": 3},
    *(
        {"image": (1, h, w, c), "groups": g, "channels": o, **case}
        for h, w, c, g, o, case in (
            (5, 6, 4, 2, 6, {"zero_points": (-128, 127)}),  # an odd number of channels in a group
            (5, 5, 8, 2, 4, {"padding": "VALID", "per_channel": False}),
            (5, 6, 12, 3, 12, {"strides": (2, 2), "activation_function": "RELU"}),
            (5, 5, 6, 6, 6, {"zero_points": (127, -128)}),  # one channel in a group
            (3, 4, 16, 4, 4, {"kernel": (1, 1), "with_bias": False}),
            (6, 7, 8, 2, 6, {"dilation": (2, 3)}),
            (1, 1, 4, 2, 2, {"kernel": (1, 1)}),
        )
    ),
    {"image": (2, 3, 3, 4), "groups": 2, "channels": 6, "spread": 0.01},
    {"image": (2, 4, 5, 3), "channels": 2},
    {"image": (3, 3, 3, 2), "channels": 1, "kernel": (3, 3), "padding": "VALID"},
    {"per_channel": False},
    {"with_bias": False},
    {"spread": 0.01},  # saturates nearly everywhere
    {"spread": 300.0},  # a right shift of 17 and more
    {"spread": 0.0002},  # the scale exceeds 1: a left shift
]

DEPTHWISE_CONV_2D = [
    *({"activation_function": a, "spread": 0.3} for a in ACTIVATIONS),
    *({"zero_points": z} for z in EXTREME_ZERO_POINTS),
    *(
        {"image": (1, h, w, 4), "kernel": k, "strides": s, "padding": p}
        for h, w, k, s in (
            (5, 6, (3, 3), (2, 2)),
            (6, 5, (3, 3), (2, 2)),
            (7, 8, (2, 4), (3, 1)),
            (4, 4, (4, 4), (1, 1)),
        )
        for p in ("SAME", "VALID")
    ),
    {"image": (1, 25, 5, 8)},
    *({"image": (1, h, w, 2)} for h, w in ((6, 6), (1, 6), (6, 1), (2, 2), (3, 9))),
    {"image": (1, 7, 8, 3), "padding": "VALID"},
    *({"image": (1, 9, 8, 2), "kernel": (5, 5), "strides": s} for s in ((1, 1), (2, 2))),
    {"image": (1, 4, 11, 2), "kernel": (2, 6), "padding": "VALID"},
    {"kernel": (7, 7), "image": (1, 3, 3, 2)},
    {"kernel": (1, 1), "image": (1, 4, 4, 5)},
    {"kernel": (5, 1), "image": (1, 9, 1, 3)},
    {"image": (1, 1, 1, 1), "kernel": (1, 1)},
    {"image": (2, 4, 5, 3)},
    {"multiplier": 2},
    {"multiplier": 3, "image": (1, 5, 5, 1), "strides": (2, 2)},
    {"per_channel": False},
    {"with_bias": False},
    {"spread": 0.01},
    {"spread": 300.0},
    {"spread": 0.0002},
]

FULLY_CONNECTED = [
    *({"activation_function": a, "spread": 0.3} for a in ACTIVATIONS),
    *({"zero_points": z} for z in EXTREME_ZERO_POINTS),
    *({"features": n} for n in (1, 2, 3, 4, 6, 7, 8)),
    *({"shape": (1, n)} for n in (1, 2, 3, 5, 64, 301)),
    *({"shape": (2, n), "features": 9} for n in (3, 6, 8)),
    {"per_channel": True, "features": 9},
    {"per_channel": True, "features": 1},
    {"per_channel": True, "with_bias": False},
    {"with_bias": False},
    {"shape": (4, 10)},
    {"shape": (1, 2, 3, 8), "in_features": 48},
    {"shape": (1, 3, 8), "keep_num_dims": True},
    {"shape": (2, 3, 2, 8), "keep_num_dims": True},
    {"shape": (2, 3, 7), "keep_num_dims": True, "per_channel": True, "with_bias": False},
    {"shape": (1, 2, 2, 9), "keep_num_dims": True, "activation_function": "RELU6", "spread": 0.3},
    {"shape": (2, 3, 4), "in_features": 12},  # rows across dimensions
    {"spread": 0.01},
    {"spread": 300.0},
    {"spread": 0.0002},
]

ADD = [
    *({"activation_function": a} for a in ACTIVATIONS),
    {"scales": (0.05, 0.05, 0.05), "zero_points": (0, 0, 0)},
    {"scales": (0.001, 0.9, 0.5)},
    {"scales": (0.9, 0.001, 0.01)},
    {"scales": (0.3, 0.2, 3.0)},
    {"zero_points": (-128, 127, 0)},
    {"zero_points": (127, -128, -128)},
    {"zero_points": (-128, -128, 127)},
    {"shapes": ((1, 4, 5, 3), (1, 1, 1, 3))},
    {"shapes": ((1, 4, 5, 3), (3,))},
    {"shapes": ((1,), (1, 4, 5, 3))},
    {"shapes": ((2, 1, 5, 3), (1, 4, 5, 1))},
    {"shapes": ((1, 1), (1, 1))},
    {"constant_operand": 1},
    {"constant_operand": 0},
    {"constant_operand": 1, "shapes": ((1, 4, 5, 3), (1, 1, 1, 3))},
]

MEAN = [
    {"keep_dims": keep, **case}
    for keep in (False, True)
    for case in (
        {},
        {"scales": (0.05, 0.05), "zero_points": (5, 5)},  # only divides
        {"scales": (0.05, 0.05), "zero_points": (5, -5)},
        {"zero_points": (-128, -128)},
        {"zero_points": (127, -128)},
        {"image": (1, 25, 5, 4)},
        {"image": (1, 8, 8, 3)},
        {"image": (1, 1, 1, 3)},
        {"image": (1, 1, 40, 3)},
        {"image": (2, 3, 3, 2)},
        {"axes": (2, 1)},
        {"axes": (-3, -2)},
        {"scales": (0.9, 0.01)},
        {"scales": (0.01, 0.9)},
    )
]

POOL = [
    *({"activation_function": a} for a in ACTIVATIONS),
    *({"zero_point": z} for z in (-128, 127, 0)),
    *(
        {"image": (1, h, w, 3), "kernel": k, "strides": s, "padding": p}
        for h, w, k, s in (
            (5, 6, (3, 3), (2, 2)),
            (7, 8, (2, 4), (3, 1)),
            (4, 4, (4, 4), (1, 1)),
        )
        for p in ("SAME", "VALID")
    ),
    {"image": (1, 25, 5, 4), "kernel": (25, 5)},
    {"image": (1, 6, 7, 11), "padding": "SAME"},
    {"image": (1, 15, 17, 4), "kernel": (15, 17)},  # the most taps whose sums fit into 16 bits
    {"image": (1, 16, 17, 4), "kernel": (16, 17)},
    {"image": (1, 3, 3, 2), "kernel": (7, 7), "padding": "SAME"},
    {"image": (2, 4, 5, 3)},
    {"image": (1, 1, 1, 1), "kernel": (1, 1)},
]

SOFTMAX = [
    *({"scale": s} for s in (1e-6, 0.001, 0.02, 0.1, 0.5, 1.0, 3.7, 9.0, 20.0, 1e4)),
    *({"shape": s} for s in ((1, 1), (1, 2), (1, 12), (3, 7), (1, 2, 3, 4), (1, 200), (1, 511))),
    {"beta": 0.5},
    {"beta": 2.5, "scale": 0.3},
    {"zero_point": -128},
]

RELU = [
    {},
    {"scales": (0.05, 0.05), "zero_points": (0, 0)},
    {"scales": (0.05, 0.05), "zero_points": (-3, -128)},
    {"scales": (0.9, 0.01), "zero_points": (127, 127)},
    {"scales": (0.01, 0.9), "zero_points": (-128, -128)},
]

RESHAPE = [
    {"shape": (1, 2, 3, 4), "new_shape": (1, 24)},
    {"shape": (1, 6), "new_shape": (1, 6)},
    {"shape": (1, 8), "new_shape": (1, 2, 2, 2)},
]

CASES: dict[str, list[Node]] = {
    "ADD": [add(f"add{i}", **case) for i, case in enumerate(ADD)],
    "AVERAGE_POOL_2D": [pool_2d("AVERAGE_POOL_2D", f"avg{i}", **c) for i, c in enumerate(POOL)],
    "CONV_2D": [
        *(conv_2d(f"conv{i}", i, **case) for i, case in enumerate(CONV_2D)),
        *(conv_2d(f"dilated{i}", i, **case) for i, case in enumerate(DILATED)),
        *(with_real_scale(conv_2d(f"scaled{i}", i), r) for i, r in enumerate(REAL_SCALES)),
    ],
    "DEPTHWISE_CONV_2D": [
        *(depthwise_conv_2d(f"dw{i}", i, **case) for i, case in enumerate(DEPTHWISE_CONV_2D)),
        *(depthwise_conv_2d(f"dd{i}", i, **case) for i, case in enumerate(DILATED)),
        *(with_real_scale(depthwise_conv_2d(f"ds{i}", i), r) for i, r in enumerate(REAL_SCALES)),
    ],
    "FULLY_CONNECTED": [
        *(fully_connected(f"fc{i}", i, **case) for i, case in enumerate(FULLY_CONNECTED)),
        *(with_real_scale(fully_connected(f"fs{i}", i), r) for i, r in enumerate(REAL_SCALES)),
    ],
    "MAX_POOL_2D": [pool_2d("MAX_POOL_2D", f"max{i}", **c) for i, c in enumerate(POOL)],
    "MEAN": [
        *(mean(f"mean{i}", **case) for i, case in enumerate(MEAN)),
        *movement_ops.MEAN_CASES,
    ],
    "RELU": [relu(f"relu{i}", **case) for i, case in enumerate(RELU)],
    "RESHAPE": [reshape(f"reshape{i}", **case) for i, case in enumerate(RESHAPE)],
    "SOFTMAX": [softmax(f"softmax{i}", **case) for i, case in enumerate(SOFTMAX)],
    "TRANSPOSE_CONV": transposed.CASES,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": lstm.CASES,
    **movement_ops.CASES,
    **ELEMENTWISE_CASES,
}


def scaled(scale: float) -> Quantization:
    return Quantization((scale,), (0,), 0)


def scales_that_round_apart() -> Node:
    """FULLY_CONNECTED whose outputs tell how the scales were multiplied.

    The product of the two scales rounds differently in float32 and in double. Each feature has a
    bias (its weights are 0) that the one multiplier brings just over a half and the other does not.
    """
    made = fully_connected("apart", 0, shape=(1, 1), features=64)
    x, weights, bias = (made.input(i) for i in range(3))
    # With this scale the two products differ by nearly as much as rounding can make them.
    w_scale = float(np.float32(0.0100000044))
    y_scale = float(np.float32(x.scale * w_scale / 1e-7))
    single = float(np.float32(x.scale) * np.float32(w_scale)) / y_scale
    double = x.scale * w_scale / y_scale
    assert abs(single / double - 1) > 4e-8
    halves = np.concatenate([np.arange(-60, -28), np.arange(28, 60)]) + 0.5
    chosen = np.rint((halves / single + halves / double) / 2).astype(np.int32)
    rounded = [requantize(chosen, *quantize_multiplier(real)) for real in (single, double)]
    assert np.all(rounded[0] != rounded[1])
    output = replace(made.output, quantization=scaled(y_scale))
    inputs = (
        x,
        replace(weights, data=np.zeros((64, 1), np.int8), quantization=scaled(w_scale)),
        replace(bias, data=chosen, quantization=scaled(x.scale * w_scale)),
    )
    return replace(made, inputs=inputs, outputs=(output,))


def differing_cases(graph: Graph, got: np.ndarray, expected: np.ndarray) -> list[str]:
    ends = np.cumsum([tensor.elements for tensor in graph.outputs])
    wrong = np.flatnonzero((got != expected).reshape(-1, int(ends[-1])).any(axis=0))
    return sorted({graph.outputs[int(np.searchsorted(ends, i, "right"))].name for i in wrong})


def test_every_operator_has_cases():
    assert set(CASES) == set(OPS)


@pytest.mark.parametrize("op", sorted(CASES))
def test_c_on_the_host_equals_tflm(op):
    """With address and undefined-behaviour sanitizers."""
    graph = model_of(*CASES[op])
    model = write_tflite(graph)
    inputs = samples(graph, random=20)
    got = run_on_host(compile_tflite(model), inputs, cc="gcc", sanitize="address,undefined")
    assert differing_cases(graph, got, run_tflm(model, inputs)) == []


def test_fully_connected_multiplies_its_scales_like_tflm():
    graph = model_of(scales_that_round_apart())
    model = write_tflite(graph)
    inputs = samples(graph)
    got = run_on_host(compile_tflite(model), inputs, cc="gcc")
    assert np.array_equal(got, run_tflm(model, inputs))


def test_the_clamp_of_relu6_is_rounded_like_tflm():
    """Six over this scale is 49.4999... in double precision, and 49.5 in float32."""
    made = fully_connected("clamped", 0, activation_function="RELU6")
    scale = 0.12121212482452393
    assert 6 / scale < 49.5 == np.float32(6) / np.float32(scale)
    bias = replace(made.input(2), data=np.full(5, 2**22, np.int32))
    output = replace(made.output, quantization=Quantization((scale,), (-20,), 0))
    made = replace(made, inputs=(*made.inputs[:2], bias), outputs=(output,))
    model = write_tflite(model_of(made))
    inputs = samples(model_of(made))
    got = run_on_host(compile_tflite(model), inputs, cc="gcc")
    assert got.max() == 50 - 20
    assert np.array_equal(got, run_tflm(model, inputs))


def test_relu6_that_rescales_equals_litert():
    """TFLM leaves the rescaling out."""
    graph = model_of(*RELU6_RESCALED)
    model = write_tflite(graph)
    inputs = samples(graph, random=20)
    got = run_on_host(compile_tflite(model), inputs, cc="gcc", sanitize="address,undefined")
    assert differing_cases(graph, got, run_litert_reference(model, inputs)) == []


def edge_samples(graph: Graph, random: int) -> np.ndarray:
    """Inputs of the graph's type; for real values halves of the output's steps, and beyond."""
    dtype = graph.inputs[0].dtype
    rng = np.random.default_rng(0)
    total = sum(tensor.elements for tensor in graph.inputs)
    if dtype != "float32":
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, limits.max + 1, (random, total)).astype(dtype)
    sizes = [tensor.elements for tensor in graph.inputs]
    scales = np.repeat([node.output.scale for node in graph.nodes], sizes)
    steps = rng.integers(-300, 300, (random, total)) / 2
    steps[-1] *= 1000
    return (steps * scales).astype(np.float32)


@pytest.mark.parametrize("edge", EDGES)
def test_other_types_at_the_edges_equal_tflm(edge):
    graph = model_of(*EDGES[edge])
    model = write_tflite(graph)
    inputs = edge_samples(graph, random=20)
    expected = run_tflm(model, inputs)
    compiled = compile_tflite(model)
    got = run_on_host(compiled, inputs, cc="gcc", sanitize="address,undefined")
    assert got.dtype == expected.dtype == graph.outputs[0].dtype
    assert differing_cases(graph, got, expected) == []
    on_core = emulate(compiled, find_core("cortex-m0plus"), inputs[-5:]).outputs
    assert np.array_equal(on_core, expected[-5:])
