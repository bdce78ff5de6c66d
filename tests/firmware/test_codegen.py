"""The generated text: strict compilers, C++, helpers of the header, the same text every time."""

import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_export import CompiledModel, compile_tflite
from firmware_export.codegen.kernels import bundle
from firmware_export.codegen.text import array_literal, c_float, comment, printable
from firmware_export.measure.toolchain import run_tool
from firmware_export.ops import OPS
from firmware_export.tflite_writer import write_tflite
from tests.firmware.fixtures import movement_ops
from tests.firmware.fixtures.elementwise_ops import EDGES, ELEMENTWISE_CASES
from tests.firmware.fixtures.lstm import lstm
from tests.firmware.fixtures.single_ops import (
    add,
    conv_2d,
    depthwise_conv_2d,
    fully_connected,
    mean,
    model_of,
    pool_2d,
    relu,
    reshape,
    softmax,
)
from tests.firmware.fixtures.transposed import transposed
from tests.firmware.test_compile import MODELS, needs_models

STRICT = [
    *("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wstrict-prototypes"),
    *("-Wmissing-prototypes", "-Wundef", "-Wcast-qual", "-Werror"),
]
ZIG = [sys.executable, "-m", "ziglang"]
ALL_OPERATORS = model_of(
    add("add"),
    add("addc", constant_operand=1),
    conv_2d("conv", 0),
    conv_2d("narrow", 0, spread=0.0002),
    conv_2d("dilated", 0, image=(1, 6, 7, 4), channels=6, groups=2, dilation=(2, 2)),
    depthwise_conv_2d("dw", 0),
    depthwise_conv_2d("spread", 0, dilation=(2, 2)),
    fully_connected("fc", 0),
    mean("mean"),
    pool_2d("AVERAGE_POOL_2D", "avg"),
    pool_2d("MAX_POOL_2D", "max"),
    relu("relu"),
    reshape("view", shape=(1, 4), new_shape=(2, 2)),
    softmax("softmax"),
    transposed("transposed", 0),
    lstm("lstm", 0),
    *(cases[0] for cases in movement_ops.CASES.values()),
    *dict.fromkeys(cases[0] for cases in (*ELEMENTWISE_CASES.values(), *EDGES.values())),
)


def compiled(*nodes, name="model") -> CompiledModel:
    return compile_tflite(write_tflite(model_of(*nodes) if nodes else ALL_OPERATORS), name=name)


def written(model: CompiledModel, folder: Path) -> str:
    for name, text in model.files.items():
        (folder / name).write_text(text)
    return str(folder)


def test_all_operators_are_in_the_model_of_these_tests():
    assert {node.op for node in ALL_OPERATORS.nodes} == set(OPS)


@pytest.mark.parametrize("level", ["-O0", "-O2", "-Os"])
@pytest.mark.parametrize("compiler", [["gcc"], [*ZIG, "cc"]], ids=["gcc", "clang"])
def test_strict_c99_without_a_warning(compiler, level, tmp_path):
    folder = written(compiled(), tmp_path)
    run_tool([*compiler, "-std=c99", *STRICT, level, "-c", "model.c", "-o", "m.o"], cwd=folder)


@pytest.mark.parametrize("op", OPS)
def test_each_operator_alone_needs_nothing_of_the_others(op, tmp_path):
    """No unused function (which clang reports) and no missing one."""
    node = next(node for node in ALL_OPERATORS.nodes if node.op == op)
    folder = written(compiled(node), tmp_path)
    run_tool([*ZIG, "cc", "-std=c99", *STRICT, "-c", "model.c", "-o", "m.o"], cwd=folder)


CPP_MAIN = """
#include "model.h"
static uint8_t arena[MODEL_ARENA_BYTES] __attribute__((aligned(16)));
int main()
{
    for (int i = 0; i < MODEL_INPUT_BYTES; ++i) {
        model_input(arena)[i] = model_quantize_input(0.5f);
    }
    return model_invoke(arena) + (model_argmax(arena) < 0) +
           (model_dequantize_output(model_output(arena)[0]) > 1e6f);
}
"""


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_a_cpp_sketch_can_include_it(tmp_path):
    folder = written(compiled(fully_connected("fc", 0)), tmp_path)
    (tmp_path / "main.cpp").write_text(CPP_MAIN)
    run_tool(["gcc", "-std=c99", "-c", "model.c", "-o", "model.o"], cwd=folder)
    warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
    run_tool(["g++", "-std=c++11", *warnings, "main.cpp", "model.o", "-o", "m"], cwd=folder)
    run_tool([str(tmp_path / "m")], cwd=folder)


HELPERS_MAIN = """
#include <stdio.h>
#include "model.h"
static uint8_t arena[MODEL_ARENA_BYTES + 1] __attribute__((aligned(16)));
int main(void)
{
    float real;
    if (model_invoke(NULL) != MODEL_ERROR_ARENA || model_invoke(arena + 1) != MODEL_ERROR_ARENA) {
        return 1;
    }
    while (fread(&real, sizeof real, 1, stdin) == 1) {
        const int8_t q = model_quantize_input(real);
        const float back = model_dequantize_output(q);
        fwrite(&q, 1, 1, stdout);
        fwrite(&back, sizeof back, 1, stdout);
    }
    return 0;
}
"""


def test_the_helpers_of_the_header(tmp_path):
    """Quantize like NumPy in float32, ties away from zero, saturated; dequantize exactly."""
    node = relu("r", scales=(0.05, 0.04), zero_points=(-7, 11))
    folder = written(compiled(node), tmp_path)
    (tmp_path / "main.c").write_text(HELPERS_MAIN)
    flags = ["-std=c99", "-O1", "-fsanitize=undefined,address", "-fno-sanitize-recover=all"]
    run_tool(["gcc", *flags, "main.c", "model.c", "-o", "m"], cwd=folder)

    scale = np.float32(0.05)
    steps = np.arange(-140, 141).astype(np.float32)
    ties = (steps + np.float32(0.5)) * scale
    near = np.concatenate([np.nextafter(ties, np.float32(s)) for s in (-1e9, 1e9)])
    extremes = np.float32([np.inf, -np.inf, 3e38, -3e38, 1e-40, -0.0])
    reals = np.concatenate([steps * scale, ties, near, extremes]).astype(np.float32)
    output = run_tool([str(tmp_path / "m")], cwd=folder, stdin=reals.tobytes())
    got = np.frombuffer(output, np.dtype([("q", "i1"), ("back", "<f4")]))

    with np.errstate(over="ignore"):  # the largest become infinite, which is then clipped
        ratio = (reals / scale).astype(np.float64)
    rounded = np.sign(ratio) * np.floor(np.abs(ratio) + 0.5)
    expected = np.clip(rounded - 7, -128, 127)
    assert got["q"].tolist() == expected.tolist()
    out_scale = np.float32(0.04)
    assert got["back"].tolist() == (out_scale * (expected - 11).astype(np.float32)).tolist()

    nan = run_tool([str(tmp_path / "m")], cwd=folder, stdin=np.float32([np.nan]).tobytes())
    assert np.frombuffer(nan[:1], np.int8).tolist() == [-128]


ARGMAX_MAIN = """
#include <stdio.h>
#include "model.h"
static uint8_t arena[MODEL_ARENA_BYTES] __attribute__((aligned(16)));
int main(void)
{
    while (fread(model_input(arena), 1, MODEL_INPUT_BYTES, stdin) == MODEL_INPUT_BYTES) {
        model_invoke(arena);
        putchar((int)model_argmax(arena));
    }
    return 0;
}
"""


def test_argmax_takes_the_first_of_equals(tmp_path):
    node = relu("r", shape=(1, 6), scales=(0.05, 0.05), zero_points=(-128, -128))
    folder = written(compiled(node), tmp_path)
    (tmp_path / "main.c").write_text(ARGMAX_MAIN)
    run_tool(["gcc", "-std=c99", "-O1", "main.c", "model.c", "-o", "m"], cwd=folder)
    rows = np.array(
        [[1, 2, 3, 3, 2, 1], [5, 5, 5, 5, 5, 5], [-128, -128, -127, 0, 0, 127], [9, 1, 1, 1, 1, 9]],
        np.int8,
    )
    output = run_tool([str(tmp_path / "m")], cwd=folder, stdin=rows.tobytes())
    assert list(output) == rows.argmax(axis=1).tolist() == [2, 0, 5, 0]


def test_the_interface_of_several_inputs_and_outputs():
    header = compiled(add("a"), relu("r"), name="two")
    text = header.files["two.h"]
    for declared in (
        "int8_t *two_input(uint8_t *arena);",
        "int8_t *two_input_1(uint8_t *arena);",
        "int8_t *two_input_2(uint8_t *arena);",
        "const int8_t *two_output(const uint8_t *arena);",
        "const int8_t *two_output_1(const uint8_t *arena);",
        "int two_invoke(uint8_t *arena);",
        "#define TWO_INPUT_BYTES 60",
        "#define TWO_INPUT_2_BYTES 50",
        "#define TWO_OUTPUT_1_BYTES 50",
        "#define TWO_INPUT_1_SCALE 0.0299999993f",
        "#define TWO_INPUT_1_ZERO_POINT (20)",
        f"#define TWO_ARENA_BYTES {header.arena_bytes}",
        "two_quantize_input_2(float real)",
        "two_dequantize_output_1(int8_t value)",
    ):
        assert declared in text


def test_nothing_but_the_model_and_the_version_is_in_the_text():
    """No time, no path: the text is a function of the file and the name."""
    data = write_tflite(ALL_OPERATORS)
    assert dict(compile_tflite(data).files) == dict(compile_tflite(bytes(data)).files)
    program = (
        "import sys; from firmware_export import compile_tflite as c\n"
        "sys.stdout.buffer.write(c(sys.stdin.buffer.read()).files['model.c'].encode())"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", program],
            input=data,
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert texts == {compile_tflite(data).files["model.c"].encode()}


@needs_models
def test_trained_models_give_the_same_text_under_any_hash_seed():
    program = (
        "import hashlib, pathlib, sys; from firmware_export import TinykdError, compile_tflite\n"
        "for file in sorted(pathlib.Path(sys.argv[1]).glob('*.tflite')):\n"
        "    try:\n"
        "        text = ''.join(compile_tflite(file).files.values())\n"
        "    except TinykdError as error:\n"
        "        text = str(error)\n"
        "    sys.stdout.write(file.name + ' ' + hashlib.sha256(text.encode()).hexdigest() + '\\n')"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", program, str(MODELS)],
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(texts) == 1
    assert texts.pop().count(b"\n") == len(list(MODELS.glob("*.tflite")))


def test_no_state_outside_the_arena(tmp_path):
    """Every object of the generated file is constant: nothing in .data or .bss."""
    folder = written(compiled(), tmp_path)
    run_tool(["gcc", "-std=c99", "-O2", "-c", "model.c", "-o", "m.o"], cwd=folder)
    sizes = run_tool(["size", "-A", "m.o"], cwd=folder).decode().splitlines()
    sections = {row.split()[0]: int(row.split()[1]) for row in sizes if row.startswith(".")}
    assert sections[".rodata"] > 0
    assert sections[".data"] == sections[".bss"] == 0


def test_names_from_the_file_cannot_leave_their_comment(tmp_path):
    node = relu("*/ int evil = 1; /* ??/ \\")
    model = compiled(node)
    assert "*/ int evil" not in model.files["model.c"] + model.files["model.h"]
    folder = written(model, tmp_path)
    run_tool(["gcc", "-std=c99", *STRICT, "-trigraphs", "-c", "model.c", "-o", "m.o"], cwd=folder)


@given(st.text())
def test_a_comment_ends_where_it_should(text):
    inside = printable(text)
    assert inside.isascii()
    assert "*/" not in inside
    assert "??" not in inside
    assert comment(text).index("*/") == len(comment(text)) - 2


@given(st.floats(width=32, min_value=2.0**-100, max_value=2.0**100))
def test_a_float_literal_reads_back_the_same(value):
    assert np.float32(c_float(value).removesuffix("f")) == np.float32(value)


def test_an_array_literal_holds_the_extremes():
    text = array_literal(np.array([-(2**31), 2**31 - 1, 0], np.int32))
    assert text == "{\n    (-2147483647 - 1), 2147483647, 0,\n}"


def test_a_bundle_has_every_kernel_once_and_after_what_it_needs():
    text = bundle(["tkd_conv_2d_s8", "tkd_fully_connected_s8"])
    for name in ("tkd_finish(", "tkd_requantize(", "tkd_clamp(", "tkd_conv_2d_s8("):
        assert text.count(f" {name}const") + text.count(f" {name}int32_t value") == 1
    assert text.index("tkd_clamp(int32_t") < text.index("tkd_finish(const")
    assert '#include "' not in text
    assert text.count("#include <stdint.h>") == 1
    assert "_H\n" not in text


def test_golden_header(golden):
    model = tiny()
    text = model.files["tiny.h"].replace(model.model_sha256, "<SHA-256>")
    golden("tiny_header.txt", text.replace(metadata.version("tinykd"), "<version>"))


def test_golden_layers(golden):
    """All of the source after the kernels: what a reader of the file sees of the model."""
    source = tiny().files["tiny.c"]
    golden("tiny_layers.txt", source[source.index("/* FULLY_CONNECTED") :])


def tiny() -> CompiledModel:
    node = fully_connected("dense", 0, shape=(1, 4), features=3, activation_function="RELU")
    return compiled(node, name="tiny")
