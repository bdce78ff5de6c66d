"""PAD before a convolution becomes padding of the convolution, where that is the same."""

from dataclasses import replace

import numpy as np
import pytest

from firmware_export import compile_tflite
from firmware_export.ir import Graph, Node
from firmware_export.measure import emulate, run_on_host
from firmware_export.ops.limits import EXPLICIT, SAME
from firmware_export.passes import verify
from firmware_export.passes.fold_padding import fold_padding
from firmware_export.target import find_core
from firmware_export.tflite_writer import write_tflite
from firmware_export.tflm import run_tflm
from tests.firmware.dead_channels import chained, reading
from tests.firmware.fixtures.movement_ops import pad, padv2
from tests.firmware.fixtures.single_ops import (
    conv_2d,
    depthwise_conv_2d,
    pool_2d,
    relu,
    samples,
)
from tests.firmware.random_graphs import side_by_side

IMAGE = (1, 8, 9, 3)


def padded(
    rows: tuple[int, int],
    columns: tuple[int, int],
    *,
    image: tuple[int, int, int, int] = IMAGE,
    depthwise: bool = False,
    name: str = "net",
    value: int | None = None,
    **options: object,
) -> Graph:
    """PAD, then a convolution without padding unless the options say otherwise."""
    borders = ((0, 0), rows, columns, (0, 0))
    border = pad(f"{name}_pad", shape=image, borders=borders)
    if value is not None:
        border = padv2(f"{name}_pad", value, shape=image, borders=borders)
    build = depthwise_conv_2d if depthwise else conv_2d
    options = {"padding": "VALID", **options}
    return chained(border, build(f"{name}_conv", 1, image=border.output.shape, **options))


FOLDED = {
    "the stride of a MobileNet": (padded((0, 1), (1, 1), strides=(2, 2)), SAME),
    "all around": (padded((1, 1), (1, 1)), SAME),
    "as a ResNet begins": (padded((3, 3), (3, 3), kernel=(7, 7), strides=(2, 2)), EXPLICIT),
    "more in front": (padded((2, 0), (1, 0), strides=(2, 2)), EXPLICIT),
    "behind only": (padded((0, 2), (0, 1), strides=(1, 2)), EXPLICIT),
    "depthwise": (padded((0, 1), (0, 1), strides=(2, 2), depthwise=True, multiplier=2), EXPLICIT),
    "depthwise in front": (padded((1, 0), (1, 0), strides=(2, 2), depthwise=True), EXPLICIT),
    "onto a padding": (padded((1, 0), (0, 1), padding="SAME", strides=(2, 2)), EXPLICIT),
    "dilated": (padded((2, 2), (3, 1), dilation=(2, 2)), EXPLICIT),
    "grouped": (padded((1, 1), (2, 2), image=(1, 5, 6, 4), groups=2, channels=4), EXPLICIT),
    "the zero point by PADV2": (padded((1, 1), (2, 1), value=-7), EXPLICIT),
    "an image of one pixel": (padded((1, 1), (1, 1), image=(1, 1, 1, 3)), SAME),
}


@pytest.mark.parametrize("case", FOLDED)
def test_the_padding_is_the_convolutions_own(case):
    graph, padding = FOLDED[case]
    (conv,) = verify(fold_padding(graph)).nodes
    assert conv.input(0) is graph.inputs[0]
    assert conv.option("padding") == padding


def renamed(graph: Graph, name: str) -> Graph:
    """A copy whose tensors are its own, so that graphs can stand side by side."""
    x = replace(graph.inputs[0], name=f"{name}_x")
    border, conv = graph.nodes
    first = reading(border, x)
    middle = replace(first.output, name=f"{name}_middle")
    first = replace(first, outputs=(middle,))
    last = replace(conv, inputs=(middle, *conv.inputs[1:]))
    return Graph((first, last), (x,), last.outputs)


def all_folded() -> Graph:
    return side_by_side([renamed(graph, f"n{i}") for i, (graph, _) in enumerate(FOLDED.values())])


def test_folded_paddings_equal_tflm_under_sanitizers():
    graph = all_folded()
    model, inputs = write_tflite(graph), samples(graph, random=6)
    compiled = compile_tflite(model)
    assert len(compiled.layers) == len(FOLDED)
    got = run_on_host(compiled, inputs, cc="gcc", sanitize="address,undefined")
    np.testing.assert_array_equal(got, run_tflm(model, inputs))


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m0plus"])
def test_folded_paddings_equal_tflm_on_an_emulated_core(core):
    graph = all_folded()
    model, inputs = write_tflite(graph), samples(graph, random=1)
    got = emulate(compile_tflite(model, target=core), find_core(core), inputs, optimize="Os")
    np.testing.assert_array_equal(got.outputs, run_tflm(model, inputs))


def with_more(graph: Graph, *nodes: Node) -> Graph:
    outputs = tuple(node.output for node in nodes)
    return replace(graph, nodes=(*graph.nodes, *nodes), outputs=(*graph.outputs, *outputs))


def another_reader() -> Graph:
    graph = padded((1, 1), (1, 1))
    border = graph.nodes[0].output
    return with_more(graph, reading(relu("r", shape=border.shape), border))


def given_by_the_model() -> Graph:
    graph = padded((1, 1), (1, 1))
    return replace(graph, outputs=(*graph.outputs, graph.nodes[0].output))


def channels_too() -> Graph:
    border = pad("p", shape=IMAGE, borders=((0, 0), (1, 1), (1, 1), (0, 1)))
    return chained(border, conv_2d("c", 1, image=border.output.shape))


def before_a_pool() -> Graph:
    border = pad("p", shape=IMAGE, borders=((0, 0), (1, 1), (1, 1), (0, 0)))
    return chained(border, pool_2d("MAX_POOL_2D", "m", image=border.output.shape))


KEPT = {
    "another value": padded((1, 1), (1, 1), value=5),
    "wider than the window": padded((3, 1), (1, 1)),
    "wider behind": padded((1, 1), (1, 3)),
    "another reader": another_reader(),
    "an output of the model": given_by_the_model(),
    "channels": channels_too(),
    "a pool, which does not count what is outside": before_a_pool(),
}


@pytest.mark.parametrize("case", KEPT)
def test_what_a_convolution_does_not_do_stays(case):
    assert fold_padding(KEPT[case]) is KEPT[case]


def test_two_convolutions_share_a_border():
    graph = padded((1, 1), (1, 1))
    border = graph.nodes[0].output
    graph = with_more(graph, reading(conv_2d("o", 4, image=border.shape, padding="VALID"), border))
    assert [node.op for node in verify(fold_padding(graph)).nodes] == ["CONV_2D", "CONV_2D"]
