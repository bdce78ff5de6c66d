"""Finds the smallest arena that TFLM works in, in a process of its own.

With too small an arena TFLM mostly reports a failure, and at some sizes crashes, so every size is
tried in a fork that may die. Run by `tflm.arena_bytes` as ``python -m firmware_export.tflm_probe
ENOUGH_BYTES`` with the model on standard input; writes the size in bytes. Linux and macOS, like
the wheel.
"""

from __future__ import annotations

import os
import resource
import sys

from tflite_micro.python.tflite_micro import runtime

ALIGNMENT_BYTES = 16


def smallest_arena(model: bytes, enough_bytes: int) -> int:
    """Bisect for the smallest multiple of 16 bytes that works.

    Args:
        model: A ``.tflite`` that TFLM can run.
        enough_bytes: An arena that is known to work.
    """
    low, high = 0, -(-enough_bytes // ALIGNMENT_BYTES)
    while high - low > 1:
        middle = (low + high) // 2
        if works(model, middle * ALIGNMENT_BYTES):
            high = middle
        else:
            low = middle
    return high * ALIGNMENT_BYTES


def works(model: bytes, arena_bytes: int) -> bool:
    """Whether an inference succeeds in an arena of ``arena_bytes``."""
    child = os.fork()
    if child == 0:
        os._exit(_infer(model, arena_bytes))
    _, status = os.waitpid(child, 0)
    return status == 0


def _infer(model: bytes, arena_bytes: int) -> int:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # TFLM explains every failure there
    try:
        runtime.Interpreter.from_bytes(model, arena_size=arena_bytes).invoke()
    except RuntimeError:
        return 1
    return 0


if __name__ == "__main__":
    sys.stdout.write(str(smallest_arena(sys.stdin.buffer.read(), int(sys.argv[1]))))
