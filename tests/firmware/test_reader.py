"""The reader: what was written is read back, and nothing that is damaged gets through."""

import time
from dataclasses import replace

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from firmware_export import ModelError, TinykdError, compile_tflite, read_tflite
from firmware_export.ir import Graph, Node, Tensor
from firmware_export.tflite_writer import TENSOR_TYPES, write_tflite
from tests.firmware.fixtures.single_ops import (
    activation,
    add,
    conv_2d,
    fully_connected,
    mean,
    model_of,
    reshape,
    softmax,
)

SECONDS_PER_DAMAGED_FILE = 1.0


def small_network() -> Graph:
    """FULLY_CONNECTED, RESHAPE and SOFTMAX in a row: every kind of table in 2 KB."""
    dense = fully_connected("dense", 0, shape=(1, 6), features=4)
    view = reshape("view", shape=(1, 4), new_shape=(1, 1, 4))
    flat = replace(view.output, quantization=dense.output.quantization)
    view = replace(view, inputs=(dense.output, *view.inputs[1:]), outputs=(flat,))
    last = softmax("last", shape=(1, 1, 4))
    last = replace(last, inputs=(view.output,))
    return Graph((dense, view, last), (dense.input(0),), (last.output,))


def described(graph: Graph) -> list[object]:
    """A graph as plain values, to compare."""

    def tensor(t: Tensor | None) -> object:
        if t is None:
            return None
        return t.name, t.shape, t.dtype, t.quantization, None if t.data is None else t.data.tolist()

    def node(n: Node) -> object:
        operands = [tensor(t) for t in (*n.inputs, *n.outputs)]
        return n.op, n.version, operands, dict(n.options), n.options_table

    ports = [tensor(t) for t in (*graph.inputs, *graph.outputs)]
    return [ports, [node(n) for n in graph.nodes]]


def unpacked(graph: Graph) -> schema.ModelT:
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(write_tflite(graph), 0))


def packed(model: schema.ModelT) -> bytes:
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_reading_gives_back_what_was_written():
    graph = model_of(conv_2d("c", 1), add("a", constant_operand=1), mean("m"), softmax("s"))
    once = read_tflite(write_tflite(graph))
    assert described(once) == described(read_tflite(write_tflite(once)))
    read, written = once.nodes[0], graph.nodes[0]
    assert read.input(1).values.tolist() == written.input(1).values.tolist()
    assert read.input(1).quantization == written.input(1).quantization
    assert written.options.items() <= read.options.items()


@pytest.mark.parametrize("dtype", TENSOR_TYPES)
def test_every_element_type_is_read_back(dtype):
    values = np.array([[0, 1], [1, 0]], dtype)
    fc = fully_connected("fc", 0)
    graph = model_of(replace(fc, inputs=(*fc.inputs, Tensor("t", (2, 2), dtype, None, values))))
    read = read_tflite(write_tflite(graph)).nodes[0].input(3)
    assert (read.dtype, read.values.tolist()) == (dtype, values.tolist())


def test_an_absent_optional_input_is_none():
    fc = fully_connected("fc", 0)
    graph = model_of(replace(fc, inputs=(*fc.inputs[:2], None)))
    assert read_tflite(write_tflite(graph)).nodes[0].inputs[2] is None


def test_the_operator_code_of_old_files_is_understood():
    model = unpacked(small_network())
    for code in model.operatorCodes:
        code.builtinCode = 0
    assert [n.op for n in read_tflite(packed(model)).nodes] == [
        "FULLY_CONNECTED",
        "RESHAPE",
        "SOFTMAX",
    ]


def test_names_are_one_printable_line():
    graph = model_of(softmax("a\nb\x1b*/"))
    assert read_tflite(write_tflite(graph)).inputs[0].name == "a?b?*/_in"


def compiles_or_refuses(data: bytes) -> bool:
    """Whether ``data`` compiles; anything but one line of refusal in bounded time fails."""
    start = time.process_time()
    message = ""
    try:
        compile_tflite(data)
    except TinykdError as error:
        message = str(error)
    assert "\n" not in message
    assert time.process_time() - start < SECONDS_PER_DAMAGED_FILE
    return message == ""


def test_every_truncation_is_refused():
    data = write_tflite(small_network())
    assert compiles_or_refuses(data)
    # The last bytes may be padding that nothing refers to.
    assert not any(compiles_or_refuses(data[:end]) for end in range(len(data) - 8))


@pytest.mark.parametrize("seed", range(4))
def test_flipped_bytes_never_surprise(seed):
    data = np.frombuffer(write_tflite(small_network()), np.uint8)
    rng = np.random.default_rng(seed)
    refused = 0
    for _ in range(500):
        damaged = data.copy()
        places = rng.integers(0, len(data), rng.integers(1, 5))
        damaged[places] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)], len(places))
        refused += not compiles_or_refuses(damaged.tobytes())
    assert refused > 100


@pytest.mark.parametrize(
    "data", [b"", b"TFL3", b"\0" * 8, b"\0\0\0\0TFL3", b"\xff\xff\xff\x7fTFL3"]
)
def test_rubbish_is_refused(data):
    with pytest.raises(ModelError):
        read_tflite(data)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"Cannot read the model '.*gone.tflite': No such file"):
        read_tflite(tmp_path / "gone.tflite")


def two_subgraphs(model):
    model.subgraphs *= 2


def wrong_version(model):
    model.version = 2


def negative_extent(model):
    model.subgraphs[0].tensors[0].shape = [1, -6]


def overflowing_shape(model):
    model.subgraphs[0].tensors[0].shape = [2**31 - 1] * 3


def many_dimensions(model):
    model.subgraphs[0].tensors[0].shape = [1] * 9


def input_out_of_range(model):
    model.subgraphs[0].operators[0].inputs = [99, 1, 2]


def output_out_of_range(model):
    model.subgraphs[0].operators[0].outputs = [-1]


def model_output_out_of_range(model):
    model.subgraphs[0].outputs = [-7]


def no_output(model):
    model.subgraphs[0].operators[0].outputs = []


def buffer_out_of_range(model):
    model.subgraphs[0].tensors[1].buffer = 77


def short_data(model):
    model.buffers[2].data = model.buffers[2].data[:-1]


def scales_for_other_channels(model):
    model.subgraphs[0].tensors[1].quantization.scale = [0.1, 0.2, 0.3]


def external_data(model):
    model.buffers[2].offset = 4096


def many_operands(model):
    model.subgraphs[0].operators[0].inputs = [0] * 300


def many_operators(model):
    model.subgraphs[0].operators *= 1000


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (two_subgraphs, "one subgraph. Got 2"),
        (wrong_version, "schema version must be 3. Got 2"),
        (negative_extent, r"impossible shape \[1, -6\]"),
        (overflowing_shape, "impossible shape"),
        (many_dimensions, "9 dimensions in 'dense_in'; at most 8"),
        (input_out_of_range, "FULLY_CONNECTED input refers to tensor 99"),
        (output_out_of_range, "FULLY_CONNECTED output refers to tensor -1"),
        (model_output_out_of_range, "model output refers to tensor -7"),
        (no_output, "FULLY_CONNECTED has no output"),
        (buffer_out_of_range, "'dense_w' refers to buffer 77"),
        (short_data, "'dense_w' of shape .* has 23 values"),
        (scales_for_other_channels, "'dense_w' has 3 scales and 1 zero points|3 zero points"),
        (external_data, "'dense_w' lie outside the FlatBuffer"),
        (many_operands, "300 FULLY_CONNECTED input; at most 256"),
        (many_operators, "3000 operators; at most 2000"),
    ],
)
def test_an_impossible_model_is_refused(spoil, message):
    model = unpacked(small_network())
    spoil(model)
    with pytest.raises(ModelError, match=message):
        read_tflite(packed(model))


def test_a_bomb_of_shared_vectors_is_refused():
    """A hundred tensors that share one long vector of scales: far more scales than bytes."""
    builder = flatbuffers.Builder(0)
    scales = builder.CreateNumpyVector(np.ones(50_000, np.float32))
    shape = builder.CreateNumpyVector(np.array([50_000], np.int32))
    schema.QuantizationParametersStart(builder)
    schema.QuantizationParametersAddScale(builder, scales)
    quantization = schema.QuantizationParametersEnd(builder)
    schema.TensorStart(builder)
    schema.TensorAddShape(builder, shape)
    schema.TensorAddQuantization(builder, quantization)
    tensor = schema.TensorEnd(builder)
    schema.SubGraphStartTensorsVector(builder, 100)
    for _ in range(100):
        builder.PrependUOffsetTRelative(tensor)
    tensors = builder.EndVector()
    schema.SubGraphStart(builder)
    schema.SubGraphAddTensors(builder, tensors)
    subgraph = schema.SubGraphEnd(builder)
    schema.ModelStartSubgraphsVector(builder, 1)
    builder.PrependUOffsetTRelative(subgraph)
    subgraphs = builder.EndVector()
    schema.BufferStart(builder)
    buffer = schema.BufferEnd(builder)
    schema.ModelStartBuffersVector(builder, 1)
    builder.PrependUOffsetTRelative(buffer)
    buffers = builder.EndVector()
    schema.ModelStart(builder)
    schema.ModelAddVersion(builder, 3)
    schema.ModelAddSubgraphs(builder, subgraphs)
    schema.ModelAddBuffers(builder, buffers)
    builder.Finish(schema.ModelEnd(builder), b"TFL3")
    with pytest.raises(ModelError, match="more elements than the file has bytes"):
        read_tflite(bytes(builder.Output()))


def test_a_long_chain_compiles_in_bounded_time():
    """As many operators as are accepted: the planner must not take minutes."""
    x = activation("x", (1, 8))
    nodes = []
    for i in range(1500):
        step = softmax(f"s{i}", shape=(1, 8))
        nodes.append(replace(step, inputs=(nodes[-1].output if nodes else x,)))
    start = time.process_time()
    compiled = compile_tflite(write_tflite(Graph(tuple(nodes), (x,), (nodes[-1].output,))))
    assert time.process_time() - start < 20
    assert compiled.arena_bytes == 16
