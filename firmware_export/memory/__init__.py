"""The memory plan: where in the arena each activation lives, and for how long.

A node may write over an input that dies there: some kernels read ahead of where they write, so
their output may begin a known distance below their input. A chain of such tensors is placed as one
rigid body, in which each tensor lies at a fixed distance from the one before it.
"""

from firmware_export.memory.buffers import (
    ALIGNMENT_BYTES,
    Buffer,
    Sharing,
    align,
    in_place_bound,
    lower_bound,
    occupied,
    overlaps,
)
from firmware_export.memory.lifetimes import tensor_buffers, tensor_sharings
from firmware_export.memory.placing import place
from firmware_export.memory.plan import MemoryPlan, plan_memory

__all__ = [
    "ALIGNMENT_BYTES",
    "Buffer",
    "MemoryPlan",
    "Sharing",
    "align",
    "in_place_bound",
    "lower_bound",
    "occupied",
    "overlaps",
    "place",
    "plan_memory",
    "tensor_buffers",
    "tensor_sharings",
]
