"""What each exporter writes, and that files reach the disk whole or not at all."""

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from firmware_export import compile_tflite
from firmware_export.errors import ModelError, TinykdError
from firmware_export.exporters import (
    EXPORTERS,
    ExportRequest,
    GoldenVectors,
    write_files,
    write_folder,
)
from firmware_export.exporters.c_array import resolver_method
from firmware_export.names import c_identifier, is_c_identifier
from firmware_export.tflite_writer import write_tflite
from firmware_export.tflm import ArenaNeed
from tests.firmware.fixtures.elementwise_ops import EDGES
from tests.firmware.fixtures.handmade import random_samples, tiny_expected, tiny_model
from tests.firmware.fixtures.single_ops import model_of

LABELS = ('zero "0"', "Ünïcödé 1", "back\\slash??/", "*/ \n end")
SAMPLES = random_samples(3)
REQUEST = ExportRequest(
    compiled=tiny_model(),
    model=bytes(range(256)) * 3 + b"tail",
    operators=("CONV_2D", "FULLY_CONNECTED", "SOFTMAX"),
    labels=LABELS,
    tflm_arena=ArenaNeed(1000, 1040, 1024, 2064),
    golden=GoldenVectors(SAMPLES, tiny_expected(SAMPLES)),
)

# A stand-in for MicroMutableOpResolver, and a program that prints what the header gives it.
C_ARRAY_PROGRAM = """
#include <stdint.h>
#include <stdio.h>
#include "tiny_model_data.h"
struct Resolver {
  int calls = 0;
  int AddConv2D() { calls += 1; return 0; }
  int AddFullyConnected() { calls += 10; return 0; }
  int AddSoftmax() { calls += 100; return fails ? 1 : 0; }
  bool fails = false;
};
int main() {
  Resolver resolver, failing;
  failing.fails = true;
  printf("%d %d %d\\n", tiny_register_ops(resolver), resolver.calls, tiny_register_ops(failing));
  printf("%d %d\\n", TINY_OPERATOR_COUNT, TINY_TENSOR_ARENA_BYTES);
  printf("%g %d %g %d\\n", (double)TINY_MODEL_INPUT_SCALE, TINY_MODEL_INPUT_ZERO_POINT,
         (double)TINY_MODEL_OUTPUT_SCALE, TINY_MODEL_OUTPUT_ZERO_POINT);
  printf("%d\\n", (int)((uintptr_t)tiny_model_data % 16));
  for (int i = 0; i < TINY_MODEL_LABELS; i++) fwrite(tiny_model_labels[i], 1, 64, stderr);
  fwrite(tiny_model_data, 1, TINY_MODEL_DATA_BYTES, stderr);
}
"""


def zig_cpp(folder: Path, *arguments: str) -> None:
    strict = ["-std=c++11", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"]
    # cc, not c++, which would build the C++ library first; nothing here needs it.
    command = [sys.executable, "-m", "ziglang", "cc", "-x", "c++", *strict, "-fno-exceptions"]
    done = subprocess.run([*command, *arguments], cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""


def link(folder: Path, *objects: str) -> Path:
    command = [sys.executable, "-m", "ziglang", "cc", *objects, "-o", "program"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "program"


def export(name: str, request: ExportRequest, folder: Path) -> Mapping[str, str]:
    files = EXPORTERS[name](request)
    write_files(files, folder)
    return files


def test_c_writes_the_compiled_files_unchanged() -> None:
    assert EXPORTERS["c"](REQUEST) == tiny_model().files


@pytest.mark.parametrize("name", EXPORTERS)
def test_the_same_request_gives_the_same_text(name: str) -> None:
    assert EXPORTERS[name](REQUEST) == EXPORTERS[name](REQUEST)


@pytest.mark.parametrize("name", EXPORTERS)
def test_text_ends_its_lines_and_has_no_trailing_blanks(name: str) -> None:
    for file, text in EXPORTERS[name](REQUEST).items():
        assert text.endswith("\n"), file
        assert not text.endswith("\n\n"), file
        assert not re.search(r"[ \t]\n", text), file
        assert "$" not in text, file
        assert text.isascii(), file


def test_c_array_compiles_and_holds_the_model(tmp_path: Path) -> None:
    request = replace(REQUEST, labels=tuple(label.ljust(70) for label in LABELS))
    export("c_array", request, tmp_path)
    (tmp_path / "main.cc").write_text(C_ARRAY_PROGRAM)
    zig_cpp(tmp_path, "-c", "tiny_model_data.cc", "-o", "data.o")
    zig_cpp(tmp_path, "-c", "main.cc", "-o", "main.o")
    program = link(tmp_path, "data.o", "main.o")
    done = subprocess.run([program], capture_output=True, check=True)
    assert done.stdout.decode().splitlines() == ["1 111 0", "3 2064", "0.5 3 0.25 -1", "0"]
    labels = [label.encode().ljust(64)[:64] for label in LABELS]
    assert done.stderr == b"".join(labels) + REQUEST.model


def test_c_array_is_aligned_for_the_interpreter() -> None:
    source = EXPORTERS["c_array"](REQUEST)["tiny_model_data.cc"]
    assert "\nalignas(16) const unsigned char tiny_model_data[" in source


def test_c_array_states_operators_arena_and_hash() -> None:
    header = EXPORTERS["c_array"](REQUEST)["tiny_model_data.h"]
    assert "Operators: CONV_2D, FULLY_CONNECTED, SOFTMAX." in header
    assert "used 1000 bytes and needed 1040 to start.\n * Margin 1024" in header
    assert tiny_model().model_sha256 in header


def test_c_array_without_tflm_says_so_and_defines_no_arena() -> None:
    header = EXPORTERS["c_array"](replace(REQUEST, tflm_arena=None))["tiny_model_data.h"]
    assert "TENSOR_ARENA_BYTES" not in header
    assert "arena_used_bytes() tells it on the board" in header


@pytest.mark.parametrize(
    ("operator", "method"),
    [
        ("ADD", "AddAdd"),
        ("AVERAGE_POOL_2D", "AddAveragePool2D"),
        ("CONV_2D", "AddConv2D"),
        ("DEPTHWISE_CONV_2D", "AddDepthwiseConv2D"),
        ("FULLY_CONNECTED", "AddFullyConnected"),
        ("L2_NORMALIZATION", "AddL2Normalization"),
        ("MAX_POOL_2D", "AddMaxPool2D"),
        ("MEAN", "AddMean"),
        ("PADV2", "AddPadV2"),
        ("RELU6", "AddRelu6"),
        ("RESHAPE", "AddReshape"),
        ("SOFTMAX", "AddSoftmax"),
        ("SPACE_TO_BATCH_ND", "AddSpaceToBatchNd"),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", "AddUnidirectionalSequenceLSTM"),
    ],
)
def test_resolver_methods_are_those_of_tflm(operator: str, method: str) -> None:
    assert resolver_method(operator) == method


def test_labels_must_match_the_classes() -> None:
    with pytest.raises(ModelError, match="'tiny' has 4 outputs, got 2 labels"):
        replace(REQUEST, labels=("a", "b"))


def test_golden_vectors_must_pair_up() -> None:
    with pytest.raises(ModelError, match="as many outputs as inputs and at least one, got 3 and 2"):
        GoldenVectors(SAMPLES, SAMPLES[:2])
    with pytest.raises(ModelError, match="got 0 and 0"):
        GoldenVectors(SAMPLES[:0], SAMPLES[:0])


def test_arduino_without_golden_vectors_is_refused() -> None:
    with pytest.raises(ModelError, match="arduino: 'tiny' has no golden vectors"):
        EXPORTERS["arduino"](replace(REQUEST, golden=None))


@pytest.mark.parametrize("edge", ["float input", "float output", "uint8 output"])
def test_arduino_with_values_that_are_not_int8_is_refused(edge: str) -> None:
    compiled = compile_tflite(write_tflite(model_of(EDGES[edge][0])))
    with pytest.raises(ModelError, match=r"arduino: inputs and outputs must be int8\. Got "):
        EXPORTERS["arduino"](replace(REQUEST, compiled=compiled, labels=()))


def test_files_are_written_over_and_others_stay(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    write_files({"a.txt": "old", "deep/b.txt": "b"}, tmp_path)
    assert write_files({"a.txt": "new\n"}, tmp_path) == (tmp_path / "a.txt",)
    found = {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in tmp_path.rglob("*.*")}
    assert found == {"mine.txt": b"keep", "a.txt": b"new\n", "deep/b.txt": b"b"}


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    folder = tmp_path / "firmware"
    write_folder({"old/a.txt": "old", "b.txt": "old"}, folder)
    write_folder({"b.txt": "new"}, folder)
    assert [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")] == [
        "firmware",
        "firmware/b.txt",
    ]
    assert (folder / "b.txt").read_text() == "new"


def test_a_failure_leaves_the_old_folder(tmp_path: Path) -> None:
    folder = tmp_path / "firmware"
    write_folder({"a.txt": "old"}, folder)
    with pytest.raises(TinykdError, match="leads outside the output folder"):
        write_folder({"a.txt": "new", "../b.txt": "bad"}, folder)
    with pytest.raises(TinykdError, match="cannot write to"):
        write_folder({"a.txt": "new", "a.txt/b.txt": "a file is no folder"}, folder)
    assert [(p.name, p.read_text()) for p in folder.iterdir()] == [("a.txt", "old")]
    assert [p.name for p in tmp_path.iterdir()] == ["firmware"]


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a file, not a folder")
    with pytest.raises(TinykdError, match=r"cannot write to '.*': .*Choose another folder"):
        write_files({"b.txt": "text"}, tmp_path / "a")


@pytest.mark.parametrize("text", ["math", "Arduino", "stdint", "int", "3x", "été", "", "a" * 99])
def test_names_become_identifiers(text: str) -> None:
    assert is_c_identifier(c_identifier(text))
