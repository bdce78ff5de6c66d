"""A second opinion: the same program under QEMU, a different emulator.

There the whole program runs, from reset, reading samples and writing outputs as files through
semihosting; under unicorn only the model does.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from firmware_export.compiled import CompiledModel
from firmware_export.errors import ToolchainError
from firmware_export.measure.samples import Int8Array, pack_inputs, unpack_outputs
from firmware_export.measure.toolchain import Firmware, run_tool
from firmware_export.target import Core


def run_under_qemu(
    firmware: Firmware, compiled: CompiledModel, inputs: Int8Array, *, timeout_s: float = 120.0
) -> Int8Array:
    """Run a program that `build_firmware` has made of ``compiled`` under QEMU.

    Args:
        firmware: The program.
        compiled: The model in it.
        inputs: int8 ``[n, ...]``, as `pack_inputs` takes them.
        timeout_s: Longest time for all samples.

    Returns:
        int8 ``[n, ...]``, as `unpack_outputs` gives them.

    Raises:
        ToolchainError: QEMU is missing, or the program failed or took too long.
    """
    qemu = firmware.core.architecture.qemu
    if shutil.which(qemu) is None:
        raise ToolchainError(f"{qemu} is not installed. Install it, or use the unicorn emulator.")
    rows = pack_inputs(compiled, inputs)
    with tempfile.TemporaryDirectory(prefix="tinykd-") as folder:
        Path(folder, "model.elf").write_bytes(firmware.elf)
        Path(folder, "inputs.bin").write_bytes(rows.tobytes())
        run_tool(qemu_command(firmware.core), cwd=folder, timeout_s=timeout_s)
        outputs = Path(folder, "outputs.bin")
        data = outputs.read_bytes() if outputs.exists() else b""
    return unpack_outputs(compiled, data, len(rows))


def qemu_command(core: Core) -> list[str]:
    """Return the command that runs ``model.elf``, with its files in the working directory."""
    machine = [core.architecture.qemu, "-M", core.qemu_machine, *core.architecture.qemu_flags]
    devices = ["-display", "none", "-serial", "none", "-monitor", "none"]
    files = ["-semihosting-config", "enable=on,target=native"]
    return [*machine, *devices, *files, "-kernel", "model.elf"]
