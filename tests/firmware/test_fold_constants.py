"""Shapes computed from shapes disappear, and nothing else does."""

from dataclasses import replace

import numpy as np
import pytest

from firmware_export import UnsupportedOpError, compile_tflite
from firmware_export.ir import Graph, Node, OptionValue, Tensor
from firmware_export.measure import run_on_host
from firmware_export.passes.fold_constants import fold_constants
from firmware_export.tflite_writer import write_tflite
from firmware_export.tflm import run_tflm
from tests.firmware.fixtures import movement_ops as ops
from tests.firmware.fixtures.single_ops import activation, constant, relu, reshape, samples


def integers(name: str, *values: int) -> Tensor:
    return constant(name, np.array(values, np.int32))


def computed(
    op: str,
    name: str,
    inputs: list[Tensor],
    shape: tuple[int, ...],
    table: str = "NONE",
    **options: OptionValue,
) -> Node:
    return Node(op, 1, tuple(inputs), (Tensor(name, shape, "int32"),), options, table)


def shape_of(tensor: Tensor) -> Node:
    return computed("SHAPE", "shape", [tensor], (len(tensor.shape),), "ShapeOptions", out_type=2)


def element(source: Tensor, index: int) -> Node:
    bounds = [integers("b", index), integers("e", index + 1), integers("s", 1)]
    masks = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask")
    return computed(
        "STRIDED_SLICE",
        f"element{index}",
        [source, *bounds],
        (),
        "StridedSliceOptions",
        shrink_axis_mask=1,
        **dict.fromkeys(masks, 0),
    )


def pack(*tensors: Tensor) -> Node:
    return computed(
        "PACK",
        "packed",
        list(tensors),
        (len(tensors), *tensors[0].shape),
        "PackOptions",
        axis=0,
        values_count=len(tensors),
    )


def flatten() -> Graph:
    """What the converter writes for Flatten: SHAPE, STRIDED_SLICE, PACK, RESHAPE."""
    first = relu("first", shape=(1, 3, 4))
    shape = shape_of(first.output)
    batch = element(shape.output, 0)
    packed = pack(batch.output, constant("rest", np.array(12, np.int32)))
    view = reshape("view", shape=(1, 3, 4), new_shape=(1, 12))
    view = replace(
        view,
        inputs=(first.output, packed.output),
        outputs=(replace(view.output, quantization=first.output.quantization),),
    )
    last = replace(relu("last", shape=(1, 12)), inputs=(view.output,))
    return Graph((first, shape, batch, packed, view, last), first.inputs, (last.output,))


def test_a_flatten_is_folded_and_runs():
    graph = flatten()
    folded = fold_constants(graph)
    assert [node.op for node in folded.nodes] == ["RELU", "RESHAPE", "RELU"]
    assert folded.nodes[1].input(1).values.tolist() == [1, 12]
    model = write_tflite(graph)
    inputs = samples(graph)
    got = run_on_host(compile_tflite(model), inputs, cc="gcc")
    np.testing.assert_array_equal(got, run_tflm(model, inputs))


def test_an_upsampling_by_a_computed_size_is_folded():
    """SHAPE, STRIDED_SLICE of height and width, MUL by the factors."""
    resized = ops.resize("RESIZE_NEAREST_NEIGHBOR", "r", image=(1, 4, 5, 3), size=(8, 15))
    shape = shape_of(resized.input(0))
    bounds = [integers("b", 1), integers("e", 3), integers("s", 1)]
    sides = computed(
        "STRIDED_SLICE",
        "sides",
        [shape.output, *bounds],
        (2,),
        "StridedSliceOptions",
        **dict.fromkeys(
            ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0
        ),
    )
    size = computed("MUL", "size", [sides.output, integers("factors", 2, 3)], (2,), "MulOptions")
    resized = replace(resized, inputs=(resized.input(0), size.output))
    graph = Graph((shape, sides, size, resized), (resized.input(0),), resized.outputs)
    (only,) = fold_constants(graph).nodes
    assert only.input(1).values.tolist() == [8, 15]


def test_a_graph_without_shapes_is_returned_as_it_is():
    node = relu("r")
    graph = Graph((node,), node.inputs, node.outputs)
    assert fold_constants(graph) is graph


A = integers("a", 3, 4)
NOT_FOLDED = {
    "a wrong shape": pack(A, integers("b", 1, 2)),
    "other shapes inside": pack(A, integers("b", 1)),
    "an input to come": pack(A, Tensor("x", (2,), "int32")),
    "nothing": replace(pack(A), inputs=()),
    "another rank": replace(pack(A, A), outputs=(Tensor("packed", (2,), "int32"),)),
    "another type": pack(A, constant("f", np.array([1.0, 2.0], np.float32))),
    "an axis outside": replace(pack(A, A), options={"axis": 3}),
    "no element there": element(A, 2),
    "a broadcast": computed("MUL", "m", [A, integers("b", 2)], (2,), "MulOptions"),
    "another size": computed("RESHAPE", "m", [A], (3,), "ReshapeOptions"),
    "too large": computed("RESHAPE", "m", [A], (5000,), "ReshapeOptions"),
    "another operator": computed("FLOOR_MOD", "m", [A, A], (2,)),
}
NOT_FOLDED["a wrong shape"] = replace(
    NOT_FOLDED["a wrong shape"], outputs=(Tensor("packed", (3, 2), "int32"),)
)


@pytest.mark.parametrize("case", NOT_FOLDED)
def test_what_is_not_known_stays(case):
    node = NOT_FOLDED[case]
    x = activation("x", (1, 4))
    graph = Graph((node,), (x,), (x,))
    assert fold_constants(graph).nodes == (node,)


def test_what_the_model_gives_stays():
    node = pack(A, A)
    assert fold_constants(Graph((node,), (), node.outputs)).nodes == (node,)


def test_a_shape_that_cannot_be_folded_is_refused():
    graph = flatten()
    first, shape, *rest = graph.nodes
    wrong = replace(shape, outputs=(replace(shape.output, shape=(2,)),))
    slices = replace(rest[0], inputs=(wrong.output, *rest[0].inputs[1:]))
    with pytest.raises(UnsupportedOpError, match="SHAPE at 'shape': The operator is not"):
        compile_tflite(write_tflite(graph.with_nodes((first, wrong, slices, *rest[1:]))))
