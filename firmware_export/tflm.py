"""The oracle: TensorFlow Lite for Microcontrollers itself, through the ``tflite-micro`` wheel.

It gives the bytes that the interpreter gives on a board, and the arena that it needs.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import struct
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from firmware_export.errors import ModelError, ToolchainError

Int8Array = NDArray[np.int8]

ARENA_ALIGNMENT_BYTES = 16
# Far more than a microcontroller has, since TFLM may crash where an arena is too small.
GENEROUS_ARENA_BYTES = 16 << 20
MAX_ARENA_BYTES = 256 << 20
MIN_MARGIN_BYTES = 1024
MARGIN_REASON = "5 %, at least 1024, for kernels that want scratch memory (CMSIS-NN)"


# How TFLM's complaint begins when only the size of the arena is wrong.
_TOO_SMALL = re.compile(r"^Failed to (allocate|resize)|^Requested buffer size")


@dataclass(frozen=True)
class ArenaNeed:
    """Tensor arena of the TFLM interpreter for a model.

    Attributes:
        used_bytes: What the interpreter reports after an inference.
        smallest_bytes: Smallest arena that works, found by trying. It exceeds ``used_bytes``
            where setting up takes more than running.
        margin_bytes: Added for other kernels; `MARGIN_REASON` says why.
        recommended_bytes: The larger of the two, and the margin, rounded up to 16.
    """

    used_bytes: int
    smallest_bytes: int
    margin_bytes: int
    recommended_bytes: int


def run_tflm(model: bytes, inputs: NDArray[Any]) -> NDArray[Any]:
    """Run samples through the TFLM interpreter, one after the other.

    Args:
        model: A ``.tflite`` of batch 1.
        inputs: int8 ``[n, ...]``; what follows ``n`` is any shape of the right size. A model with
            several inputs takes them flattened, one after the other. Inputs of another type are
            of that type; inputs of several types are given as their bytes.

    Returns:
        int8 ``[n, ...]`` with the output's shape behind a batch dimension of 1, or the whole shape
        where it is another; several outputs are flattened, one after the other. Outputs of another
        type are of that type; outputs of several types come as their bytes.

    Raises:
        ToolchainError: The wheel is not installed.
        ModelError: TFLM cannot run the model, or the inputs do not fit it.
    """
    signature = _read_signature(model)
    interpreter = _new_interpreter(model, _working_arena(model))
    details = [interpreter.get_input_details(i) for i in range(signature.inputs)]
    shapes = [tuple(int(extent) for extent in detail["shape"]) for detail in details]
    dtypes = [np.dtype(detail["dtype"]) for detail in details]
    sizes = [math.prod(s) * t.itemsize for s, t in zip(shapes, dtypes, strict=True)]
    dtype = _common_dtype(dtypes)
    samples = np.asarray(inputs)
    if samples.dtype != dtype or samples.ndim < 1 or samples[:1].nbytes != sum(sizes):
        raise ModelError(
            f"TFLM: expected {dtype} inputs [n >= 1] of {sum(sizes) // dtype.itemsize} values, got "
            f"{samples.dtype} {list(samples.shape)}. Quantize the samples first."
        )
    outputs = []
    for row in np.ascontiguousarray(samples).reshape(len(samples), -1).view(np.int8):
        parts = np.split(row, np.cumsum(sizes)[:-1])
        for index, part in enumerate(parts):
            interpreter.set_input(part.view(dtypes[index]).reshape(shapes[index]), index)
        interpreter.invoke()
        outputs.append([interpreter.get_output(i) for i in range(signature.outputs)])
    if signature.outputs == 1:
        return np.stack([only[0] if only.shape[:1] == (1,) else only for (only,) in outputs])
    dtype = _common_dtype([output.dtype for output in outputs[0]])
    return np.stack([np.concatenate([o.ravel().view(dtype) for o in row]) for row in outputs])


def arena_bytes(model: bytes) -> ArenaNeed:
    """Find the tensor arena that a model needs in TFLM.

    The wheel is a 64-bit build with a recording allocator, so a microcontroller needs somewhat
    less for the interpreter's own structures; the activations are the same.

    Args:
        model: A ``.tflite`` that TFLM can run.

    Raises:
        ToolchainError: The wheel is not installed.
        ModelError: TFLM cannot run the model.
    """
    _read_signature(model)
    generous = _working_arena(model)
    with _captured_stderr() as messages:
        interpreter = _new_interpreter(model, generous)
        interpreter.invoke()
        interpreter.print_allocations()
        found = re.search(r"Arena allocation total (\d+) bytes", messages())
    if found is None:
        raise ModelError("TFLM did not report the size of its arena. Use the pinned tflite-micro.")
    used = int(found[1])
    smallest = _smallest_arena(model, generous)
    needed = max(used, smallest)
    margin = max(MIN_MARGIN_BYTES, needed // 20)
    return ArenaNeed(used, smallest, margin, _align(needed + margin))


def operators(model: bytes) -> tuple[str, ...]:
    """Return the TFLite names of the operators that a model uses, once each, sorted.

    Raises:
        ModelError: The file is damaged.
    """
    return _read_signature(model).operators


@dataclass(frozen=True)
class _Signature:
    inputs: int
    outputs: int
    operators: tuple[str, ...]


def _read_signature(model: bytes) -> _Signature:
    """Read the little that TFLM's Python interface does not tell, and all of the file once.

    The compiler's own reader is not asked: the oracle has to run models that it refuses, and must
    not share its mistakes. TFLM itself trusts a file; reading it whole finds most damage before
    it is handed over.
    """
    if model[4:8] != b"TFL3":
        raise ModelError("TFLM: this is not a .tflite file (its identifier is not 'TFL3').")
    try:
        file = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model))
        # Numbers above 127 did not fit the field of the first schema; the larger one counts.
        codes = [max(c.builtinCode, c.deprecatedBuiltinCode) for c in file.operatorCodes]
        used = {codes[node.opcodeIndex] for graph in file.subgraphs for node in graph.operators}
        return _Signature(
            inputs=len(file.subgraphs[0].inputs),
            outputs=len(file.subgraphs[0].outputs),
            operators=tuple(sorted(_OPERATOR_NAMES[code] for code in used)),
        )
    except _DAMAGE as error:
        raise ModelError(
            f"TFLM: the .tflite file is damaged ({error}). Convert or download it again."
        ) from error


# What the FlatBuffers bindings raise when offsets lead nowhere.
_DAMAGE = (struct.error, TypeError, ValueError, KeyError, IndexError, AttributeError, MemoryError)

_OPERATOR_NAMES: Mapping[int, str] = {
    v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)
}


def _common_dtype(dtypes: Sequence[np.dtype[Any]]) -> np.dtype[Any]:
    """The type of all of them, or int8 for the bytes of several types."""
    return dtypes[0] if len(set(dtypes)) == 1 else np.dtype(np.int8)


def _new_interpreter(model: bytes, arena: int) -> Any:
    return _runtime().Interpreter.from_bytes(model, arena_size=arena)


def _runtime() -> Any:
    try:
        from tflite_micro.python.tflite_micro import runtime
    except ImportError as error:
        raise ToolchainError(
            f"tflite-micro, the TFLM interpreter, cannot be imported on {sys.platform}: there are "
            f"wheels for Linux and macOS only. Install it, or leave the TFLM comparison out."
        ) from error
    return runtime


def _working_arena(model: bytes) -> int:
    """An arena that is large enough."""
    arena = GENEROUS_ARENA_BYTES
    while True:
        complaint = _try_arena(model, arena)
        if complaint is None:
            return arena
        arena *= 2
        if arena > MAX_ARENA_BYTES or not _TOO_SMALL.search(complaint):
            raise ModelError(f"TFLM cannot run this model: {complaint}")


def _try_arena(model: bytes, arena: int) -> str | None:
    """None if the model runs in ``arena`` bytes, else the first thing that TFLM complained of."""
    with _captured_stderr() as messages:
        try:
            _new_interpreter(model, arena).invoke()
        except RuntimeError as error:
            lines = messages().strip().splitlines()
            return lines[0] if lines else str(error)
    return None


def _smallest_arena(model: bytes, enough: int) -> int:
    # Imported here: the oracle for bytes needs neither a compiler nor an emulator.
    from firmware_export.measure.toolchain import run_tool

    command = [sys.executable, "-m", "firmware_export.tflm_probe", str(enough)]
    return int(run_tool(command, cwd=tempfile.gettempdir(), stdin=model))


def _align(size: int) -> int:
    return -(-size // ARENA_ALIGNMENT_BYTES) * ARENA_ALIGNMENT_BYTES


_STDERR_LOCK = threading.Lock()


@contextlib.contextmanager
def _captured_stderr() -> Iterator[Any]:
    """Catch what C code writes to file descriptor 2; gives a function that returns it so far.

    Python's own ``sys.stderr`` is flushed before and after, so that no message is lost or moves.
    """
    with _STDERR_LOCK, tempfile.TemporaryFile() as sink:
        sys.stderr.flush()
        kept = os.dup(2)
        os.dup2(sink.fileno(), 2)

        def messages() -> str:
            sink.seek(0)
            return sink.read().decode("utf-8", "replace")

        try:
            yield messages
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
