"""From counted instructions to cycles: one model for each core, and how far to trust it.

Every model is a sum over basic blocks. A block's cost is found from its instructions; taken
branches are counted while emulating and pay for refilling the pipeline. Memory answers at once
(zero wait states); what that leaves out on real boards is in `CycleModel.hardware_factor`, where
hardware was there to compare with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from capstone import CsInsn

from firmware_export.measure.cortex_m_cycles import (
    cortex_m0plus_block,
    cortex_m3_block,
    cortex_m4_block,
)
from firmware_export.measure.decoding import RISCV32, THUMB, Decoder
from firmware_export.measure.hazard3_cycles import hazard3_block

BlockCost = Callable[[Sequence[CsInsn]], int]


@dataclass(frozen=True)
class CycleModel:
    """How cycles are estimated for one core.

    Attributes:
        decoder: Of the core's instruction set.
        block_cycles: Cycles of a basic block whose branches are not taken.
        taken_branch_cycles: Cycles on top for each branch that is taken.
        hardware_factor: Measured hardware cycles divided by modelled ones; 1 if never compared.
        uncertainty: Expected error of cycles x ``hardware_factor``, in words.
        method: One sentence for reports: rules, source, calibration.
    """

    decoder: Decoder
    block_cycles: BlockCost
    taken_branch_cycles: int
    hardware_factor: float
    uncertainty: str
    method: str


_M4_RULES = "cycles from the instruction timings of Arm 100166 (Cortex-M4), zero wait states"

# Factors of the M7 and the M33: MLPerf Tiny latencies (v1.1, v1.2; four models) that ST, Plumerai
# and Bosch each published for NUCLEO-L4R5ZI and for boards with these cores, as cycles (latency x
# clock) on the core / cycles on the M4. Geometric means: M7 0.61 (24 ratios, 0.53 to 0.78), M33
# 0.88 (16 ratios, 0.80 to 0.94 and one of 1.21). Times the M4's own 1.23.
CYCLE_MODELS: Mapping[str, CycleModel] = MappingProxyType(
    {
        "cortex-m0plus": CycleModel(
            decoder=THUMB,
            block_cycles=cortex_m0plus_block,
            taken_branch_cycles=1,
            hardware_factor=1.0,
            uncertainty="not calibrated on hardware; waiting for flash comes on top",
            method="cycles from the instruction timings of Arm DDI 0484 (Cortex-M0+), zero wait "
            "states, single-cycle multiplier",
        ),
        "cortex-m3": CycleModel(
            decoder=THUMB,
            block_cycles=cortex_m3_block,
            taken_branch_cycles=2,
            hardware_factor=1.0,
            uncertainty="not calibrated on hardware; waiting for flash comes on top",
            method="cycles from the instruction timings of Arm DDI 0337 (Cortex-M3), zero wait "
            "states",
        ),
        "cortex-m4": CycleModel(
            decoder=THUMB,
            block_cycles=cortex_m4_block,
            taken_branch_cycles=2,
            hardware_factor=1.23,
            uncertainty="+-15 % on NUCLEO-L4R5ZI; other boards wait for their flash differently",
            method=f"{_M4_RULES}; x1.23 calibrated with four CMSIS-NN programs on NUCLEO-L4R5ZI",
        ),
        "cortex-m7": CycleModel(
            decoder=THUMB,
            block_cycles=cortex_m4_block,
            taken_branch_cycles=2,
            hardware_factor=0.75,
            uncertainty="+-30 %: dual issue and caches are in the factor, not modelled",
            method=f"{_M4_RULES}; x0.75 from published MLPerf Tiny latencies on Cortex-M7 and -M4",
        ),
        "cortex-m33": CycleModel(
            decoder=THUMB,
            block_cycles=cortex_m4_block,
            taken_branch_cycles=2,
            hardware_factor=1.08,
            uncertainty="+-20 %: the pipeline of the M33 is in the factor, not modelled",
            method=f"{_M4_RULES}; x1.08 from published MLPerf Tiny latencies on Cortex-M33 and -M4",
        ),
        "riscv32": CycleModel(
            decoder=RISCV32,
            block_cycles=hazard3_block,
            taken_branch_cycles=1,
            hardware_factor=1.0,
            uncertainty="not calibrated on hardware; cores other than the Hazard3 have other "
            "pipelines, and waiting for flash comes on top",
            method="cycles from the instruction timings of the Hazard3 (the RISC-V core of the "
            "RP2350), zero wait states, branches never predicted",
        ),
    }
)


@dataclass(frozen=True)
class BlockTiming:
    """Instructions of one basic block, and their cycles when its branch is not taken."""

    instructions: int
    cycles: int


def time_block(code: bytes, address: int, model: CycleModel) -> BlockTiming:
    """Disassemble a basic block and cost it.

    Instructions are counted from their encoding, so that one that the disassembler does not know
    is still counted; it is taken to last one cycle.

    Args:
        code: Machine code of the whole block.
        address: Where it lies.
        model: A row of `CYCLE_MODELS`.
    """
    known, unknown = model.decoder.decode(code, address)
    return BlockTiming(len(known) + unknown, model.block_cycles(known) + unknown)
