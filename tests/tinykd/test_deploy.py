"""Which compiler makes the C of the boards that were not chosen."""

import pytest

from firmware_export.target import CORES
from tinykd.deploy import compiler_for


@pytest.mark.parametrize(
    ("core", "target", "chosen", "used"),
    [
        ("cortex-m0plus", "cortex-m4", "gcc", "gcc"),
        ("riscv32", "cortex-m4", "gcc", "zig"),
        ("cortex-m4", "riscv32", "gcc", "zig"),
        ("riscv32", "riscv32", "gcc", "gcc"),
        ("riscv32", "cortex-m4", "zig", "zig"),
    ],
)
def test_gcc_compiles_for_its_own_architecture(core, target, chosen, used):
    """Who has the compiler of the target need not have that of every other board."""
    assert compiler_for(CORES[core], CORES[target], chosen) == used
