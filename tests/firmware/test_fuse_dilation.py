"""A dilated convolution that was written as three operators: one again where it is one."""

from dataclasses import replace

import numpy as np
import pytest

from firmware_export import compile_tflite
from firmware_export.ir import Graph, Node, Tensor
from firmware_export.measure import run_on_host
from firmware_export.ops import is_supported
from firmware_export.passes import verify
from firmware_export.passes.fuse_dilation import fuse_dilation
from firmware_export.tflite_writer import write_tflite
from tests.firmware.fixtures.litert import run_litert_reference
from tests.firmware.fixtures.movement_ops import batch_to_space, space_to_batch
from tests.firmware.fixtures.single_ops import conv_2d, depthwise_conv_2d, relu, samples

Pairs = tuple[tuple[int, int], tuple[int, int]]
NONE: Pairs = ((0, 0), (0, 0))


def joined(node: Node, source: Tensor) -> Node:
    """``node`` reading ``source``, whose quantization all but a convolution pass on."""
    output = node.output
    if "CONV" not in node.op:
        output = replace(output, quantization=source.quantization)
    return replace(node, inputs=(source, *node.inputs[1:]), outputs=(output,))


def three_operators(
    *,
    image: tuple[int, int, int, int] = (1, 8, 9, 3),
    kernel: tuple[int, int] = (3, 3),
    block: tuple[int, int] = (2, 2),
    borders: Pairs = ((2, 2), (2, 3)),
    crops: Pairs = ((0, 0), (0, 1)),
    depthwise: bool = False,
    **options: object,
) -> Graph:
    first = space_to_batch("first", shape=image, block=block, borders=borders)
    build = depthwise_conv_2d if depthwise else conv_2d
    inner = build(
        "conv", 1, image=first.output.shape, kernel=kernel, **{"padding": "VALID", **options}
    )
    inner = joined(inner, first.output)
    last = batch_to_space("last", shape=inner.output.shape, block=block, borders=crops)
    last = joined(last, inner.output)
    return Graph((first, inner, last), (first.input(0),), last.outputs)


FUSED = {
    "same": {},
    "same, with a bottom to spare": {
        "image": (1, 7, 8, 3),
        "borders": ((2, 3), (2, 2)),
        "crops": ((0, 1), (0, 0)),
    },
    "valid": {"borders": ((0, 0), (0, 1)), "crops": ((0, 0), (0, 1))},
    "depthwise": {"depthwise": True, "multiplier": 2},
    "different steps": {
        "image": (1, 6, 8, 3),
        "block": (3, 1),
        "borders": ((3, 3), (0, 0)),
        "kernel": (3, 1),
        "crops": NONE,
    },
    "an activation": {"activation_function": "RELU6"},
    "padded and cropped again": {"borders": ((4, 2), (2, 3)), "crops": ((2, 0), (0, 1))},
}


@pytest.mark.parametrize("case", FUSED)
def test_the_one_operator_gives_the_same_bytes(case):
    graph = three_operators(**FUSED[case])
    fused = verify(fuse_dilation(graph, accepts=lambda node: True))
    (node,) = fused.nodes
    block = FUSED[case].get("block", (2, 2))
    assert (node.option("dilation_h_factor"), node.option("dilation_w_factor")) == block
    inputs = samples(graph)
    np.testing.assert_array_equal(
        run_litert_reference(write_tflite(fused), inputs),
        run_litert_reference(write_tflite(graph), inputs),
    )


KEPT = {
    "more in front than SAME has": {"borders": ((3, 1), (2, 3))},
    "another size": {"borders": ((2, 2), (2, 3)), "crops": NONE},
    "a stride": {"strides": (2, 2), "borders": ((4, 4), (4, 3)), "crops": NONE},
    "an inner border": {"padding": "SAME", "crops": NONE},
}


@pytest.mark.parametrize("case", KEPT)
def test_what_no_convolution_does_stays(case):
    graph = three_operators(**KEPT[case])
    assert fuse_dilation(graph, accepts=lambda node: True) is graph


@pytest.mark.parametrize("case", KEPT)
def test_what_stays_equals_litert(case):
    graph = three_operators(**KEPT[case])
    inputs = samples(graph)
    compiled = compile_tflite(write_tflite(graph))
    assert len(compiled.layers) == 3
    got = run_on_host(compiled, inputs, cc="gcc", sanitize="address,undefined")
    np.testing.assert_array_equal(
        got.reshape(len(inputs), -1), run_litert_reference(write_tflite(graph), inputs)
    )


def test_blocks_must_be_the_same():
    graph = three_operators(image=(1, 8, 8, 3), borders=((2, 2), (2, 2)), crops=NONE)
    first, inner, last = graph.nodes
    other = batch_to_space("o", shape=inner.output.shape, block=(4, 1))
    graph = Graph((first, inner, joined(other, last.input(0))), graph.inputs, other.outputs)
    assert fuse_dilation(graph, accepts=lambda node: True) is graph


def test_what_another_node_reads_stays():
    graph = three_operators()
    first, inner, last = graph.nodes
    reader = replace(relu("r", shape=inner.output.shape), inputs=(inner.output,))
    shared = replace(graph, nodes=(first, inner, last, reader))
    shared = replace(shared, outputs=(*graph.outputs, reader.output))
    assert fuse_dilation(shared, accepts=lambda node: True) is shared
    given = replace(graph, outputs=(*graph.outputs, first.output))
    assert fuse_dilation(given, accepts=lambda node: True) is given


def test_without_a_kernel_for_it_the_three_stay():
    graph = three_operators()
    assert fuse_dilation(graph, accepts=lambda node: False) is graph


@pytest.mark.parametrize("case", FUSED)
def test_the_compiler_makes_one_layer_of_it_that_equals_litert(case):
    graph = three_operators(**FUSED[case])
    assert all(is_supported(node) for node in graph.nodes)
    inputs = samples(graph)
    compiled = compile_tflite(write_tflite(graph))
    assert [layer.op for layer in compiled.layers] == [graph.nodes[1].op]
    got = run_on_host(compiled, inputs, cc="gcc", sanitize="address,undefined")
    np.testing.assert_array_equal(
        got.reshape(len(inputs), -1), run_litert_reference(write_tflite(graph), inputs)
    )
