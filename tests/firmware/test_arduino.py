"""The Arduino library: its layout, and a sketch that compiles without a warning and passes."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firmware_export.compiler import compile_tflite
from firmware_export.errors import ModelError
from firmware_export.exporters import EXPORTERS, ExportRequest, GoldenVectors, write_folder
from firmware_export.measure import run_on_host
from firmware_export.tflite_writer import write_tflite
from tests.firmware.fixtures.handmade import random_samples, tiny_expected, tiny_model
from tests.firmware.fixtures.lstm import lstm
from tests.firmware.fixtures.single_ops import conv_2d, fully_connected, model_of
from tests.firmware.test_exporters import LABELS, link, zig_cpp

SHIM = Path(__file__).parent / "fixtures" / "arduino_shim"
AVR = Path("/usr/share/arduino/hardware/arduino/avr")
SAMPLES = random_samples(5)
REQUEST = ExportRequest(
    compiled=tiny_model(),
    model=b"",
    golden=GoldenVectors(SAMPLES, tiny_expected(SAMPLES)),
    labels=LABELS,
)
EXAMPLE = "examples/TinySelfTest"


def run_sketch(request: ExportRequest, folder: Path) -> list[str]:
    """Export, compile and run on the host; the lines that the sketch printed."""
    library = folder / "library"
    write_folder(EXPORTERS["arduino"](request), library)
    (sketch,) = library.rglob("*.ino")
    (source,) = library.glob("src/*.c")
    # As the Arduino builder does: the sketch is C++ with the example's folder and the library's
    # src on the include path; the library's C stays C.
    folders = [f"-I{SHIM}", f"-I{library / 'src'}", f"-I{sketch.parent}"]
    zig_cpp(folder, *folders, "-c", str(sketch), "-o", "sketch.o")
    zig_cpp(folder, *folders, "-c", str(SHIM / "main.cpp"), "-o", "main.o")
    program = link(folder, "sketch.o", "main.o", str(source), f"-I{library / 'src'}")
    done = subprocess.run([program], capture_output=True, check=True, timeout=60)
    return done.stdout.decode().splitlines()


def test_the_folder_is_an_arduino_library() -> None:
    files = EXPORTERS["arduino"](REQUEST)
    assert sorted(files) == [
        "README.md",
        "examples/TinySelfTest/TinySelfTest.ino",
        "examples/TinySelfTest/tiny_golden.h",
        "keywords.txt",
        "library.properties",
        "src/tiny.c",
        "src/tiny.h",
    ]
    properties = dict(line.split("=", 1) for line in files["library.properties"].splitlines())
    assert set(properties) >= {
        "name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url",
        "architectures", "includes",
    }  # fmt: skip
    assert properties["includes"] == "tiny.h"


def test_the_sketch_passes_and_prints_its_result(tmp_path: Path) -> None:
    lines = run_sketch(REQUEST, tmp_path)
    assert lines[0] == "model tiny"
    assert lines[1] == "self-test: PASS 5 of 5"
    assert lines[2].startswith("microseconds per inference: ")
    assert lines[3] == "arena bytes: 64"
    best = int(np.argmax(tiny_expected(SAMPLES)[0]))
    assert lines[4] == f"result: {LABELS[best]}".splitlines()[0]


def test_the_sketch_finds_a_wrong_byte(tmp_path: Path) -> None:
    wrong = tiny_expected(SAMPLES)
    wrong[3, 1] ^= 1
    wrong[4] ^= 1
    lines = run_sketch(replace(REQUEST, golden=GoldenVectors(SAMPLES, wrong)), tmp_path)
    assert lines[1:4] == [
        "vector 3: wrong output bytes 1",
        "vector 4: wrong output bytes 4",
        "self-test: FAIL 3 of 5",
    ]


def test_without_labels_the_sketch_prints_real_values(tmp_path: Path) -> None:
    lines = run_sketch(replace(REQUEST, labels=()), tmp_path)
    real = 0.25 * (tiny_expected(SAMPLES)[0].astype(float) + 1)
    assert lines[4] == "result: " + " ".join(f"{value:.2f}" for value in real)


@pytest.mark.parametrize("above", [True, False])
def test_the_sketch_of_an_autoencoder_prints_its_score(above: bool, tmp_path: Path) -> None:
    """The first vector as real values, against what the model rebuilds from it."""
    file = write_tflite(model_of(fully_connected("f", 1, features=16)))
    compiled = compile_tflite(file, name="rebuilds")
    source, result = compiled.inputs[0], compiled.outputs[0]
    samples = random_samples(2, source.size_bytes)
    golden = GoldenVectors(samples, run_on_host(compiled, samples))
    request = ExportRequest(compiled=compiled, model=file, golden=golden)
    given = (samples[0].reshape(-1).astype(float) - source.zero_point) * source.scale
    rebuilt = (golden.outputs[0].reshape(-1).astype(float) - result.zero_point) * result.scale
    score = float(np.square(given - rebuilt).mean())
    lines = run_sketch(replace(request, threshold=score * (0.9 if above else 1.1)), tmp_path)
    assert lines[1] == "self-test: PASS 2 of 2"
    printed, word = lines[4].removeprefix("score: ").split()
    assert float(printed) == pytest.approx(score, rel=1e-3, abs=1e-4)
    assert word == ("anomalous" if above else "normal")


def test_a_model_that_cannot_rebuild_its_input_has_no_score() -> None:
    file = write_tflite(model_of(fully_connected("f", 1)))
    compiled = compile_tflite(file, name="smaller")
    with pytest.raises(ModelError, match="takes 16 values and gives 5; an autoencoder gives as"):
        ExportRequest(compiled=compiled, model=file, threshold=1.0)


def test_the_sketch_of_a_compiled_model_with_two_inputs_passes(tmp_path: Path) -> None:
    file = write_tflite(model_of(conv_2d("a", 1), fully_connected("b", 2)))
    compiled = compile_tflite(file, name="pair")
    samples = random_samples(2, sum(port.size_bytes for port in compiled.inputs))
    golden = GoldenVectors(samples, run_on_host(compiled, samples))
    request = ExportRequest(compiled=compiled, model=file, golden=golden)
    lines = run_sketch(request, tmp_path)
    assert lines[1] == "self-test: PASS 2 of 2"
    # loop() feeds the first vector again, the first input of it as real values.
    first = compiled.outputs[0]
    values = golden.outputs[0][: first.size_bytes].astype(np.float32) - first.zero_point
    shown = [float(word) for word in lines[4].removeprefix("result:").split()]
    assert shown == pytest.approx(values * first.scale, abs=0.005)  # printed with two digits


def test_the_sketch_of_a_model_with_state_passes(tmp_path: Path) -> None:
    """Its vectors are one sequence, and loop() begins another."""
    file = write_tflite(model_of(lstm("l", 1, batch=1)))
    compiled = compile_tflite(file, name="memory")
    one = random_samples(1, compiled.inputs[0].size_bytes)
    samples = np.repeat(one, 3, axis=0)
    golden = GoldenVectors(samples, run_on_host(compiled, samples))
    assert not np.array_equal(golden.outputs[0], golden.outputs[1])
    request = ExportRequest(compiled=compiled, model=file, golden=golden)
    lines = run_sketch(request, tmp_path)
    assert "memory_reset(arena);" in EXPORTERS["arduino"](request)["README.md"]
    assert lines[1] == "self-test: PASS 3 of 3"
    output = compiled.outputs[0]
    values = golden.outputs[0].reshape(-1).astype(np.float32) - output.zero_point
    shown = [float(word) for word in lines[4].removeprefix("result:").split()]
    assert shown == pytest.approx(values * output.scale, abs=0.005)  # printed with two digits


@pytest.mark.cross
@pytest.mark.skipif(shutil.which("arm-none-eabi-g++") is None, reason="no arm-none-eabi-g++")
@pytest.mark.parametrize("standard", ["c++11", "gnu++17"])
def test_arm_gcc_compiles_the_sketch_without_a_warning(standard: str, tmp_path: Path) -> None:
    write_folder(EXPORTERS["arduino"](REQUEST), tmp_path / "library")
    sketch = tmp_path / "library" / EXAMPLE / "TinySelfTest.ino"
    strict = [f"-std={standard}", "-Wall", "-Wextra", "-Werror", "-mcpu=cortex-m4", "-mthumb"]
    folders = [f"-I{SHIM}", f"-I{tmp_path / 'library' / 'src'}"]
    command = ["arm-none-eabi-g++", *strict, *folders, "-x", "c++", "-fsyntax-only", str(sketch)]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode()) == (0, "")


@pytest.mark.cross
@pytest.mark.skipif(
    shutil.which("avr-g++") is None or not AVR.exists(), reason="no gcc-avr with arduino-core-avr"
)
def test_the_real_arduino_core_compiles_the_sketch(tmp_path: Path) -> None:
    write_folder(EXPORTERS["arduino"](REQUEST), tmp_path / "library")
    source = tmp_path / "library" / "src"
    board = ["-mmcu=atmega2560", "-DF_CPU=16000000L", "-DARDUINO=10819", "-DARDUINO_ARCH_AVR"]
    folders = [f"-I{AVR / 'cores' / 'arduino'}", f"-I{AVR / 'variants' / 'mega'}", f"-I{source}"]
    strict = ["-Os", "-Wall", "-Wextra", "-Werror", "-c", "-o", "out.o"]
    sketch = str(tmp_path / "library" / EXAMPLE / "TinySelfTest.ino")
    for command in (
        ["avr-g++", "-std=gnu++11", "-x", "c++", sketch],
        ["avr-gcc", "-std=c99", str(source / "tiny.c")],
    ):
        done = subprocess.run(
            [*command, *board, *strict, *folders], cwd=tmp_path, capture_output=True, check=False
        )
        assert (done.returncode, done.stderr.decode()) == (0, "")
