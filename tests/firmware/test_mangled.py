"""Mangled files: one clear error or C that stays in bounds, in bounded time and memory."""

import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from firmware_export import ModelError, TinykdError, compile_tflite, read_tflite
from firmware_export.ir import Graph
from firmware_export.measure import run_on_host
from firmware_export.tflite_writer import write_tflite
from tests.firmware.fixtures.single_ops import (
    Weights,
    activation,
    constant,
    conv_2d,
    fully_connected,
    model_of,
    relu,
    samples,
)
from tests.firmware.mangle import MANGLERS
from tests.firmware.random_graphs import random_graph, side_by_side

FILES = 3000
SURVIVORS = 30
SECONDS_PER_FILE = 1.0
MAX_ARENA_BYTES = 1 << 20
SEED = 20_261_121


def sound_files() -> list[bytes]:
    """Random networks: every operator is among them."""
    return [write_tflite(random_graph(SEED + i, max_nodes=4)) for i in range(60)]


def mangled(files: list[bytes], count: int) -> Iterator[bytes]:
    """Damaged versions of sound files."""
    rng = np.random.default_rng(SEED)
    for i in range(count):
        mangle = MANGLERS[rng.choice(len(MANGLERS), p=(0.15, 0.25, 0.6))]
        yield mangle(files[i % len(files)], rng)


def compiled_or_refused(data: bytes) -> str | None:
    """The C if it compiles, None if it is refused; anything else fails."""
    start = time.process_time()
    message, text = "", None
    try:
        text = compile_tflite(data).files["model.c"].partition("*/")[2]
    except TinykdError as error:
        message = str(error)
    assert "\n" not in message
    assert time.process_time() - start < SECONDS_PER_FILE
    return text


def test_mangled_files_are_refused_or_compile_to_c_that_stays_in_bounds() -> None:
    files = sound_files()
    sound = {compiled_or_refused(data) for data in files}
    survivors: dict[str, Graph] = {}
    refused = 0
    for data in mangled(files, FILES):
        text = compiled_or_refused(data)
        refused += text is None
        if text is not None and text not in sound and len(survivors) < 2 * SURVIVORS:
            survivors.setdefault(text, read_tflite(data))
    assert FILES // 4 < refused < FILES
    chosen = [graph for graph in survivors.values() if can_run(graph)][:SURVIVORS]
    assert len(chosen) == SURVIVORS
    graph = side_by_side(chosen)
    compiled = compile_tflite(write_tflite(graph))
    run_on_host(compiled, samples(graph, random=2), cc="gcc", sanitize="address,undefined")


def can_run(graph: Graph) -> bool:
    """Whether it can be run here: in little memory, on int8 samples."""
    compiled = compile_tflite(write_tflite(graph))
    takes_int8 = all(port.dtype == "int8" for port in compiled.inputs)
    return takes_int8 and compiled.arena_bytes < MAX_ARENA_BYTES


def test_every_truncation_of_a_small_model_is_refused() -> None:
    data = write_tflite(model_of(conv_2d("conv", 0)))
    assert compiled_or_refused(data) is not None
    assert [end for end in range(len(data)) if compiled_or_refused(data[:end])] == []


def packed(model: schema.ModelT) -> bytes:
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def sharing(data: bytes, what: bytes, places: Callable[[bytes], list[int]]) -> bytes:
    """A file in which many offsets lead to one string at the end."""
    damaged = bytearray(data)
    damaged += b"\0" * (-len(damaged) % 4)
    end = len(damaged)
    damaged += len(what).to_bytes(4, "little") + what + b"\0" * 4
    for place in places(data):
        damaged[place : place + 4] = (end - place).to_bytes(4, "little")
    return bytes(damaged)


def name_offsets(data: bytes) -> list[int]:
    graph = schema.Model.GetRootAs(data, 0).Subgraphs(0)
    tables = [graph.Tensors(i)._tab for i in range(graph.TensorsLength())]
    return [table.Pos + table.Offset(10) for table in tables if table.Offset(10)]


def long_chain(length: int) -> Graph:
    """One operator after the other, all with the same weights."""
    x = activation("x", (1, 512))
    weights = constant("w", Weights(0).int8(512, 512), [0.01])
    nodes = []
    for i in range(length):
        step = fully_connected(f"step{i}", 0, shape=(1, 512), features=512, with_bias=False)
        source = nodes[-1].output if nodes else x
        nodes.append(replace(step, inputs=(source, weights)))
    return Graph(tuple(nodes), (x,), (nodes[-1].output,))


def test_a_long_name_that_every_tensor_has_is_refused() -> None:
    graph = model_of(*(relu(f"relu{i}") for i in range(300)))
    bomb = sharing(write_tflite(graph), b"a" * 2_000_000, name_offsets)
    assert compiled_or_refused(bomb) is None


def test_a_long_name_is_no_bomb_by_itself() -> None:
    graph = model_of(relu("a" * 100_000))
    assert read_tflite(write_tflite(graph)).nodes[0].name == "a" * 100_000 + "_out"


def test_options_with_long_strings_are_not_read() -> None:
    """They could be as long as the file, in each of thousands of operators."""
    model = unpacked(write_tflite(model_of(relu("r"))))
    operator = model.subgraphs[0].operators[0]
    operator.builtinOptionsType = schema.BuiltinOptions.VarHandleOptions
    operator.builtinOptions = schema.VarHandleOptionsT(container="a" * 2_000_000)
    data = packed(model)
    assert read_tflite(data).nodes[0].options == {}


def test_weights_that_many_operators_read_count_each_time() -> None:
    """A file of 400 KB that would become half a gigabyte of C."""
    tracemalloc.start()
    with pytest.raises(ModelError, match="read more than 32 MiB of constants"):
        compile_tflite(write_tflite(long_chain(200)))
    assert tracemalloc.get_traced_memory()[1] < 64 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("extent", [2**31 - 1, 2**30, 65_536])
def test_an_enormous_activation_is_refused_or_only_counted(extent: int) -> None:
    """Nothing as large as the tensor is made."""
    node = relu("relu", shape=(1, extent))
    tracemalloc.start()
    compiled_or_refused(write_tflite(model_of(node)))
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("length", [2**32 - 1, 2**31, 2**30, 10**6])
def test_vectors_that_claim_to_be_huge_are_refused(length: int) -> None:
    data = write_tflite(model_of(relu("relu")))
    graph = schema.Model.GetRootAs(data, 0).Subgraphs(0)
    for field in (4, 6, 8, 10):  # tensors, inputs, outputs, operators
        table = graph._tab
        start = table.Vector(table.Offset(field)) - 4
        damaged = bytearray(data)
        damaged[start : start + 4] = length.to_bytes(4, "little")
        assert compiled_or_refused(bytes(damaged)) is None


def test_tables_that_contain_themselves_are_refused() -> None:
    """Every offset of the file in turn leads back to its own place, or to the file's start."""
    data = write_tflite(model_of(relu("relu")))
    for place in range(0, len(data) - 4, 4):
        for target in (0, 2**32 - place, 4):
            damaged = bytearray(data)
            damaged[place : place + 4] = (target % 2**32).to_bytes(4, "little")
            compiled_or_refused(bytes(damaged))


@pytest.mark.parametrize("value", [-(2**31), -1, 0, 2**16, 2**30, 2**31 - 1])
def test_shapes_and_indices_that_lead_nowhere_are_refused_or_stay_small(value: int) -> None:
    """Each extent of each tensor, each input and output of each operator and of the graph."""
    data = write_tflite(model_of(conv_2d("conv", 0), fully_connected("fc", 0)))
    tracemalloc.start()
    for place in range(places_of(unpacked(data))):
        model = unpacked(data)
        set_place(model, place, value)
        compiled_or_refused(packed(model))
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()


def unpacked(data: bytes) -> schema.ModelT:
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))


def vectors(model: schema.ModelT) -> list[tuple[object, str]]:
    """Every vector of shapes and indices: its table and its name."""
    graph = model.subgraphs[0]
    operators = [(op, name) for op in graph.operators for name in ("inputs", "outputs")]
    shapes = [(tensor, "shape") for tensor in graph.tensors]
    return [*shapes, *operators, (graph, "inputs"), (graph, "outputs")]


def places_of(model: schema.ModelT) -> int:
    return sum(len(getattr(table, name)) for table, name in vectors(model))


def set_place(model: schema.ModelT, place: int, value: int) -> None:
    for table, name in vectors(model):
        values = list(getattr(table, name))
        if place < len(values):
            values[place] = value
            setattr(table, name, values)
            return
        place -= len(values)
