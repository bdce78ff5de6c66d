"""Cycles of a basic block on the Hazard3, the RISC-V core of the RP2350."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from capstone import CsInsn, riscv

_LOADS = frozenset(
    {
        riscv.RISCV_INS_LB,
        riscv.RISCV_INS_LBU,
        riscv.RISCV_INS_LH,
        riscv.RISCV_INS_LHU,
        riscv.RISCV_INS_LW,
        riscv.RISCV_INS_C_LW,
        riscv.RISCV_INS_C_LWSP,
    }
)
_STORES = frozenset(
    {
        riscv.RISCV_INS_SB,
        riscv.RISCV_INS_SH,
        riscv.RISCV_INS_SW,
        riscv.RISCV_INS_C_SW,
        riscv.RISCV_INS_C_SWSP,
    }
)
# Their first register is read, not only written.
_READ_FIRST = frozenset(
    {
        riscv.RISCV_INS_BEQ,
        riscv.RISCV_INS_BNE,
        riscv.RISCV_INS_BLT,
        riscv.RISCV_INS_BLTU,
        riscv.RISCV_INS_BGE,
        riscv.RISCV_INS_BGEU,
        riscv.RISCV_INS_C_BEQZ,
        riscv.RISCV_INS_C_BNEZ,
        riscv.RISCV_INS_C_JR,
        riscv.RISCV_INS_C_JALR,
        riscv.RISCV_INS_C_ADD,
        riscv.RISCV_INS_C_SUB,
        riscv.RISCV_INS_C_AND,
        riscv.RISCV_INS_C_OR,
        riscv.RISCV_INS_C_XOR,
        riscv.RISCV_INS_C_ADDI,
        riscv.RISCV_INS_C_ANDI,
        riscv.RISCV_INS_C_SLLI,
        riscv.RISCV_INS_C_SRLI,
        riscv.RISCV_INS_C_SRAI,
    }
)

# Everything that is not listed takes one cycle: ALU, MUL, MULH, stores, CSR access. Signed
# division takes one more where a sign has to be corrected.
_CYCLES: Mapping[int, int] = MappingProxyType(
    {
        riscv.RISCV_INS_DIV: 19,
        riscv.RISCV_INS_REM: 19,
        riscv.RISCV_INS_DIVU: 18,
        riscv.RISCV_INS_REMU: 18,
    }
)


def hazard3_block(block: Sequence[CsInsn]) -> int:
    """Cycles of a basic block on a Hazard3, branches not taken.

    An instruction waits a cycle for a value that the one before it has loaded, unless it only
    stores that value.

    Source:
        Hazard3, doc/sections/instruction_timings.adoc, "Base Instruction Set" and "Integer
        Multiply and Divide", with the fast multiplier that the RP2350 has.
    """
    total = 0
    loaded: int | None = None
    for instruction in block:
        total += _CYCLES.get(instruction.id, 1)
        total += 1 if loaded in _needed_at_once(instruction) else 0
        loaded = _registers(instruction)[0] if instruction.id in _LOADS else None
    return total


def _needed_at_once(instruction: CsInsn) -> list[int]:
    """Registers that have to be there when the instruction starts."""
    registers = _registers(instruction)
    return registers if instruction.id in _READ_FIRST else registers[1:]


def _registers(instruction: CsInsn) -> list[int]:
    """Registers in the order in which they are written: destination, or a store's data, first."""
    found = []
    for operand in instruction.operands:
        if operand.type == riscv.RISCV_OP_REG:
            found.append(operand.reg)
        elif operand.type == riscv.RISCV_OP_MEM:
            found.append(operand.mem.base)
    return found
