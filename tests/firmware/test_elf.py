"""Flash and RAM from the ELF: the model's share, and nothing of the harness."""

import pytest

from firmware_export.errors import ToolchainError
from firmware_export.measure import Footprint, emulate
from firmware_export.measure.elf_size import read_elf
from firmware_export.measure.toolchain import Compiler
from firmware_export.target import CORES
from tests.firmware.fixtures.handmade import random_samples, tiny_model
from tests.firmware.test_toolchain import CROSS_COMPILERS

# Reads one byte of a table at an index that the compiler cannot know.
READ_TABLE = "out[0] = (int8_t)(out[0] + table[(uint8_t)in[0]]);"


def footprint(
    *, cc: Compiler = "zig", declarations: str = "", layer_0: str = "", core: str = "cortex-m4"
) -> Footprint:
    model = tiny_model(declarations=declarations, layer_0=layer_0)
    return emulate(model, CORES[core], random_samples(1), cc=cc).footprint


@pytest.mark.parametrize("cc", CROSS_COMPILERS)
def test_constants_are_weights_in_flash(cc: Compiler) -> None:
    def with_table(size: int) -> Footprint:
        table = f"#include <stdint.h>\nstatic const int8_t table[{size}] = {{1, 5, 2, 9, 7}};\n"
        return footprint(cc=cc, declarations=table, layer_0=READ_TABLE)

    small, large = with_table(256), with_table(1256)
    assert large.weights_bytes - small.weights_bytes == 1000
    assert large.flash_bytes - small.flash_bytes == 1000
    assert large.code_bytes == small.code_bytes
    assert large.ram_bytes == small.ram_bytes
    assert ("table", 1256, "constants") in {(s.name, s.size_bytes, s.kind) for s in large.symbols}


@pytest.mark.parametrize("cc", CROSS_COMPILERS)
def test_static_variables_are_ram_and_their_start_values_flash(cc: Compiler) -> None:
    def with_static(size: int, value: int) -> Footprint:
        variable = f"#include <stdint.h>\nstatic volatile int8_t table[{size}] = {{{value}}};\n"
        return footprint(cc=cc, declarations=variable, layer_0=READ_TABLE)

    zeros, more_zeros = with_static(256, 0), with_static(512, 0)
    assert more_zeros.static_ram_bytes - zeros.static_ram_bytes == 256
    assert more_zeros.ram_bytes - zeros.ram_bytes == 256
    assert more_zeros.flash_bytes == zeros.flash_bytes
    values, more_values = with_static(256, 7), with_static(512, 7)
    assert more_values.ram_bytes - values.ram_bytes == 256
    assert more_values.flash_bytes - values.flash_bytes == 256


def test_the_parts_add_up() -> None:
    found = footprint()
    assert found.flash_bytes == found.code_bytes + found.weights_bytes
    assert found.ram_bytes == found.arena_bytes + found.static_ram_bytes + found.stack_bytes
    assert found.arena_bytes == 64
    assert found.static_ram_bytes == 0
    in_symbols = sum(symbol.size_bytes for symbol in found.symbols)
    assert in_symbols <= found.flash_bytes < in_symbols + 4 * len(found.symbols)


@pytest.mark.parametrize("cc", CROSS_COMPILERS)
def test_the_harness_is_not_counted(cc: Compiler) -> None:
    names = {symbol.name for symbol in footprint(cc=cc).symbols}
    assert names == {"tiny_input", "tiny_output", "tiny_invoke", "tiny_layer_0", "tiny_layer_1"} | (
        names & {"weights"}  # clang folds them into the code
    )


@pytest.mark.parametrize("cc", CROSS_COMPILERS)
def test_library_functions_that_the_model_needs_are_counted(cc: Compiler) -> None:
    divide = "volatile uint32_t n = 37; n = n / (uint32_t)((in[0] & 3) + 5);"
    plain = footprint(cc=cc, core="cortex-m0plus")
    dividing = footprint(cc=cc, core="cortex-m0plus", layer_0=divide)
    new = {s.name for s in dividing.symbols} - {s.name for s in plain.symbols}
    assert any("uidiv" in name or "udivsi3" in name for name in new)
    assert dividing.code_bytes > plain.code_bytes + 50


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"not an ELF file" * 10])
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(ToolchainError, match="ELF file"):
        read_elf(data)
