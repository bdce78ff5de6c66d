"""Cycles of a basic block on Cortex-M cores, from the instruction timings that Arm publishes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from capstone import CsInsn, arm

_LOADS = frozenset(
    {
        arm.ARM_INS_LDR,
        arm.ARM_INS_LDRB,
        arm.ARM_INS_LDRH,
        arm.ARM_INS_LDRSB,
        arm.ARM_INS_LDRSH,
    }
)
_STORES = frozenset({arm.ARM_INS_STR, arm.ARM_INS_STRB, arm.ARM_INS_STRH})
_SINGLE = _LOADS | _STORES
_MULTIPLE = frozenset(
    {
        arm.ARM_INS_LDM,
        arm.ARM_INS_LDMDB,
        arm.ARM_INS_STM,
        arm.ARM_INS_STMDB,
        arm.ARM_INS_PUSH,
        arm.ARM_INS_POP,
        arm.ARM_INS_VLDMIA,
        arm.ARM_INS_VLDMDB,
        arm.ARM_INS_VSTMIA,
        arm.ARM_INS_VSTMDB,
        arm.ARM_INS_VPUSH,
        arm.ARM_INS_VPOP,
    }
)

# Everything that is not listed takes one cycle: ALU, shifts, MUL, MLA, SMLAD, SMULL, SSAT, STR.
# Division takes 2 to 12, depending on the operands.
_CORTEX_M4_CYCLES: Mapping[int, int] = MappingProxyType(
    {
        **dict.fromkeys(_LOADS, 2),
        arm.ARM_INS_LDRD: 3,
        arm.ARM_INS_STRD: 3,
        arm.ARM_INS_IT: 0,
        arm.ARM_INS_SDIV: 7,
        arm.ARM_INS_UDIV: 7,
        arm.ARM_INS_TBB: 2,
        arm.ARM_INS_TBH: 2,
        arm.ARM_INS_VLDR: 2,
        arm.ARM_INS_VSTR: 2,
        arm.ARM_INS_VDIV: 14,
        arm.ARM_INS_VSQRT: 14,
        arm.ARM_INS_VMLA: 3,
        arm.ARM_INS_VMLS: 3,
        arm.ARM_INS_VNMLA: 3,
        arm.ARM_INS_VNMLS: 3,
        arm.ARM_INS_VFMA: 3,
        arm.ARM_INS_VFMS: 3,
        arm.ARM_INS_VFNMA: 3,
        arm.ARM_INS_VFNMS: 3,
    }
)

# The multiplier of Cortex-M3 is smaller; long multiplications stop early on small operands.
_CORTEX_M3_CYCLES: Mapping[int, int] = MappingProxyType(
    {
        **_CORTEX_M4_CYCLES,
        arm.ARM_INS_MLA: 2,
        arm.ARM_INS_MLS: 2,
        arm.ARM_INS_SMULL: 4,
        arm.ARM_INS_UMULL: 4,
        arm.ARM_INS_SMLAL: 6,
        arm.ARM_INS_UMLAL: 6,
    }
)

_CORTEX_M0PLUS_CYCLES: Mapping[int, int] = MappingProxyType(
    {
        **dict.fromkeys(_SINGLE, 2),
        arm.ARM_INS_BL: 2,
        arm.ARM_INS_MRS: 3,
        arm.ARM_INS_MSR: 3,
        arm.ARM_INS_DMB: 3,
        arm.ARM_INS_DSB: 3,
        arm.ARM_INS_ISB: 3,
    }
)


def cortex_m4_block(block: Sequence[CsInsn], table: Mapping[int, int] = _CORTEX_M4_CYCLES) -> int:
    """Cycles of a basic block on a three-stage Cortex-M3 or -M4, branches not taken.

    A single load followed by a single load or store that does not need its result for an
    address overlaps with it and saves a cycle; an address that the instruction before has just
    computed costs one, since nothing forwards it.

    Source:
        Arm 100166_0001, Cortex-M4 TRM, 3.3.1 and 3.3.2; 7.2.3 for floating point.
    """
    total = 0
    previous: CsInsn | None = None
    for instruction in block:
        total += _own_cycles(instruction, table)
        if previous is not None and instruction.id in _SINGLE:
            total += _neighbour_cycles(previous, instruction)
        previous = instruction
    return total


def cortex_m3_block(block: Sequence[CsInsn]) -> int:
    """Cycles of a basic block on a Cortex-M3.

    Source:
        Arm DDI 0337, Cortex-M3 TRM, 18.2 and 18.3. Multiplications whose time depends on the
        operands take the middle: SMULL 3 to 5, SMLAL 4 to 7.
    """
    return cortex_m4_block(block, _CORTEX_M3_CYCLES)


def cortex_m0plus_block(block: Sequence[CsInsn]) -> int:
    """Cycles of a basic block on a two-stage Cortex-M0+ with the fast multiplier.

    Source:
        Arm DDI 0484, Cortex-M0+ TRM, 3.3.
    """
    total = 0
    for instruction in block:
        total += _own_cycles(instruction, _CORTEX_M0PLUS_CYCLES)
        if instruction.id == arm.ARM_INS_POP and _writes(instruction, arm.ARM_REG_PC):
            total += 1  # POP to PC takes 3 + N; the taken branch gives one of the two
    return total


def _own_cycles(instruction: CsInsn, table: Mapping[int, int]) -> int:
    if instruction.id in _MULTIPLE:
        return 1 + _transferred_words(instruction)
    return table.get(instruction.id, 1)


def _transferred_words(instruction: CsInsn) -> int:
    """Number of words that an LDM, STM, PUSH or POP moves."""
    first = 0 if instruction.id in _WITHOUT_BASE else 1
    registers = instruction.operands[first:]
    return sum(2 if _is_double(register.reg) else 1 for register in registers)


_WITHOUT_BASE = frozenset(
    {
        arm.ARM_INS_PUSH,
        arm.ARM_INS_POP,
        arm.ARM_INS_VPUSH,
        arm.ARM_INS_VPOP,
    }
)


def _is_double(register: int) -> bool:
    return bool(arm.ARM_REG_D0 <= register <= arm.ARM_REG_D31)


def _neighbour_cycles(previous: CsInsn, instruction: CsInsn) -> int:
    """What the instruction before adds to a single load or store: -1, 0 or 1."""
    depends = bool(_address_registers(instruction) & _written(previous))
    if previous.id in _LOADS:
        return 0 if depends else -1
    if previous.id in _STORES or previous.id in _MULTIPLE:
        return 0
    return 1 if depends else 0


def _address_registers(instruction: CsInsn) -> set[int]:
    return {
        register
        for operand in instruction.operands
        if operand.type == arm.ARM_OP_MEM
        for register in (operand.mem.base, operand.mem.index)
        if register != arm.ARM_REG_INVALID
    }


def _written(instruction: CsInsn) -> set[int]:
    return set(instruction.regs_access()[1])


def _writes(instruction: CsInsn, register: int) -> bool:
    return register in _written(instruction)
