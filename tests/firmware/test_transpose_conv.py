"""TRANSPOSE_CONV over its input: how far below it the output may begin, and the bytes there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_export.ir import Node
from firmware_export.measure import emulate, run_on_host
from firmware_export.ops.transpose_conv import DATA, emit, lay_out_weights, overlap
from firmware_export.target import find_core
from firmware_export.tflm import run_tflm
from tests.firmware.fixtures.single_ops import samples
from tests.firmware.fixtures.transposed import CASES, transposed
from tests.firmware.test_in_place import compiled_with, overlaid
from tests.firmware.test_ops import differing_cases


def random_geometry(seed: int) -> Node:
    rng = np.random.default_rng(seed)
    stride = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    padding = str(rng.choice(["SAME", "VALID"]))
    kernel = int(rng.integers(1, 6)), int(rng.integers(1, 6))
    more = int(rng.integers(0, min(stride[0], kernel[0])))
    return transposed(
        f"random{seed}",
        seed,
        image=tuple(int(n) for n in rng.integers(1, (3, 6, 6, 7))),
        channels=int(rng.integers(1, 7)),
        kernel=kernel,
        strides=stride,
        padding=padding,
        extra=(-more if padding == "SAME" else more, 0),
    )


RANDOM = [random_geometry(seed) for seed in range(16)]


def lowest_distance(node: Node) -> int:
    """By walking through all output rows and all input rows that they are made of."""
    batches, height, width, channels = node.input(DATA).shape
    _, out_height, out_width, out_channels = node.output.shape
    shape = emit(node).structs[0].fields
    stride, kernel, pad = (shape[n] for n in ("stride_height", "kernel_height", "pad_top"))
    needed = [
        [r for r in range(height) if 0 <= y + pad - r * stride < kernel] for y in range(out_height)
    ]
    largest, lowest = 0, batches * height
    for row in reversed(range(batches * out_height)):
        image, y = divmod(row, out_height)
        lowest = min([lowest, *(image * height + r for r in needed[y])])
        written = (row + 1) * out_width * out_channels
        largest = max(largest, written - lowest * width * channels)
    return largest


@given(st.integers(0, 2**32 - 1))
def test_the_distance_suffices_and_is_hardly_more(seed):
    """A row that is no longer read may count as read while the rows of its phase are written."""
    node = random_geometry(seed)
    needed = lowest_distance(node)
    in_row = node.input(DATA).shape[2] * node.input(DATA).shape[3]
    assert needed <= overlap(node) <= needed + 2 * in_row


def test_upsampling_needs_little_more_than_its_output():
    """The input lies at the end of the output, which it becomes: a row more than the output."""
    node = transposed("up", 0, image=(1, 8, 8, 16), channels=8, kernel=(2, 2))
    assert overlap(node) + node.input(DATA).elements <= node.output.elements + 2 * 16 * 8


def test_in_place_on_a_core_with_dsp_instructions_equals_tflm(monkeypatch):
    graph, model, compiled = compiled_with(overlaid(DATA), [*CASES, *RANDOM], monkeypatch)
    inputs = samples(graph)
    got = emulate(compiled, find_core("cortex-m4"), inputs, optimize="Os")
    assert differing_cases(graph, got.outputs, run_tflm(model, inputs)) == []


def test_in_place_on_the_host_equals_tflm(monkeypatch):
    graph, model, compiled = compiled_with(overlaid(DATA), RANDOM, monkeypatch)
    inputs = samples(graph)
    got = run_on_host(compiled, inputs, cc="gcc", sanitize="address,undefined")
    assert differing_cases(graph, got, run_tflm(model, inputs)) == []


def test_closer_than_asked_for_goes_wrong(monkeypatch):
    plan = overlaid(DATA, closer_bytes=64)
    graph, model, compiled = compiled_with(plan, RANDOM, monkeypatch)
    inputs = samples(graph)
    got = run_on_host(compiled, inputs, cc="gcc")
    assert differing_cases(graph, got, run_tflm(model, inputs)) != []


@pytest.mark.parametrize(
    ("kernel", "stride"), [((3, 3), (2, 2)), ((1, 2), (3, 2)), ((4, 1), (1, 1))]
)
def test_every_weight_is_laid_out_once(kernel, stride):
    values = np.arange(1, 3 * kernel[0] * kernel[1] * 5 + 1).astype(np.int8)
    laid_out = lay_out_weights(values.reshape(3, *kernel, 5), stride)
    assert sorted(laid_out[laid_out != 0]) == sorted(values)
    assert laid_out.size == 4 * kernel[0] * kernel[1] * 8


def test_a_stride_far_beyond_the_kernel_costs_nothing():
    """Its phases are nearly all empty; a damaged file may have the largest stride there is."""
    assert lay_out_weights(np.ones((2, 1, 1, 4), np.int8), (2**15 - 1, 2**15 - 1)).size == 8
