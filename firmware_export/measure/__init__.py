"""Measure generated C without hardware: build it, run it on an emulated core, read its size.

Only this package needs a compiler, unicorn, capstone and pyelftools; ``import firmware_export``
does not import it.
"""

from firmware_export.measure.board_estimate import BoardEstimate, estimate_on_board
from firmware_export.measure.cycles import CYCLE_MODELS, CycleModel
from firmware_export.measure.elf_size import Footprint, Symbol
from firmware_export.measure.emulator import EmulationResult, emulate, measure_memory, run_firmware
from firmware_export.measure.layer_costs import LayerCost
from firmware_export.measure.samples import pack_inputs, unpack_outputs
from firmware_export.measure.toolchain import Firmware, build_firmware, run_on_host

__all__ = [
    "CYCLE_MODELS",
    "BoardEstimate",
    "CycleModel",
    "EmulationResult",
    "Firmware",
    "Footprint",
    "LayerCost",
    "Symbol",
    "build_firmware",
    "emulate",
    "estimate_on_board",
    "measure_memory",
    "pack_inputs",
    "run_firmware",
    "run_on_host",
    "unpack_outputs",
]
