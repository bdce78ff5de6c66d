"""The emulator against others: TFLM for the bytes, QEMU for bytes and instruction counts."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from firmware_export.compiled import CompiledModel
from firmware_export.compiler import compile_tflite
from firmware_export.measure import build_firmware, emulate, run_firmware, run_on_host
from firmware_export.measure.elf_size import read_elf
from firmware_export.measure.qemu import qemu_command, run_under_qemu
from firmware_export.measure.toolchain import Compiler
from firmware_export.target import CORES
from firmware_export.tflm import run_tflm
from tests.firmware.fixtures.handmade import random_samples, tiny_expected, tiny_model
from tests.firmware.test_toolchain import BUILDS, CROSS_COMPILERS

MODELS = Path(__file__).resolve().parents[2].parent / "shared" / "models"
M4 = CORES["cortex-m4"]

QEMU_COUNTS = ["cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "riscv32"]
"""Under QEMU's machine for the M33 addresses in the trace are those of another alias."""

needs_qemu = pytest.mark.skipif(
    any(shutil.which(core.architecture.qemu) is None for core in CORES.values()),
    reason="qemu-system-arm and qemu-system-riscv32 are not both installed",
)


def shared_model(name: str) -> tuple[CompiledModel, bytes]:
    file = MODELS / f"{name}.tflite"
    if not file.exists():
        pytest.skip("the shared models are not here")
    return compile_tflite(file), file.read_bytes()


def samples_for(model: CompiledModel, count: int) -> NDArray[np.int8]:
    return random_samples(count, sum(port.size_bytes for port in model.inputs))


@pytest.mark.parametrize("name", ["hello_world_int8", "kws_ref_model", "pretrainedResnet_quant"])
def test_host_and_cortex_m4_give_the_bytes_of_tflm(name: str) -> None:
    model, file = shared_model(name)
    samples = samples_for(model, 8)
    expected = run_tflm(file, samples)
    assert np.array_equal(run_on_host(model, samples), expected)
    result = emulate(model, M4, samples)
    assert np.array_equal(result.outputs, expected)
    assert sum(layer.macs for layer in result.layers) == model.macs
    assert all(layer.instructions > 0 for layer in result.layers)


@pytest.mark.cross
@needs_qemu
@pytest.mark.parametrize(("core", "cc"), BUILDS)
def test_qemu_gives_the_same_bytes(core: str, cc: Compiler) -> None:
    samples = random_samples(20)
    firmware = build_firmware(tiny_model(), CORES[core], cc=cc)
    assert np.array_equal(run_under_qemu(firmware, tiny_model(), samples), tiny_expected(samples))


@pytest.mark.cross
@needs_qemu
@pytest.mark.parametrize("cc", CROSS_COMPILERS)
def test_qemu_gives_the_same_bytes_for_a_real_model(cc: Compiler) -> None:
    model, _ = shared_model("kws_ref_model")
    samples = samples_for(model, 3)
    firmware = build_firmware(model, M4, cc=cc, optimize="O2")
    ours = run_firmware(firmware, model, samples).outputs
    assert np.array_equal(run_under_qemu(firmware, model, samples), ours)


@pytest.mark.cross
@needs_qemu
@pytest.mark.parametrize("core", QEMU_COUNTS)
def test_qemu_executes_the_same_number_of_instructions(core: str, tmp_path: Path) -> None:
    model = tiny_model(layer_1="volatile uint32_t n = 37; while (n != 0) { n = n / 3u; }")
    samples = random_samples(1)
    firmware = build_firmware(model, CORES[core])
    counted = run_firmware(firmware, model, samples)
    assert np.array_equal(counted.outputs, tiny_expected(samples))

    (tmp_path / "model.elf").write_bytes(firmware.elf)
    (tmp_path / "inputs.bin").write_bytes(samples.tobytes())
    subprocess.run(
        [*qemu_command(CORES[core]), "-singlestep", "-d", "exec,nochain", "-D", "trace.log"],
        cwd=tmp_path,
        check=True,
        timeout=60,
    )
    trace = (tmp_path / "trace.log").read_text()
    addresses = [int(pc, 16) for pc in re.findall(r"\[[0-9a-f]+/([0-9a-f]+)/", trace)]
    image = read_elf(firmware.elf)
    entries = [address for address in addresses if address == image.addresses["tiny_invoke"]]
    assert len(entries) == 1
    inside = {"tiny_invoke", "tiny_layer_0", "tiny_layer_1"}
    helpers = [s for s in image.symbols if s.kind == "code" and s.name not in TINY_ACCESSORS]
    assert inside <= {symbol.name for symbol in helpers}
    ranges = [range(s.address, s.address + s.size_bytes) for s in helpers]
    assert sum(any(a in r for r in ranges) for a in addresses) == counted.instructions


TINY_ACCESSORS = {"tiny_input", "tiny_output"}


@needs_qemu
@pytest.mark.cross
@pytest.mark.parametrize(
    ("core", "nothing_there"), [("cortex-m4", 0x6000_0000), ("riscv32", 0x0800_0000)]
)
def test_a_fault_under_qemu_is_an_error(core: str, nothing_there: int) -> None:
    model = tiny_model(layer_0=f"out[0] = *(volatile int8_t *)(uintptr_t){nothing_there}u;")
    with pytest.raises(Exception, match=f"{CORES[core].architecture.qemu} failed with status 255"):
        run_under_qemu(build_firmware(model, CORES[core]), model, random_samples(1))
