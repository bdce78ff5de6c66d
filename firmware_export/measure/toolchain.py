"""Compilers and emulators as programs: the only place that starts a process."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from firmware_export.compiled import CompiledModel
from firmware_export.errors import ToolchainError
from firmware_export.measure.harness_files import (
    ENDLESS,
    HEADERS,
    HOST_SOURCES,
    LINKER_SCRIPT,
    bare_metal_sources,
    linker_script,
    model_header,
    read_harness,
)
from firmware_export.measure.samples import Int8Array, pack_inputs, unpack_outputs
from firmware_export.target import Core

Compiler = Literal["zig", "gcc"]
Optimization = Literal["O2", "O3", "Os"]

LEVELS: Mapping[str, Optimization] = MappingProxyType(
    {"speed": "O3", "balanced": "O3", "size": "Os"}
)
"""The level that suits what a model is optimized for, by ``choose.Goal``."""

WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")
LANGUAGE = ("-std=c99", *WARNINGS)
# No debug information and no unwind tables: neither reaches a microcontroller.
BARE_METAL = (
    "-g0",
    "-ffunction-sections",
    "-fdata-sections",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
)
SANITIZERS = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")

# -nostartfiles rather than -nostdlib for zig: Cortex-M0+ needs helpers of its compiler-rt.
LINK = ("-nostartfiles", "-Wl,--gc-sections", "-T", LINKER_SCRIPT)

COMPILE_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Firmware:
    """A bare-metal program that holds a model and the measuring harness.

    Attributes:
        elf: The linked file.
        core: What it was compiled for.
        compiler: Name and version, for reports.
        optimize: Optimization level, such as ``"O3"``.
    """

    elf: bytes
    core: Core
    compiler: str
    optimize: str


def build_firmware(
    compiled: CompiledModel,
    core: Core,
    *,
    cc: Compiler = "zig",
    optimize: Optimization = "O3",
) -> Firmware:
    """Compile and link a model for a core, without an operating system.

    The same model, core and compiler give the same bytes.

    Args:
        compiled: The model as C.
        core: A row of `CORES`.
        cc: ``"zig"`` (clang from the ``ziglang`` wheel) or ``"gcc"`` (that of the architecture,
            such as ``arm-none-eabi-gcc``).
        optimize: Level for the model's code.

    Raises:
        ToolchainError: The compiler is missing, or refuses the code; the message has its first
            error.
    """
    compiler = _cross_compiler(core, cc, core.zig_cpu)
    linker = _cross_compiler(core, cc, core.zig_runtime_cpu)
    with tempfile.TemporaryDirectory(prefix="tinykd-") as folder:
        _write(Path(folder), {**compiled.files, "tkd_model.h": model_header(compiled)})
        harness = bare_metal_sources(core)
        _write(Path(folder), {name: read_harness(name) for name in (*harness, *HEADERS)})
        _write(Path(folder), {LINKER_SCRIPT: linker_script(core)})
        command = [*compiler, *LANGUAGE, *BARE_METAL, f"-{optimize}"]
        objects = _compile_each(command, (*_sources(compiled), *harness), folder)
        run_tool([*linker, *LINK, *objects, "-o", "model.elf"], cwd=folder)
        elf = Path(folder, "model.elf").read_bytes()
    return Firmware(elf=elf, core=core, compiler=compiler_version(core, cc), optimize=optimize)


def run_on_host(
    compiled: CompiledModel,
    inputs: Int8Array,
    *,
    cc: Compiler = "zig",
    sanitize: Literal["none", "address,undefined"] = "none",
    sequence_samples: int = ENDLESS,
    timeout_s: float = 600.0,
) -> Int8Array:
    """Compile a model for this machine and run it on samples.

    Args:
        compiled: The model as C.
        inputs: int8 ``[n, ...]``, as `pack_inputs` takes them.
        cc: ``"zig"``, or ``"gcc"`` for the system's ``gcc`` (or ``cc``).
        sanitize: With ``"address,undefined"`` a bad memory access or undefined arithmetic is an
            error. The sanitizers' libraries come with gcc, not with zig.
        sequence_samples: After so many samples the state of the model is reset.
        timeout_s: Longest time that all the samples together may take.

    Returns:
        int8 ``[n, ...]``, as `unpack_outputs` gives them.

    Raises:
        ToolchainError: No compiler, refused code, a crash, a finding of a sanitizer, or time out.
    """
    rows = pack_inputs(compiled, inputs)
    compiler = _host_compiler(cc)
    extra = SANITIZERS if sanitize != "none" else ("-g0",)
    with tempfile.TemporaryDirectory(prefix="tinykd-") as folder:
        header = model_header(compiled, sequence_samples)
        _write(Path(folder), {**compiled.files, "tkd_model.h": header})
        _write(Path(folder), {name: read_harness(name) for name in (*HOST_SOURCES, *HEADERS)})
        program = Path(folder, "model.exe" if os.name == "nt" else "model")
        sources = [*_sources(compiled), *HOST_SOURCES]
        run_tool([*compiler, *LANGUAGE, *extra, "-O2", *sources, "-o", program.name], cwd=folder)
        output = run_tool([str(program)], cwd=folder, stdin=rows.tobytes(), timeout_s=timeout_s)
    return unpack_outputs(compiled, output, len(rows))


def run_tool(
    command: Sequence[str],
    *,
    cwd: str,
    stdin: bytes = b"",
    timeout_s: float = COMPILE_TIMEOUT_S,
) -> bytes:
    """Run a program to its end and return what it wrote to standard output.

    Raises:
        ToolchainError: It is missing, failed, or took longer than ``timeout_s``.
    """
    tool = _tool_name(command)
    try:
        done = subprocess.run(
            command, cwd=cwd, input=stdin, capture_output=True, timeout=timeout_s, check=False
        )
    except OSError as error:
        raise ToolchainError(f"{tool} could not be started: {error.strerror}.") from error
    except subprocess.TimeoutExpired as error:
        raise ToolchainError(
            f"{tool} took longer than {timeout_s:g} s and was stopped. Use fewer samples, or look "
            f"for a loop that does not end."
        ) from error
    if done.returncode != 0:
        raise ToolchainError(
            f"{tool} failed with status {done.returncode}: {_first_error(done.stderr)}"
        )
    return done.stdout


@functools.cache
def compiler_version(core: Core, cc: Compiler) -> str:
    """Return name and version of the cross-compiler for a core, for reports."""
    if cc == "zig":
        return f"zig cc {importlib.metadata.version('ziglang')}"
    gcc = core.architecture.gcc
    version = run_tool([_require(gcc), "-dumpfullversion"], cwd=tempfile.gettempdir())
    return f"{gcc} {version.decode().strip()}"


def _compile_each(command: Sequence[str], sources: Sequence[str], folder: str) -> list[str]:
    """Compile sources to objects, side by side on this computer's processors."""
    objects = [source.removesuffix(".c") + ".o" for source in sources]

    def compile_one(source: str, object_file: str) -> None:
        # One at a time: zig cc keeps one object when it is given several sources.
        run_tool([*command, "-c", source, "-o", object_file], cwd=folder)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_one, sources, objects))  # so that an error is raised here
    return objects


def _cross_compiler(core: Core, cc: Compiler, zig_cpu: str) -> list[str]:
    if cc == "zig":
        return [*_zig(), "-target", core.zig_target, f"-mcpu={zig_cpu}"]
    # gcc folds functions with equal code into one; each layer has to keep its own.
    architecture = core.architecture
    flags = [*core.gcc_flags, *architecture.gcc_flags, "-fno-ipa-icf"]
    return [_require(architecture.gcc), *flags]


def _host_compiler(cc: Compiler) -> list[str]:
    if cc == "zig":
        return _zig()
    return [shutil.which("gcc") or _require("cc")]


def _zig() -> list[str]:
    if importlib.util.find_spec("ziglang") is None:
        raise ToolchainError(
            "the compiler zig is not installed. Run 'pip install ziglang', or choose --cc gcc."
        )
    return [sys.executable, "-m", "ziglang", "cc"]


def _require(tool: str) -> str:
    path = shutil.which(tool)
    if path is None:
        raise ToolchainError(
            f"{tool} is not installed, or not on the PATH. Install it, or choose --cc zig."
        )
    return path


def _sources(compiled: CompiledModel) -> list[str]:
    return sorted(name for name in compiled.files if name.endswith(".c"))


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8", newline="\n")


def _tool_name(command: Sequence[str]) -> str:
    return "zig cc" if "ziglang" in command else Path(command[0]).stem


def _first_error(stderr: bytes) -> str:
    """Return the line of a tool's messages that says what went wrong."""
    lines = [line.strip() for line in stderr.decode("utf-8", "replace").splitlines()]
    lines = [line for line in lines if line]
    for line in lines:
        if "error" in line.lower() or "undefined" in line.lower():
            return line
    return lines[0] if lines else "it gave no message."
