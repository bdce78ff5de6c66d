"""What moves or reduces data, where the TFLite Micro interpreter cannot be the oracle."""

from dataclasses import replace

import numpy as np
import pytest

from firmware_export import compile_tflite
from firmware_export.ir import Graph
from firmware_export.measure import run_on_host
from firmware_export.numerics import quantize_multiplier, requantize
from firmware_export.tflite_writer import write_tflite
from firmware_export.tflm import run_tflm
from tests.firmware.fixtures.litert import run_litert_reference
from tests.firmware.fixtures.movement_ops import (
    PADDED_SPACE_TO_BATCH_CASES,
    concatenation,
    mirror_pad,
    pad,
    reduced,
    split,
    strided_slice,
)
from tests.firmware.fixtures.single_ops import model_of, samples


@pytest.mark.parametrize(
    "nodes",
    [
        pytest.param(
            PADDED_SPACE_TO_BATCH_CASES,
            id="TFLM pads SPACE_TO_BATCH_ND with what its memory holds",
        ),
        pytest.param(
            [
                reduced("MEAN", f"m{i}", axes=axes, scales=(0.05, 0.08), zero_points=(-7, 3))
                for i, axes in enumerate([(1, 2, 3), (0, 1, 2, 3), (3, 0, 1)])
            ],
            id="TFLM has room for two reduced dimensions",
        ),
        pytest.param(
            [
                pad("p", shape=(2,) * 5, borders=((0, 1), (2, 0), (1, 1), (0, 3), (1, 2))),
                concatenation("c", shapes=((1, 2, 2, 3, 2), (1, 2, 2, 1, 2)), axis=3),
                strided_slice(
                    "s",
                    shape=(1, 5, 2, 3, 4),
                    begin=(0, 4, 0, 0, 3),
                    end=(1, 0, 2, 3, 0),
                    strides=(1, -2, 1, 1, -1),
                ),
            ],
            id="TFLM takes at most four dimensions",
        ),
    ],
)
def test_c_on_the_host_equals_litert(nodes):
    graph = model_of(*nodes)
    inputs = samples(graph, random=10)
    compiled = compile_tflite(write_tflite(graph))
    got = run_on_host(compiled, inputs, cc="gcc", sanitize="address,undefined")
    np.testing.assert_array_equal(
        got.reshape(len(inputs), -1), run_litert_reference(write_tflite(graph), inputs)
    )


def test_a_sum_over_three_dimensions():
    """TFLM has no room for the third, and LiteRT's reference differs from it even over two."""
    node = reduced("SUM", "s", axes=(1, 2, 3), scales=(0.05, 2.0), zero_points=(-7, 3))
    graph = model_of(node)
    inputs = samples(graph, random=10)
    centred = inputs.reshape(len(inputs), -1).astype(np.int64) + 7
    scale = quantize_multiplier(node.input(0).scale / node.output.scale)
    expected = np.clip(requantize(centred.sum(axis=1), *scale) + 3, -128, 127)
    got = run_on_host(compile_tflite(write_tflite(graph)), inputs, cc="gcc")
    np.testing.assert_array_equal(got.reshape(-1), expected)


def test_a_piece_that_nobody_reads_overwrites_nothing():
    """Pieces go different ways and meet again; the last is written and never read."""
    pieces = split("split", shape=(1, 4, 5, 6), axis=3, count=3)
    bigger = pad("pad", shape=(1, 4, 5, 2), borders=((0, 0), (1, 0), (0, 2), (0, 0)))
    bigger = replace(bigger, inputs=(pieces.outputs[0], bigger.inputs[1]))
    mirrored = mirror_pad("mirror", shape=(1, 4, 5, 2), borders=((0, 0), (0, 1), (1, 1), (0, 0)))
    mirrored = replace(mirrored, inputs=(pieces.outputs[1], mirrored.inputs[1]))
    joined = concatenation("join", shapes=((1, 5, 7, 2), (1, 5, 7, 2), (1, 5, 7, 2)), axis=2)
    joined = replace(joined, inputs=(bigger.output, mirrored.output, bigger.output))
    largest = reduced("REDUCE_MAX", "max", shape=(1, 5, 21, 2), axes=(2,))
    largest = replace(largest, inputs=(joined.output, largest.inputs[1]))
    nodes = (pieces, bigger, mirrored, joined, largest)
    graph = Graph(nodes, (pieces.input(1),), (largest.output,))
    model, inputs = write_tflite(graph), samples(graph, random=10)
    got = run_on_host(compile_tflite(model), inputs, cc="gcc", sanitize="address,undefined")
    np.testing.assert_array_equal(got, run_tflm(model, inputs))
