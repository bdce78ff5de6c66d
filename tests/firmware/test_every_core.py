"""Every operator, on every core, by every compiler: generated C == its oracle, byte for byte.

The cases of `test_ops`, all of them in one program for each core and compiler. What an operator is
tested on belongs there; a new one is picked up by itself.
"""

import functools
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from firmware_export import compile_tflite
from firmware_export.compiled import CompiledModel
from firmware_export.errors import ToolchainError
from firmware_export.ir import Graph, Node
from firmware_export.measure import Firmware, build_firmware, run_on_host
from firmware_export.measure.elf_size import read_elf
from firmware_export.measure.machine import Machine
from firmware_export.measure.qemu import run_under_qemu
from firmware_export.measure.toolchain import Compiler, Optimization
from firmware_export.ops import OPS
from firmware_export.target import CORES
from firmware_export.tflite_writer import write_tflite
from firmware_export.tflm import run_tflm
from tests.firmware.fixtures.elementwise_ops import EDGES, RELU6_RESCALED
from tests.firmware.fixtures.handmade import random_samples, tiny_expected, tiny_model
from tests.firmware.fixtures.litert import run_litert_reference
from tests.firmware.fixtures.movement_ops import PADDED_SPACE_TO_BATCH_CASES
from tests.firmware.fixtures.program import one_program
from tests.firmware.fixtures.single_ops import model_of, samples
from tests.firmware.test_ops import CASES, edge_samples
from tests.firmware.test_toolchain import needs

SAMPLES = 7
"""Of each case; four of them drive int8 to its extremes."""

Oracle = Callable[[bytes, NDArray], NDArray]


@dataclass(frozen=True)
class Entry:
    """The cases of one operator, or of one type at the edges, side by side in one model."""

    name: str
    nodes: list[Node]
    oracle: Oracle = run_tflm


ENTRIES = [
    *(Entry(op.lower(), nodes) for op, nodes in CASES.items()),
    *(Entry(edge.replace(" ", "_"), nodes) for edge, nodes in EDGES.items()),
    Entry("relu6_rescaled", RELU6_RESCALED, run_litert_reference),
    Entry("space_to_batch_padded", PADDED_SPACE_TO_BATCH_CASES, run_litert_reference),
]


@dataclass(frozen=True, eq=False)
class Case:
    """An entry with what goes in, and what has to come out: bytes, [samples, bytes]."""

    name: str
    graph: Graph
    model: bytes
    inputs: NDArray[np.int8]
    expected: NDArray[np.int8]


@functools.cache
def table() -> tuple[Case, ...]:
    return tuple(_case(entry) for entry in ENTRIES)


def _case(entry: Entry) -> Case:
    graph = model_of(*entry.nodes)
    model = write_tflite(graph)
    typed = graph.inputs[0].dtype != "int8"
    inputs = edge_samples(graph, SAMPLES) if typed else samples(graph, random=SAMPLES - 4)
    expected = entry.oracle(model, inputs)
    return Case(entry.name, graph, model, _bytes(inputs), _bytes(expected))


def _bytes(values: NDArray) -> NDArray[np.int8]:
    return np.ascontiguousarray(values.reshape(len(values), -1)).view(np.int8)


@functools.cache
def program(core: str) -> CompiledModel:
    return one_program([compile_tflite(c.model, name=c.name, target=core) for c in table()])


@functools.cache
def firmware(core: str, cc: Compiler, optimize: Optimization) -> Firmware:
    return build_firmware(program(core), CORES[core], cc=cc, optimize=optimize)


def inputs() -> NDArray[np.int8]:
    return np.concatenate([case.inputs for case in table()], axis=1)


def run_emulated(built: Firmware) -> NDArray[np.int8]:
    machine = Machine(built.core, read_elf(built.elf), program(built.core.name), timeout_s=60)
    outputs = [np.frombuffer(machine.infer(row), np.int8) for row in inputs()]
    machine.check_writes()
    return np.array(outputs)


def wrong_cases(outputs: NDArray[np.int8]) -> list[str]:
    """Names of the outputs in which a byte differs."""
    expected = np.concatenate([case.expected for case in table()], axis=1)
    tensors = [
        (f"{case.name}: {tensor.name}", tensor.elements * np.dtype(tensor.dtype).itemsize)
        for case in table()
        for tensor in case.graph.outputs
    ]
    ends = np.cumsum([size for _, size in tensors])
    assert outputs.shape == expected.shape == (len(expected), ends[-1])
    wrong = np.flatnonzero((outputs != expected).any(axis=0))
    return sorted({tensors[int(np.searchsorted(ends, i, "right"))][0] for i in wrong})


ZIG: dict[str, Optimization] = {
    "cortex-m0plus": "Os",
    "cortex-m3": "O3",
    "cortex-m4": "O3",
    "cortex-m7": "Os",
    "cortex-m33": "O3",
    "riscv32": "Os",
}
"""Every core has a program; the two levels take turns."""

GCC: list[tuple[str, Optimization]] = [
    ("cortex-m0plus", "O3"),
    ("cortex-m0plus", "Os"),
    ("cortex-m3", "Os"),
    ("cortex-m4", "O3"),
    ("cortex-m4", "Os"),
    ("cortex-m7", "O3"),
    ("cortex-m33", "Os"),
    ("riscv32", "O3"),
    ("riscv32", "Os"),
]
"""Both levels on a core of each kind: without DSP instructions, with them, and RISC-V."""


def test_every_operator_and_core_is_in_the_table() -> None:
    assert {node.op for entry in ENTRIES for node in entry.nodes} == set(OPS)
    assert set(ZIG) == {core for core, _ in GCC} == set(CORES)


@pytest.mark.parametrize("core", ZIG)
def test_c_on_an_emulated_core_equals_its_oracle(core: str) -> None:
    assert wrong_cases(run_emulated(firmware(core, "zig", ZIG[core]))) == []


@pytest.mark.cross
@pytest.mark.parametrize("core", ZIG)
def test_c_under_qemu_equals_its_oracle(core: str) -> None:
    qemu = CORES[core].architecture.qemu
    if shutil.which(qemu) is None:
        pytest.skip(f"{qemu} is not installed")
    built = firmware(core, "zig", ZIG[core])
    assert wrong_cases(run_under_qemu(built, program(core), inputs())) == []


@pytest.mark.cross
@pytest.mark.parametrize(
    ("core", "optimize"),
    [pytest.param(core, o, marks=needs(CORES[core].architecture.gcc)) for core, o in GCC],
)
def test_c_compiled_by_gcc_equals_its_oracle(core: str, optimize: Optimization) -> None:
    assert wrong_cases(run_emulated(firmware(core, "gcc", optimize))) == []


def renamed(model: CompiledModel, old: str, new: str) -> CompiledModel:
    files = {
        name.replace(old, new): text.replace(old, new).replace(old.upper(), new.upper())
        for name, text in model.files.items()
    }
    return replace(model, name=new, files=files)


def test_a_model_that_writes_behind_its_arena_is_found() -> None:
    sound, faulty = tiny_model(), tiny_model(layer_0="arena[TINY_ARENA_BYTES] = 1;")
    together = one_program([sound, renamed(faulty, "tiny", "small")])
    with pytest.raises(ToolchainError, match="failed with status 2"):
        run_on_host(together, random_samples(1, size=8))
    alone = one_program([sound])
    rows = random_samples(5)
    assert np.array_equal(run_on_host(alone, rows), tiny_expected(rows))
