"""How a function is called on each instruction set, in the terms of unicorn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType, ModuleType

import unicorn
from unicorn import arm_const, riscv_const

from firmware_export.target import ARM, RISCV


@dataclass(frozen=True)
class Registers:
    """Registers that take part in a call, and what unicorn has to know of the instruction set.

    Attributes:
        unicorn_architecture: A ``UC_ARCH_...``.
        unicorn_mode: Sum of ``UC_MODE_...``.
        constants: Module that has the ``UC_CPU_...`` of this architecture.
        program_counter: Address of the next instruction.
        stack_pointer: Lowest word of the stack; the stack grows downwards.
        return_address: Where a function goes when it is done.
        argument: The first argument of a function, and later its result.
        code_bit: Set in the address of every function; 1 for Thumb.
    """

    unicorn_architecture: int
    unicorn_mode: int
    constants: ModuleType
    program_counter: int
    stack_pointer: int
    return_address: int
    argument: int
    code_bit: int = 0


REGISTERS: Mapping[str, Registers] = MappingProxyType(
    {
        ARM.name: Registers(
            unicorn_architecture=unicorn.UC_ARCH_ARM,
            unicorn_mode=unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS,
            constants=arm_const,
            program_counter=arm_const.UC_ARM_REG_PC,
            stack_pointer=arm_const.UC_ARM_REG_SP,
            return_address=arm_const.UC_ARM_REG_LR,
            argument=arm_const.UC_ARM_REG_R0,
            code_bit=1,
        ),
        RISCV.name: Registers(
            unicorn_architecture=unicorn.UC_ARCH_RISCV,
            unicorn_mode=unicorn.UC_MODE_RISCV32,
            constants=riscv_const,
            program_counter=riscv_const.UC_RISCV_REG_PC,
            stack_pointer=riscv_const.UC_RISCV_REG_SP,
            return_address=riscv_const.UC_RISCV_REG_RA,
            argument=riscv_const.UC_RISCV_REG_A0,
        ),
    }
)
"""By name of the architecture."""
