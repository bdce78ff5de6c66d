"""The graph as text, as it was read and after every pass."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firmware_export import TinykdError, UnsupportedOpError, compile_tflite
from firmware_export.errors import ModelError
from firmware_export.ir import Graph, Node, Tensor
from firmware_export.ir_text import graph_text
from firmware_export.passes import PASSES, Step, run_passes
from firmware_export.tflite_writer import write_tflite
from tests.firmware.dead_channels import SATURATING, chained, reading
from tests.firmware.fixtures.movement_ops import pad
from tests.firmware.fixtures.single_ops import (
    activation,
    conv_2d,
    fully_connected,
    node,
    relu,
    reshape,
)


def example() -> Graph:
    """PAD, CONV_2D with a constant channel, RELU, RESHAPE and FULLY_CONNECTED."""
    border = pad("pad", shape=(1, 6, 6, 2), borders=((0, 0), (0, 1), (0, 1), (0, 0)))
    conv = conv_2d(
        "conv", 1, image=border.output.shape, channels=4, strides=(2, 2), padding="VALID"
    )
    sums = conv.input(2).values.copy()
    sums[2] = -SATURATING
    bias = replace(conv.input(2), data=sums)
    conv = replace(conv, inputs=(*conv.inputs[:2], bias))
    y = conv.output
    clamp = node("RELU", "relu", [y], y.shape, scale=y.scale, zero_point=y.zero_point)
    flat = reshape("flat", shape=y.shape, new_shape=(1, 36))
    return chained(border, conv, clamp, flat, fully_connected("dense", 2, shape=(1, 36)))


def dumped(folder: Path, graph: Graph) -> dict[str, str]:
    compile_tflite(write_tflite(graph), dump_ir=folder)
    return {file.name: file.read_text() for file in sorted(folder.iterdir())}


def test_there_is_a_file_for_every_step(tmp_path):
    names = ["read", "fold_constants", *(apply.__name__ for apply in PASSES)]
    assert list(dumped(tmp_path, example())) == [f"{i:02}_{n}.txt" for i, n in enumerate(names)]


def test_the_dump_of_a_small_network(tmp_path, golden):
    """Read it: each step shows what its pass has done; those that did nothing are left out."""
    parts, before = [], ""
    for name, text in dumped(tmp_path, example()).items():
        parts += [] if text == before else [f"# {name}\n\n{text}"]
        before = text
    golden("dump_ir.txt", "\n".join(parts))


def test_dumping_changes_nothing(tmp_path):
    model = write_tflite(example())
    assert compile_tflite(model) == compile_tflite(model, dump_ir=tmp_path)


def test_the_dump_is_the_same_under_any_hash_seed(tmp_path):
    model = tmp_path / "m.tflite"
    model.write_bytes(write_tflite(example()))
    program = (
        "from pathlib import Path; from firmware_export import compile_tflite\n"
        f"compile_tflite(Path({str(model)!r}), dump_ir=Path('dump'))"
    )
    found = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        subprocess.run([sys.executable, "-c", program], cwd=folder, env=environment, check=True)
        found.append({f.name: f.read_text() for f in (folder / "dump").iterdir()})
    assert found[0] == found[1]
    assert len(found[0]) == len(PASSES) + 2


def test_a_refused_model_writes_nothing(tmp_path):
    odd = replace(relu("r"), op="FLOOR_MOD")
    with pytest.raises(UnsupportedOpError):
        compile_tflite(write_tflite(Graph((odd,), odd.inputs, odd.outputs)), dump_ir=tmp_path / "d")
    assert not (tmp_path / "d").exists()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(TinykdError, match="cannot write to"):
        compile_tflite(write_tflite(example()), dump_ir=tmp_path / "file" / "d")


def test_what_is_not_supported_can_be_shown_too():
    """Missing operands, several scales, values without any: an operator that has no MACs."""
    x = activation("x", (1, 4))
    weights = Tensor("w", (2,), "float32", None, np.array([1.5, 2.5], np.float32))
    odd = Node("FLOOR_MOD", 1, (x, None, weights), (Tensor("y", (1, 4), "float32"),), {"beta": 0.5})
    text = graph_text(Graph((odd,), (x,), odd.outputs))
    assert "FLOOR_MOD beta=0.5\n  reads   %0 int8 [1, 4]\n  reads   nothing\n" in text
    assert "  reads   'w' float32 [2] 8 bytes #" in text


def broken(graph: Graph) -> Graph:
    return graph.with_nodes(graph.nodes[:-1])


def test_a_pass_that_goes_wrong_is_named_and_observed():
    steps: list[Step] = []
    with pytest.raises(ModelError, match="After the pass broken: The model gives"):
        run_passes(example(), (*PASSES[:1], broken), steps.append)
    assert [step.name for step in steps] == ["drop_unused", "broken"]


def test_names_that_two_tensors_share_are_told_apart():
    x = activation("same", (1, 8))
    first = replace(relu("same", shape=(1, 8)), inputs=(x,))
    second = reading(relu("same", shape=(1, 8)), first.output)
    text = graph_text(Graph((first, second), (x,), second.outputs))
    assert text.count("reads   %0") == text.count("reads   %1") == 1
    assert text.splitlines()[-1] == "output  %2 'same_out'"
