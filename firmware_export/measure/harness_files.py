"""The hand-written C of the harness, and the header that ties it to one model."""

from __future__ import annotations

from importlib import resources

from firmware_export.compiled import CompiledModel, Port
from firmware_export.target import Core

HOST_SOURCES = ("harness.c", "host_io.c")
HEADERS = ("tkd_io.h", "tkd_start.h")
LINKER_SCRIPT = "bare_metal.ld"
ENDLESS = 2**32 - 1
"""Samples of a sequence that only ends with them."""


def read_harness(name: str) -> str:
    """Return the text of a file of the harness folder."""
    folder = resources.files("firmware_export.measure").joinpath("harness")
    return folder.joinpath(name).read_text("utf-8")


def bare_metal_sources(core: Core) -> tuple[str, ...]:
    """Return the names of the harness files that go into a program for ``core``."""
    return "harness.c", "semihosting_io.c", "start.c", core.architecture.start_source


def linker_script(core: Core) -> str:
    """Return the linker script for the memory map of ``core``."""
    # Assignments in the text, because zig's linker has no --defsym.
    origins = (
        f"tkd_flash_origin = {core.flash_origin:#x};\ntkd_ram_origin = {core.ram_origin:#x};\n"
    )
    return origins + read_harness(LINKER_SCRIPT)


def model_header(compiled: CompiledModel, sequence_samples: int = ENDLESS) -> str:
    """Return ``tkd_model.h``: what harness.c needs to know about ``compiled``.

    It uses only the interface that users have: the functions and the size macros of the
    generated header.

    Args:
        compiled: The model as C.
        sequence_samples: After so many samples its state is reset.
    """
    name = compiled.name
    return "\n".join(
        [
            f'#include "{name}.h"',
            f"#define TKD_ARENA_BYTES {name.upper()}_ARENA_BYTES",
            f"#define TKD_INVOKE {name}_invoke",
            f"#define TKD_RESET(arena) {f'{name}_reset(arena)' if compiled.states else '0'}",
            f"#define TKD_SEQUENCE_SAMPLES {sequence_samples}u",
            f"#define TKD_INPUTS(DO) {_ports(name, 'input', compiled.inputs)}",
            f"#define TKD_OUTPUTS(DO) {_ports(name, 'output', compiled.outputs)}",
            "",
        ]
    )


def _ports(name: str, kind: str, ports: tuple[Port, ...]) -> str:
    suffixes = ["" if index == 0 else f"_{index}" for index in range(len(ports))]
    return " ".join(
        f"DO({name}_{kind}{suffix}(arena), {name.upper()}_{kind.upper()}{suffix.upper()}_BYTES)"
        for suffix in suffixes
    )
