"""What an emulated core gives: the same bytes everywhere, exact counts, and faults by name."""

from dataclasses import replace

import numpy as np
import pytest

from firmware_export.compiled import CompiledModel
from firmware_export.errors import ToolchainError
from firmware_export.measure import EmulationResult, build_firmware, emulate
from firmware_export.measure.toolchain import Compiler
from firmware_export.target import CORES
from tests.firmware.fixtures.handmade import random_samples, tiny_expected, tiny_model
from tests.firmware.test_toolchain import BUILDS, CROSS_COMPILERS

SAMPLES = random_samples(20)
M4 = CORES["cortex-m4"]
ONE_OF_EACH = ("cortex-m4", "riscv32")
"""One core of each architecture."""


def run(model: CompiledModel, core: str = "cortex-m4", **options: float) -> EmulationResult:
    return emulate(model, CORES[core], SAMPLES[:2], **options)


def countdown(rounds: int, core: str = "cortex-m4") -> str:
    """Statements that execute 1 + 2 * ``rounds`` instructions on every core."""
    if core == "riscv32":
        return f'__asm__ volatile("li t0, {rounds}\\n1: addi t0, t0, -1\\n bnez t0, 1b" ::: "t0");'
    return f'__asm__ volatile("movs r3, #{rounds}\\n1: subs r3, #1\\n bne 1b" ::: "r3", "cc");'


@pytest.mark.parametrize(("core", "cc"), BUILDS)
def test_every_core_gives_the_bytes_of_the_model(core: str, cc: Compiler) -> None:
    result = emulate(tiny_model(), CORES[core], SAMPLES, cc=cc)
    assert np.array_equal(result.outputs, tiny_expected(SAMPLES))
    assert result.core == core


@pytest.mark.parametrize("core", CORES)
def test_float_code_runs_on_every_core(core: str) -> None:
    halved = "volatile float x = (float)out[0]; out[0] = (int8_t)(x * 0.5f);"
    result = emulate(tiny_model(layer_1=halved), CORES[core], SAMPLES)
    expected = tiny_expected(SAMPLES)
    expected[:, 0] = np.trunc(expected[:, 0] / 2)
    assert np.array_equal(result.outputs, expected)


@pytest.mark.parametrize(
    ("core", "cycles_per_round"),
    [("cortex-m0plus", 3), ("cortex-m3", 4), ("cortex-m4", 4), ("riscv32", 3)],
)
def test_counts_are_exact(core: str, cycles_per_round: int) -> None:
    few, many = (run(tiny_model(layer_1=countdown(rounds, core)), core) for rounds in (50, 250))
    assert many.instructions - few.instructions == 2 * 200
    assert many.estimated_cycles - few.estimated_cycles == cycles_per_round * 200
    assert few.layers[0] == many.layers[0]
    assert few.layers[2] == many.layers[2]


@pytest.mark.parametrize(
    ("core", "assembly", "cycles"),
    [
        ("cortex-m0plus", "movs r0, #0\\n bx lr", 3),
        ("cortex-m4", "movs r0, #0\\n bx lr", 4),
        ("riscv32", "li a0, 0\\n ret", 3),
    ],
)
def test_the_return_from_invoke_is_counted(core: str, assembly: str, cycles: int) -> None:
    source = tiny_model().files["tiny.c"]
    interface = source[source.index("int8_t *tiny_input") : source.index("static __attribute__")]
    invoke = f"""__attribute__((naked)) int tiny_invoke(uint8_t *arena __attribute__((unused)))
{{
    __asm__ volatile("{assembly}");
}}
"""
    files = {**tiny_model().files, "tiny.c": f'#include "tiny.h"\n{interface}{invoke}'}
    result = run(replace(tiny_model(), files=files, layers=()), core)
    assert (result.instructions, result.estimated_cycles, result.stack_bytes) == (2, cycles, 0)


def test_layers_add_up_to_the_whole() -> None:
    result = run(tiny_model(layer_0=countdown(100)))
    assert [layer.symbol for layer in result.layers] == ["tiny_layer_0", "tiny_layer_1", "invoke"]
    assert [layer.macs for layer in result.layers] == [16, 0, 0]
    assert sum(layer.instructions for layer in result.layers) == result.instructions
    assert sum(layer.estimated_cycles for layer in result.layers) == result.estimated_cycles
    assert result.layers[0].instructions > 200 > result.layers[1].instructions


def test_what_lies_between_the_layers_is_told_apart() -> None:
    between = f"tiny_layer_0(arena);\n{countdown(100)}"
    model = tiny_model()
    files = {n: text.replace("tiny_layer_0(arena);", between) for n, text in model.files.items()}
    plain, longer = run(model), run(replace(model, files=files))
    assert longer.layers[:2] == plain.layers[:2]
    assert longer.layers[2].instructions > plain.layers[2].instructions + 200


@pytest.mark.parametrize("cc", CROSS_COMPILERS)
@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m7", "cortex-m33"])
def test_fpu_and_dsp_instructions_are_on_where_the_core_has_them(core: str, cc: Compiler) -> None:
    required = """
#if !defined(__ARM_FP) || !defined(__ARM_FEATURE_DSP)
#error "the core has both"
#endif
"""
    build_firmware(tiny_model(declarations=required), CORES[core], cc=cc)


def test_a_library_function_counts_for_the_layer_that_calls_it() -> None:
    helper = f"static __attribute__((noinline)) void helper(void) {{ {countdown(200)} }}\n"
    plain = run(tiny_model())
    calling = run(tiny_model(declarations=helper, layer_0="helper();"))
    assert calling.layers[0].instructions > plain.layers[0].instructions + 400
    assert calling.layers[1:] == plain.layers[1:]


def test_the_method_names_the_emulator_and_the_rules() -> None:
    method = run(tiny_model()).method
    assert "unicorn 2" in method
    assert "100166" in method


def stack_user(size: int) -> CompiledModel:
    fill = f"volatile uint8_t buffer[{size}]; for (int i = 0; i < {size}; i++) buffer[i] = 1;"
    return tiny_model(layer_0=fill)


@pytest.mark.parametrize("core", ONE_OF_EACH)
def test_stack_depth_is_measured(core: str) -> None:
    small, large = (run(stack_user(size), core).stack_bytes for size in (1024, 1792))
    assert large - small == 768


def test_a_write_through_a_null_pointer_names_layer_and_address() -> None:
    model = tiny_model(layer_1="*(volatile uint8_t *)(uintptr_t)in[0] = 1;", layer_0="out[0] = 0;")
    with pytest.raises(ToolchainError, match=r"WRITE_PROT.*in tiny_layer_1 at 0x0000"):
        emulate(model, M4, SAMPLES)
    with pytest.raises(ToolchainError, match=r"WRITE_UNMAPPED.*in tiny_layer_1 at 0x8000"):
        emulate(model, CORES["riscv32"], SAMPLES)


@pytest.mark.parametrize("core", ONE_OF_EACH)
def test_a_read_of_unmapped_memory_is_a_fault(core: str) -> None:
    model = tiny_model(layer_0="out[0] = *(volatile int8_t *)(uintptr_t)0x60000000u;")
    with pytest.raises(ToolchainError, match=r"READ_UNMAPPED.*in tiny_layer_0"):
        emulate(model, CORES[core], SAMPLES)


@pytest.mark.parametrize("core", ONE_OF_EACH)
def test_a_stack_overflow_is_a_fault(core: str) -> None:
    with pytest.raises(ToolchainError, match=r"WRITE_UNMAPPED.*in tiny_layer_0"):
        emulate(stack_user(70_000), CORES[core], SAMPLES)


@pytest.mark.parametrize("core", ONE_OF_EACH)
def test_a_write_behind_the_arena_is_found(core: str) -> None:
    with pytest.raises(ToolchainError, match="wrote outside its arena of 64 bytes"):
        emulate(tiny_model(layer_0="arena[80] = 1;"), CORES[core], SAMPLES)


@pytest.mark.parametrize(
    "layer_1",
    ["static int8_t calls = 0; out[0] = calls++;", "out[0] = (int8_t)arena[60]; arena[60] = 9;"],
    ids=["static variable", "stale arena"],
)
def test_outputs_must_not_depend_on_earlier_calls(layer_1: str) -> None:
    with pytest.raises(ToolchainError, match="different outputs for the same sample"):
        emulate(tiny_model(layer_1=layer_1), M4, SAMPLES)


@pytest.mark.parametrize("core", ONE_OF_EACH)
def test_a_call_that_does_not_come_back_is_stopped(core: str) -> None:
    model = tiny_model(layer_1="volatile int32_t go = 1; while (go) { }")
    with pytest.raises(ToolchainError, match=r"did not come back within 0.5 s, in tiny_layer_1"):
        emulate(model, CORES[core], SAMPLES, timeout_s=0.5)


def test_a_status_other_than_zero_is_an_error() -> None:
    model = tiny_model()
    files = {name: text.replace("return 0;", "return 7;") for name, text in model.files.items()}
    with pytest.raises(ToolchainError, match="tiny_invoke returned 7, expected 0"):
        emulate(replace(model, files=files), M4, SAMPLES)


@pytest.mark.parametrize("cc", CROSS_COMPILERS)
def test_layers_with_equal_code_are_told_apart(cc: Compiler) -> None:
    # In place, and not idempotent: neither call can be left out.
    body = """(uint8_t *arena)
{
    for (int32_t i = 0; i < 4; i++) arena[16 + i] = (uint8_t)(3 * arena[16 + i] + arena[i]);
}
"""
    model = tiny_model()
    source = model.files["tiny.c"]
    interface = source[source.index("int8_t *tiny_input") : source.index("static __attribute__")]
    twins = [f"static __attribute__((noinline)) void tiny_layer_{i}{body}" for i in (0, 1)]
    zero = "for (int32_t i = 0; i < 4; i++) arena[16 + i] = 0;\n    tiny_layer_0(arena);"
    invoke = source[source.index("int tiny_invoke") :].replace("tiny_layer_0(arena);", zero)
    files = {**model.files, "tiny.c": f'#include "tiny.h"\n{interface}{"".join(twins)}{invoke}'}
    layers = emulate(replace(model, files=files), M4, SAMPLES, cc=cc).layers
    assert layers[0].instructions == layers[1].instructions > 0


def test_a_layer_that_was_inlined_is_an_error() -> None:
    model = tiny_model()
    files = {name: text.replace("noinline", "always_inline") for name, text in model.files.items()}
    files["tiny.c"] = files["tiny.c"].replace("void tiny_layer", "inline void tiny_layer")
    with pytest.raises(ToolchainError, match="'tiny_layer_0' is not a function of the program"):
        emulate(replace(model, files=files), M4, SAMPLES)
