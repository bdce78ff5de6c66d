"""The cycle models: one line of assembly after another, against the cores' documents."""

import itertools
import math
import sys
from pathlib import Path

import pytest

from firmware_export.measure.cycles import CYCLE_MODELS, time_block
from firmware_export.measure.elf_size import read_elf
from firmware_export.measure.toolchain import run_tool
from firmware_export.target import CORES

# Instructions separated by ";", and their cycles with no branch taken.
CORTEX_M4 = {
    "add r0, r1, r2": 1,
    "mul r0, r1, r2": 1,
    "mla r0, r1, r2, r3": 1,
    "smlad r0, r1, r2, r3": 1,
    "smull r0, r1, r2, r3": 1,
    "sxtb16 r0, r1, ror #8": 1,
    "ssat r0, #8, r1": 1,
    "sdiv r0, r1, r2": 7,
    "ldr r0, [r1]": 2,
    "ldrsb r0, [r1, #1]": 2,
    "str r0, [r1]": 1,
    "ldrd r0, r1, [r2]": 3,
    "push {r4, r5, lr}": 4,
    "ldm r0!, {r1, r2, r3, r4}": 5,
    "stm r0!, {r1, r2}": 3,
    "vldr s0, [r0]": 2,
    "vmul.f32 s0, s1, s2": 1,
    "vdiv.f32 s0, s1, s2": 14,
    "vpush {d8, d9}": 5,
    # Neighbouring loads overlap unless one needs the other's result as an address.
    "ldr r0, [r1]; ldr r2, [r1, #4]": 3,
    "ldr r0, [r1]; ldr r2, [r1, #4]; ldr r3, [r1, #8]": 4,
    "ldr r0, [r1]; ldr r2, [r0]": 4,
    "ldr r0, [r1]; ldr r2, [r3, r0]": 4,
    "ldr r0, [r1]; str r0, [r2]": 2,
    "str r0, [r1]; ldr r2, [r3]": 3,
    "ldr r0, [r1]; add r3, r4, r5; ldr r2, [r1]": 5,
    # An address that was computed just before costs a cycle.
    "add r1, r1, #4; ldr r0, [r1]": 4,
    "add r1, r1, #4; ldr r0, [r2]": 3,
    "add r1, r1, #4; str r0, [r2, r1]": 3,
    "ldr r0, [r1], #4; ldr r2, [r1]": 4,
    "it eq; addeq r0, r0, #1": 1,
    "cmp r0, #0; beq .": 2,
}
CORTEX_M3 = {
    "mul r0, r1, r2": 1,
    "mla r0, r1, r2, r3": 2,
    "smull r0, r1, r2, r3": 4,
    "smlal r0, r1, r2, r3": 6,
    "ldr r0, [r1]; ldr r2, [r1, #4]": 3,
}
CORTEX_M0PLUS = {
    "adds r0, r1, r2": 1,
    "muls r0, r1, r0": 1,
    "ldr r0, [r1]": 2,
    "ldrb r0, [r1]": 2,
    "str r0, [r1]": 2,
    "ldr r0, [r1]; ldr r2, [r1, #4]": 4,
    "push {r4, r5, lr}": 4,
    "pop {r4, r5}": 3,
    "pop {r4, pc}": 4,  # 3 + N in the manual, of which the taken branch brings one
    "ldm r0!, {r1, r2}": 3,
    "bl .": 2,
    "cmp r0, #0; beq .": 2,
}
HAZARD3 = {
    "add a0, a1, a2": 1,
    "c.addi a0, 1": 1,
    "lui a0, 5": 1,
    "mul a0, a1, a2": 1,
    "mulh a0, a1, a2": 1,
    "mulhu a0, a1, a2": 1,
    "divu a0, a1, a2": 18,
    "div a0, a1, a2": 19,
    "rem a0, a1, a2": 19,
    "sw a0, 0(a1)": 1,
    "lw a0, 0(a1)": 1,
    "jal .": 1,  # 2 in the table, of which the taken jump brings one
    "c.jr ra": 1,
    "beq a0, a1, .": 1,
    # A value that was loaded just before is waited for.
    "lw a0, 0(a1); add a2, a3, a0": 3,
    "lb a0, 0(a1); add a2, a0, a3": 3,
    "lbu a0, 0(a1); add a2, a3, a4": 2,
    "c.lw a0, 0(a1); c.add a0, a2": 3,
    "c.lw a0, 0(a1); c.srai a0, 2": 3,
    "c.lw a0, 0(a1); c.mv a2, a0": 3,
    "c.lw a0, 0(a1); c.mv a0, a2": 2,
    "c.lw a0, 0(a1); c.li a0, 2": 2,
    "c.lwsp a0, 4(sp); bnez a0, .": 3,
    "c.lwsp ra, 4(sp); c.jr ra": 3,
    "lh a0, 0(a1); lw a2, 0(a0)": 3,
    "lh a0, 0(a1); c.lw a2, 0(a0)": 3,
    "lw a0, 0(a1); sw a2, 0(a0)": 3,
    "lw a0, 0(a1); bne a2, a0, .": 3,
    "lw a0, 0(a1); mul a2, a3, a4; add a2, a2, a0": 3,
    # Not where it is only stored.
    "lw a0, 0(a1); sb a0, 300(a2)": 2,
    "c.lw a0, 0(a1); c.sw a0, 0(a2)": 2,
}
TABLES = {
    "cortex-m4": CORTEX_M4,
    "cortex-m3": CORTEX_M3,
    "cortex-m0plus": CORTEX_M0PLUS,
    "riscv32": HAZARD3,
}
DIRECTIVES = {"arm": [".syntax unified", ".thumb"], "riscv": []}


@pytest.fixture(scope="module", params=TABLES)
def assembled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """Core, and its table with the code of each row."""
    core = request.param
    folder = tmp_path_factory.mktemp(core)
    rows = list(TABLES[core].items())
    text = [*DIRECTIVES[CORES[core].architecture.name], ".text"]
    for index, (assembly, _) in enumerate(rows):
        text += [f".global row_{index}", f".type row_{index}, %object"]
        text += [f"row_{index}:", *assembly.split(";")]
    text += [".global row_end", ".type row_end, %object", "row_end: nop", ""]
    Path(folder, "rows.S").write_text("\n".join(text))
    target = ["-target", CORES[core].zig_target, f"-mcpu={CORES[core].zig_cpu}"]
    zig = [sys.executable, "-m", "ziglang", "cc", *target, "-g0"]
    run_tool([*zig, "-nostdlib", "-Wl,-e,row_0", "rows.S", "-o", "rows.elf"], cwd=str(folder))
    image = read_elf(Path(folder, "rows.elf").read_bytes())
    starts = [image.addresses[f"row_{i}"] for i in range(len(rows))] + [image.addresses["row_end"]]
    (segment,) = [s for s in image.segments if s.address <= starts[0] < s.address + len(s.data)]
    code = [
        segment.data[begin - segment.address : end - segment.address]
        for begin, end in itertools.pairwise(starts)
    ]
    return core, list(zip(rows, code, strict=True))


def test_cycles_are_those_of_the_manual(assembled) -> None:
    core, rows = assembled
    found = {text: time_block(code, 0, CYCLE_MODELS[core]).cycles for (text, _), code in rows}
    assert found == TABLES[core]


def test_every_instruction_is_counted(assembled) -> None:
    core, rows = assembled
    for (text, _), code in rows:
        expected = len(text.split(";"))
        assert time_block(code, 0, CYCLE_MODELS[core]).instructions == expected, text


@pytest.mark.parametrize(("core", "nop"), [("cortex-m4", "00bf"), ("riscv32", "0100")])
def test_an_unknown_encoding_is_counted_by_its_length(core: str, nop: str) -> None:
    unknown = bytes.fromhex("ffffffff")  # 32 bits, undefined
    code = bytes.fromhex(nop) + unknown + bytes.fromhex(nop)
    block = time_block(code, 0, CYCLE_MODELS[core])
    assert (block.instructions, block.cycles) == (3, 3)


# MLPerf Tiny, published latencies in ms for KWS, VWW, IC, AD (github.com/mlcommons, tiny_results
# v1.1 and v1.2), and the clock in MHz. Same submitter and round in each group.
CORTEX_M4_MS = {
    "ST v1.2": (43.19, 88.93, 165.13, 5.26),
    "ST v1.1": (62.87, 118.69, 214.00, 6.86),
    "Plumerai v1.1": (47.78, 98.76, 167.76, 4.05),
    "Bosch v1.2": (60.16, 180.51, 180.54, 5.84),
}
OTHERS_MS = {
    "cortex-m7": [
        ("ST v1.2", 280, (11.32, 23.80, 40.84, 1.23)),
        ("ST v1.1", 280, (15.35, 29.63, 51.95, 1.82)),
        ("Plumerai v1.1", 216, (17.75, 34.08, 62.88, 1.71)),
        ("Plumerai v1.1", 280, (13.86, 26.82, 50.93, 1.35)),
        ("Bosch v1.2", 216, (18.96, 57.25, 62.55, 1.71)),
        ("Bosch v1.2", 280, (14.69, 43.76, 45.85, 1.36)),
    ],
    "cortex-m33": [
        ("ST v1.2", 160, (29.06, 59.28, 111.07, 3.43)),
        ("ST v1.1", 160, (38.58, 71.56, 128.21, 4.85)),
        ("Plumerai v1.1", 160, (30.04, 59.49, 104.29, 3.67)),
        ("Bosch v1.2", 160, (38.58, 119.83, 120.54, 3.80)),
    ],
}


@pytest.mark.parametrize("core", OTHERS_MS)
def test_factors_follow_from_published_latencies(core: str) -> None:
    ratios = [
        milliseconds * clock / (reference * 120)
        for group, clock, row in OTHERS_MS[core]
        for milliseconds, reference in zip(row, CORTEX_M4_MS[group], strict=True)
    ]
    mean = math.exp(sum(math.log(ratio) for ratio in ratios) / len(ratios))
    factor = mean * CYCLE_MODELS["cortex-m4"].hardware_factor
    assert CYCLE_MODELS[core].hardware_factor == round(factor, 2)
