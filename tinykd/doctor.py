"""What tinykd needs on a machine, tried out one by one."""

from __future__ import annotations

import os
import shutil
from importlib import metadata

import numpy as np

from firmware_export.compiled import CompiledModel, Port
from firmware_export.errors import TinykdError
from tinykd.results import Result
from tinykd.teachers.cache import VARIABLE, cache_folder, is_writable

REQUIRED = (
    "tensorflow",
    "tf-keras",
    "keras",
    "tensorflow-model-optimization",
    "ai-edge-litert",
    "tflite-micro",
    "ziglang",
    "unicorn",
    "capstone",
    "pyelftools",
    "scikit-learn",
    "scipy",
    "optuna",
)

OPTIONAL_TOOLS = {
    "arm-none-eabi-gcc": "for --cc gcc, the compiler of the Arduino boards",
    "riscv64-unknown-elf-gcc": "for --cc gcc on RISC-V, with picolibc",
    "qemu-system-arm": "for the cross-checks of the tests",
    "qemu-system-riscv32": "for the cross-checks of the tests",
}
PROBED_CORES = ("cortex-m4", "riscv32")
"""One core of each architecture."""

PROBE_HEADER = """#include <stdint.h>
#define PROBE_ARENA_BYTES 16
#define PROBE_INPUT_BYTES 1
#define PROBE_OUTPUT_BYTES 1
int8_t *probe_input(uint8_t *arena);
const int8_t *probe_output(const uint8_t *arena);
int probe_invoke(uint8_t *arena);
"""

PROBE_SOURCE = """#include "probe.h"
int8_t *probe_input(uint8_t *arena) { return (int8_t *)arena; }
const int8_t *probe_output(const uint8_t *arena) { return (const int8_t *)arena; }
int probe_invoke(uint8_t *arena)
{
    int8_t *const value = probe_input(arena);
    *value = (int8_t)-*value;
    return 0;
}
"""

PROBE = CompiledModel(
    name="probe",
    files={"probe.h": PROBE_HEADER, "probe.c": PROBE_SOURCE},
    inputs=(Port("input", (1, 1), "int8", 1.0, 0, 0),),
    outputs=(Port("output", (1, 1), "int8", 1.0, 0, 0),),
    layers=(),
    arena_bytes=16,
    arena_lower_bound_bytes=1,
    model_sha256="",
)
"""The smallest model: it changes the sign of its input."""


class Check(Result):
    """One thing that was looked for.

    Attributes:
        name: Package or tool.
        ok: It is there, and works as far as it was tried.
        needed: Without it a build fails.
        detail: Version, or what it is for and how to get it.
    """

    name: str
    ok: bool
    needed: bool
    detail: str


def examine() -> list[Check]:
    """Every package, the cross-compiler, the cache, and the optional tools."""
    return [
        *(_package(name) for name in REQUIRED),
        *(_cross_compiler(core) for core in PROBED_CORES),
        _cache(),
        *(_tool(name, purpose) for name, purpose in OPTIONAL_TOOLS.items()),
    ]


def _package(name: str) -> Check:
    try:
        return Check(name=name, ok=True, needed=True, detail=metadata.version(name))
    except metadata.PackageNotFoundError:
        return Check(name=name, ok=False, needed=True, detail=f"run: pip install {name}")


def _cross_compiler(core: str) -> Check:
    """Compile a model of one line for a core, and run it there."""
    from firmware_export.measure.emulator import emulate
    from firmware_export.target import find_core

    name = f"C on an emulated {core}"
    inputs = np.array([[-5], [7]], np.int8)
    try:
        result = emulate(PROBE, find_core(core), inputs)
    except TinykdError as error:
        return Check(name=name, ok=False, needed=True, detail=str(error))
    ok = result.outputs.ravel().tolist() == [5, -7]
    return Check(name=name, ok=ok, needed=True, detail=f"{result.compiler}, unicorn")


def _cache() -> Check:
    """Where teachers' answers are kept, and how much there is."""
    name, folder = "cache of teachers' answers", cache_folder()
    if folder is None:
        return Check(name=name, ok=False, needed=False, detail=f"{VARIABLE} is empty: none is kept")
    if not is_writable(folder):
        detail = f"{folder} cannot be written: set {VARIABLE} to another folder, or to nothing"
        return Check(name=name, ok=False, needed=VARIABLE in os.environ, detail=detail)
    size_bytes = sum(file.stat().st_size for file in folder.glob("*") if file.is_file())
    detail = f"{folder}, {size_bytes / 2**20:,.1f} MiB; may be removed at any time"
    return Check(name=name, ok=True, needed=False, detail=detail)


def _tool(name: str, purpose: str) -> Check:
    path = shutil.which(name)
    return Check(name=name, ok=path is not None, needed=False, detail=path or purpose)
