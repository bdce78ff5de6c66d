"""Building for the host and for every core, and what is said when that fails."""

import shutil

import numpy as np
import pytest

from firmware_export.errors import ToolchainError
from firmware_export.measure import build_firmware, run_on_host
from firmware_export.measure.toolchain import Compiler
from firmware_export.target import CORES
from tests.firmware.fixtures.handmade import random_samples, tiny_expected, tiny_model

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")


def needs(tool: str) -> pytest.MarkDecorator:
    """A mark for what runs only where ``tool`` is installed."""
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not installed")


HOST_COMPILERS = ["zig", pytest.param("gcc", marks=needs_gcc)]
CROSS_COMPILERS = [
    "zig",
    pytest.param("gcc", marks=[needs("arm-none-eabi-gcc"), pytest.mark.cross]),
]
"""For an Arm core."""

BUILDS = [
    *(pytest.param(core, "zig", id=f"{core}-zig") for core in CORES),
    *(
        pytest.param(
            core.name,
            "gcc",
            marks=[needs(core.architecture.gcc), pytest.mark.cross],
            id=f"{core.name}-gcc",
        )
        for core in CORES.values()
    ),
]
"""Every core with each compiler that makes code for it."""

ONE = random_samples(1)


@pytest.mark.parametrize("cc", HOST_COMPILERS)
def test_the_host_gives_the_bytes_of_the_model(cc: Compiler) -> None:
    samples = random_samples(10_000)
    assert np.array_equal(run_on_host(tiny_model(), samples, cc=cc), tiny_expected(samples))


def test_samples_may_have_any_shape_of_the_right_size() -> None:
    samples = random_samples(3)
    outputs = run_on_host(tiny_model(), samples.reshape(3, 2, 2))
    assert np.array_equal(outputs, tiny_expected(samples))


@pytest.mark.parametrize(
    "samples",
    [ONE.astype(np.int16), random_samples(3, size=5), ONE[:0], np.int8(3)],
    ids=["int16", "wrong size", "no sample", "scalar"],
)
def test_wrong_samples_are_refused(samples: np.ndarray) -> None:
    with pytest.raises(ToolchainError, match=r"expected int8 \[n >= 1, 4\], got"):
        run_on_host(tiny_model(), samples)


@needs_gcc
@pytest.mark.parametrize(
    ("fault", "finding"),
    [
        ("arena[TINY_ARENA_BYTES] = 1;", "AddressSanitizer"),
        ("volatile int32_t big = 0x7fffffff; big += 1;", "signed integer overflow"),
    ],
)
def test_sanitizers_find_faults(fault: str, finding: str) -> None:
    model = tiny_model(layer_0=fault)
    run_on_host(model, ONE, cc="gcc")  # goes unnoticed without
    with pytest.raises(ToolchainError, match=finding):
        run_on_host(model, ONE, cc="gcc", sanitize="address,undefined")


@pytest.mark.parametrize("cc", HOST_COMPILERS)
def test_a_warning_is_an_error_with_its_place(cc: Compiler) -> None:
    model = tiny_model(layer_0="int32_t wide = in[0]; out[0] = wide;")
    with pytest.raises(ToolchainError, match=r"failed with status 1: tiny\.c:\d+:\d+: error:"):
        run_on_host(model, ONE, cc=cc)


def test_a_program_that_does_not_end_is_stopped() -> None:
    model = tiny_model(layer_1="volatile int32_t go = 1; while (go) { }")
    with pytest.raises(ToolchainError, match=r"model took longer than 0.5 s and was stopped"):
        run_on_host(model, ONE, timeout_s=0.5)


def test_a_crash_is_an_error() -> None:
    model = tiny_model(layer_1="__builtin_trap();")
    with pytest.raises(ToolchainError, match="model failed with status -"):
        run_on_host(model, ONE)


def test_a_model_that_reports_failure_is_an_error() -> None:
    model = tiny_model()
    files = {name: text.replace("return 0;", "return 7;") for name, text in model.files.items()}
    with pytest.raises(ToolchainError, match="model failed with status 7"):
        run_on_host(type(model)(**{**vars(model), "files": files}), ONE)


@pytest.mark.parametrize(("core", "cc"), BUILDS)
def test_the_same_model_gives_the_same_elf(core: str, cc: Compiler) -> None:
    one, other = (build_firmware(tiny_model(), CORES[core], cc=cc) for _ in range(2))
    assert one.elf == other.elf
    assert one.elf[:4] == b"\x7fELF"


def test_the_optimization_level_reaches_the_compiler() -> None:
    sizes = {
        build_firmware(tiny_model(), CORES["cortex-m4"], optimize=level).elf
        for level in ("O3", "Os")
    }
    assert len(sizes) == 2


@pytest.mark.parametrize(
    ("core", "gcc"),
    [("cortex-m4", "arm-none-eabi-gcc"), ("riscv32", "riscv64-unknown-elf-gcc")],
)
def test_a_missing_compiler_is_named(core: str, gcc: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolchainError, match=f"{gcc} is not installed.*--cc zig"):
        build_firmware(tiny_model(), CORES[core], cc="gcc")


def test_a_model_that_exceeds_the_memory_is_refused() -> None:
    model = tiny_model()
    header = model.files["tiny.h"].replace("ARENA_BYTES 64", "ARENA_BYTES 5000000")
    files = {**model.files, "tiny.h": header}
    with pytest.raises(ToolchainError, match="the arena does not fit 4 MiB of RAM"):
        build_firmware(type(model)(**{**vars(model), "files": files}), CORES["cortex-m4"])
