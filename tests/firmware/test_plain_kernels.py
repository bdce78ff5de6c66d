"""Kernels for cores without DSP instructions: two values in a word, and short multiplications."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from firmware_export import compile_tflite
from firmware_export.codegen.kernels import bundle
from firmware_export.compiled import CompiledModel
from firmware_export.ir import Node
from firmware_export.measure import emulate, run_on_host
from firmware_export.numerics import requantize
from firmware_export.target import find_core
from firmware_export.tflite_writer import write_tflite
from firmware_export.tflm import run_tflm
from tests.firmware.fixtures.single_ops import (
    conv_2d,
    depthwise_conv_2d,
    fully_connected,
    model_of,
    relu,
    samples,
)

NEEDS_GCC = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed"
)
PAIRS = 512

TWIN = """
TKD_LAYER void twin_0_relu(uint8_t *arena)
{
    const int32_t *const pairs = (const int32_t *)(void *)arena;
    int32_t *const products = (int32_t *)(void *)arena;
    for (int32_t i = 0; i < 512; ++i) {
        products[i] = tkd_multiply_high_narrow(pairs[2 * i], pairs[2 * i + 1]);
    }
}
int8_t *twin_input(uint8_t *arena) { return (int8_t *)arena; }
const int8_t *twin_output(const uint8_t *arena) { return (const int8_t *)arena; }
int twin_invoke(uint8_t *arena)
{
    twin_0_relu(arena);
    return 0;
}
"""


def with_weights(made: Node, weights: np.ndarray) -> Node:
    """``made`` with other int8 weights of the same shape."""
    old = made.input(1)
    new = replace(old, data=weights.astype(np.int8).reshape(old.shape))
    return replace(made, inputs=tuple(new if tensor is old else tensor for tensor in made.inputs))


def lowest_weights(name: str, where: slice, **case: object) -> Node:
    """A convolution with -128 at some places of every filter, and 127 elsewhere."""
    made = conv_2d(name, 0, image=(1, 3, 5, 4), channels=3, kernel=(1, 3), **case)  # type: ignore[arg-type]
    weights = np.full((3, 12), 127)
    weights[:, where] = -128
    return with_weights(made, weights)


LOWEST_WEIGHTS = {
    "all": lowest_weights("all", slice(None)),
    "one pair": lowest_weights("pair", slice(5, 8, 2)),
    "across pairs": lowest_weights("across", slice(5, 7)),
    "none": lowest_weights("none", slice(0)),
}


@pytest.mark.parametrize("core", ["host", "cortex-m0plus", "cortex-m3"])
def test_sums_of_the_largest_products_stay_exact(core):
    """Two products of -128 and -128 are one too many for 16 bits."""
    graph = model_of(*(replace(made) for made in LOWEST_WEIGHTS.values()))
    model = write_tflite(graph)
    inputs = samples(graph)
    compiled = compile_tflite(model)
    got = (
        run_on_host(compiled, inputs, cc="gcc", sanitize="address,undefined")
        if core == "host"
        else emulate(compiled, find_core(core), inputs).outputs
    )
    assert np.array_equal(got, run_tflm(model, inputs))


@pytest.mark.parametrize(
    ("case", "products"), [("all", 1), ("one pair", 1), ("across pairs", 2), ("none", 2)]
)
def test_products_are_added_in_16_bits_only_where_they_fit(case, products):
    text = compile_tflite(write_tflite(model_of(LOWEST_WEIGHTS[case])), name="m").files["m.c"]
    assert f".lane_products = {products}," in text


def twin_model() -> CompiledModel:
    """A model whose C is not that of its layer, but the high words of `PAIRS` products."""
    compiled = compile_tflite(
        write_tflite(model_of(relu("bytes", shape=(1, 8 * PAIRS)))), name="twin"
    )
    text = '#include "twin.h"\n' + bundle(["tkd_multiply_high_narrow"]) + TWIN
    return replace(compiled, files={**compiled.files, "twin.c": text})


def factors() -> np.ndarray:
    """Values below 2^30 and multipliers, int32 [n, PAIRS, 2]: every pair of edges, then random."""
    around = [0, 1, 2**14, 2**15, 2**16, 2**29, 2**30 - 1, 0x2AAAAAAA, 0x3FFF8000]
    edges = sorted({max(0, min(2**30 - 1, e + d)) for e in around for d in (-2, -1, 0, 1, 2)})
    signed = [sign * edge for edge in edges for sign in (1, -1)]
    large = [0, *(edge + 2**30 for edge in edges), 2**31 - 1, 2**31 - 2**15]
    pairs = np.array([(a, b) for a in signed for b in large], np.int64)
    rng = np.random.default_rng(0)
    values = rng.integers(-(2**30) + 1, 2**30, 20_000) >> rng.integers(0, 30, 20_000)
    random = np.stack([values, rng.integers(2**30, 2**31, 20_000)], axis=1)
    rows = np.concatenate([pairs, random])
    return np.resize(rows, (-(-len(rows) // PAIRS), PAIRS, 2)).astype(np.int32)


@pytest.mark.parametrize("cc", ["zig", pytest.param("gcc", marks=[NEEDS_GCC, pytest.mark.cross])])
def test_the_high_word_of_a_product_is_exact_without_long_multiplication(cc):
    pairs = factors()
    inputs = pairs.reshape(len(pairs), -1).view(np.int8)
    got = emulate(twin_model(), find_core("cortex-m0plus"), inputs, cc=cc).outputs
    high = np.ascontiguousarray(got.reshape(len(pairs), -1)).view(np.int32)[:, :PAIRS]
    exact = (pairs[..., 0].astype(np.int64) * pairs[..., 1] + 2**30) >> 31
    assert np.array_equal(high, exact)
    assert requantize(pairs[0, 0, 0], pairs[0, 0, 1], 0) == high[0, 0]


def test_the_smallest_core_multiplies_without_a_library():
    """Fewer instructions than five to a MAC, where one by one it takes nine."""
    layers = [
        conv_2d("conv", 0, image=(1, 8, 8, 16), channels=16),
        depthwise_conv_2d("dw", 0, image=(1, 8, 8, 8)),
        fully_connected("fc", 0, shape=(1, 64), features=8),
    ]
    graph = model_of(*layers)
    compiled = compile_tflite(write_tflite(graph))
    result = emulate(compiled, find_core("cortex-m0plus"), samples(graph)[:1], optimize="Os")
    assert not any("lmul" in symbol.name for symbol in result.footprint.symbols)
    most = {"CONV_2D": 5.0, "DEPTHWISE_CONV_2D": 13.0, "FULLY_CONNECTED": 9.0}
    for layer in result.layers:
        assert not layer.macs or layer.instructions < most[layer.op] * layer.macs, layer
