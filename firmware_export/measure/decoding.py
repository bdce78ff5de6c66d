"""From machine code to instructions, for each instruction set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from capstone import (
    CS_ARCH_ARM,
    CS_ARCH_RISCV,
    CS_MODE_MCLASS,
    CS_MODE_RISCV32,
    CS_MODE_RISCVC,
    CS_MODE_THUMB,
    CS_MODE_V8,
    Cs,
    CsInsn,
)


@dataclass(frozen=True)
class Decoder:
    """A disassembler for one instruction set, and the rule for the length of its instructions."""

    disassembler: Cs
    instruction_bytes: Callable[[int], int]
    """From the first halfword of an instruction."""

    def decode(self, code: bytes, address: int) -> tuple[list[CsInsn], int]:
        """Return the instructions of ``code``, and how many the disassembler does not know.

        Lengths come from the encoding, so that what is not known is still counted.
        """
        known: list[CsInsn] = []
        unknown = 0
        offset = 0
        while offset < len(code):
            size = self.instruction_bytes(int.from_bytes(code[offset : offset + 2], "little"))
            one = code[offset : offset + size]
            found = list(self.disassembler.disasm(one, address + offset, 1))
            known += found
            unknown += 1 - len(found)
            offset += size
        return known, unknown


def thumb_bytes(halfword: int) -> int:
    """Length of a Thumb instruction.

    Source:
        Arm ARMv7-M manual, A5.1: bits 15..11 of 11101, 11110 and 11111 begin a 32-bit instruction.

    Example:
        >>> thumb_bytes(0xBF00), thumb_bytes(0xF3AF)
        (2, 4)
    """
    return 4 if halfword >> 11 in {0b11101, 0b11110, 0b11111} else 2


def riscv_bytes(halfword: int) -> int:
    """Length of a RISC-V instruction of 16 or 32 bits.

    Source:
        The RISC-V Instruction Set Manual, volume I, 1.5: lowest bits of 11 begin a longer one.

    Example:
        >>> riscv_bytes(0x0001), riscv_bytes(0x0013)
        (2, 4)
    """
    return 4 if halfword & 0b11 == 0b11 else 2


def _with_operands(architecture: int, mode: int) -> Cs:
    disassembler = Cs(architecture, mode)
    disassembler.detail = True
    return disassembler


THUMB = Decoder(
    _with_operands(CS_ARCH_ARM, CS_MODE_THUMB | CS_MODE_MCLASS | CS_MODE_V8), thumb_bytes
)
RISCV32 = Decoder(_with_operands(CS_ARCH_RISCV, CS_MODE_RISCV32 | CS_MODE_RISCVC), riscv_bytes)
