"""Proof for one model: every output byte of its C against TFLM, and the layer to blame."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from firmware_export.choose import Goal
from firmware_export.compiled import CompiledModel
from firmware_export.compiler import compile_tflite
from firmware_export.errors import ModelError
from firmware_export.ir import Node
from firmware_export.measure.emulator import emulate
from firmware_export.measure.input_values import (
    Given,
    given_samples,
    input_values,
    random_samples,
    saturating_samples,
    typed,
)
from firmware_export.measure.samples import Int8Array
from firmware_export.measure.toolchain import Compiler, run_on_host
from firmware_export.target import find_core
from firmware_export.tflite_reader import read_tflite
from firmware_export.tflm import run_tflm

HOST = "host"
DEFAULT_SAMPLES = 32

CompileModel = Callable[[bytes], CompiledModel]
"""From the bytes of a ``.tflite`` to its C."""


@dataclass(frozen=True)
class Difference:
    """Where the C and TFLM part.

    Attributes:
        layer: Index of the operator in the file.
        op: Its TFLite name.
        name: The tensor that it writes.
        differing_bytes: Of that tensor, over all samples.
        compared_bytes: Of that tensor, over all samples.
        sample: Number of the first sample that differs.
        position: Index into the flattened tensor of the first value that differs there.
        expected: TFLM's value, in the tensor's type.
        got: The C's value.
    """

    layer: int
    op: str
    name: str
    differing_bytes: int
    compared_bytes: int
    sample: int
    position: int
    expected: int | float
    got: int | float


@dataclass(frozen=True)
class Verification:
    """What comparing the C of a model with TFLM has shown.

    Attributes:
        target: ``"host"``, or the core that was emulated.
        samples: How many inferences were compared.
        compared_bytes: Output bytes, over all samples.
        differing_bytes: Of them; 0 if the C is right.
        first_difference: The first layer, in the order of the file, whose result differs; None
            if nothing differs, or if only the layers together go wrong.
        how: What ran, one sentence.
    """

    target: str
    samples: int
    compared_bytes: int
    differing_bytes: int
    first_difference: Difference | None
    how: str

    @property
    def equal(self) -> bool:
        """Whether every byte is TFLM's."""
        return self.differing_bytes == 0


def verify_tflite(
    tflite: bytes,
    *,
    inputs: Given | None = None,
    samples: int = DEFAULT_SAMPLES,
    seed: int = 0,
    target: str = HOST,
    cc: Compiler = "zig",
    optimize: Goal = "balanced",
    compile_model: CompileModel | None = None,
) -> Verification:
    """Build the C of a model, run it, and compare every output byte with TFLM.

    Args:
        tflite: An int8 model.
        inputs: To run besides the saturating and the random samples, in the types that the model
            takes; see `given_samples`.
        samples: Number of random samples.
        seed: Of the random samples.
        target: ``"host"``, or a key of ``CORES`` for an emulated core.
        cc: Compiler. On the host gcc also has address and undefined-behaviour sanitizers on.
        optimize: What decides where a layer can run in several ways.
        compile_model: What makes the C; `compile_tflite` for ``target`` if None.

    Returns:
        The counts, and where something differs, the first layer that does.

    Raises:
        ModelError: The compiler or TFLM refuses the model, or the inputs do not fit it.
        BoardError: The target is unknown.
        ToolchainError: Building or running failed.
    """
    compile_model = compile_model or _compiler_for(target, optimize)
    compiled = compile_model(tflite)
    rows = _all_samples(tflite, inputs, samples, seed)
    run = partial(_run, rows=rows, target=target, cc=cc)
    expected = _bytes(run_tflm(tflite, rows))
    wrong = int(np.count_nonzero(_bytes(run(compiled)) != expected))
    return Verification(
        target=target,
        samples=len(rows),
        compared_bytes=expected.size,
        differing_bytes=wrong,
        first_difference=_first_difference(tflite, rows, run, compile_model) if wrong else None,
        how=_how(target, cc),
    )


def truncated_model(tflite: bytes, layer: int) -> bytes:
    """The same model up to operator ``layer``, whose outputs are the model's only outputs.

    The file is repacked as it is, so that nothing the compiler's own reader might lose is lost.
    """
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(tflite, 0))
    subgraph = model.subgraphs[0]
    subgraph.operators = subgraph.operators[: layer + 1]
    subgraph.outputs = list(subgraph.operators[layer].outputs)
    model.signatureDefs = None  # they name outputs that are gone
    builder = flatbuffers.Builder(len(tflite))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _compiler_for(target: str, optimize: Goal) -> CompileModel:
    if target == HOST:
        return partial(compile_tflite, optimize=optimize)
    return partial(compile_tflite, optimize=optimize, target=find_core(target).name)


def _all_samples(tflite: bytes, inputs: Given | None, samples: int, seed: int) -> NDArray[Any]:
    values = input_values(read_tflite(tflite))
    chosen = [saturating_samples(values), random_samples(values, samples, seed)]
    if inputs is not None:
        chosen.append(given_samples(values, inputs))
    return typed(values, np.concatenate(chosen))


def _run(compiled: CompiledModel, *, rows: NDArray[Any], target: str, cc: Compiler) -> NDArray[Any]:
    if target == HOST:
        return run_on_host(
            compiled, rows, cc=cc, sanitize="address,undefined" if cc == "gcc" else "none"
        )
    return emulate(compiled, find_core(target), rows, cc=cc).outputs


def _first_difference(
    tflite: bytes,
    rows: NDArray[Any],
    run: Callable[[CompiledModel], NDArray[Any]],
    compile_model: CompileModel,
) -> Difference | None:
    """Compare the model cut off behind each of its operators, in order, until one differs."""
    for layer, node in enumerate(read_tflite(tflite).nodes):
        model = truncated_model(tflite, layer)
        try:
            compiled, expected = compile_model(model), run_tflm(model, rows)
        except ModelError:
            continue  # a tensor that cannot be the output of a model, such as a shape
        got = run(compiled)
        if not np.array_equal(_bytes(got), _bytes(expected)):
            return _describe(layer, node, expected, got)
    return None


def _describe(layer: int, node: Node, expected: NDArray[Any], got: NDArray[Any]) -> Difference:
    different = _bytes(expected) != _bytes(got)
    sample, byte = (int(index) for index in np.argwhere(different)[0])
    position = byte // expected.itemsize
    return Difference(
        layer=layer,
        op=node.op,
        name=node.name,
        differing_bytes=int(np.count_nonzero(different)),
        compared_bytes=expected.nbytes,
        sample=sample,
        position=position,
        expected=expected[sample].flat[position].item(),
        got=got[sample].flat[position].item(),
    )


def _bytes(outputs: NDArray[Any]) -> Int8Array:
    flat = outputs.reshape(len(outputs), math.prod(outputs.shape[1:]))
    return np.ascontiguousarray(flat).view(np.int8)


def _how(target: str, cc: Compiler) -> str:
    place = "this computer" if target == HOST else f"an emulated {target}"
    if (target, cc) == (HOST, "gcc"):
        place += " with address and undefined-behaviour sanitizers"
    return (
        f"C compiled by {cc} for {place}, TFLM of tflite-micro {metadata.version('tflite-micro')}"
    )
