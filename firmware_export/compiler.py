"""The compiler: from the bytes of a ``.tflite`` to C, in the order in which it happens."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from firmware_export.choose import UNLIMITED, Budget, Choice, Goal, choose
from firmware_export.codegen import (
    CodeModel,
    PlacedLayer,
    generate,
    share_constants,
    share_functions,
)
from firmware_export.compiled import PORT_TYPES, CompiledModel, Layer, Port, State
from firmware_export.errors import ModelError
from firmware_export.exporters.writing import write_files
from firmware_export.ir import Graph, Node, Tensor
from firmware_export.ir_text import steps_as_files
from firmware_export.memory import MemoryPlan, plan_memory
from firmware_export.names import c_identifier
from firmware_export.ops import check_supported, definition
from firmware_export.ops.limits import activation_name, quantization_fault
from firmware_export.passes import Step, run_passes
from firmware_export.passes.fold_constants import fold_constants
from firmware_export.passes.removed import removed_channels
from firmware_export.target import find_core
from firmware_export.tflite_reader import read_bytes, read_tflite


def compile_tflite(
    model: bytes | Path,
    *,
    name: str | None = None,
    target: str = "cortex-m4",
    dump_ir: Path | None = None,
    optimize: Goal = "balanced",
    budget: Budget = UNLIMITED,
) -> CompiledModel:
    """Compile an int8 model to standalone C99.

    Args:
        model: A ``.tflite``: its bytes, or its path.
        name: Prefix of the public C names and of the files; from the file name if None.
        target: Core that the C is meant for, a key of ``CORES``. The text compiles and gives the
            same bytes everywhere.
        dump_ir: Folder for the graph as text, as it was read and after every pass.
        optimize: What decides where a layer can run in several ways; see `choose`.
        budget: Flash and RAM of the board, see `board_budget`; unlimited if there is none.

    Returns:
        Two C files, and the facts fixed while making them.

    Raises:
        ModelError: If the file cannot be read, is damaged or is inconsistent.
        UnsupportedOpError: If an operator is outside what can be reproduced byte for byte.
        BoardError: If the target is unknown.
        TinykdError: If the folder cannot be written.
    """
    find_core(target)
    data = read_bytes(model)
    name = c_identifier(name or ("model" if isinstance(model, bytes) else Path(model).stem))
    steps = [Step("read", read_tflite(data))]
    # Before the check: what computes shapes is not among the operators, and has to be gone.
    graph = fold_constants(steps[0].graph)
    steps.append(Step(fold_constants.__name__, graph))
    check_supported(graph)
    check_ports(graph)
    try:
        graph = run_passes(graph, observe=steps.append)
    finally:
        if dump_ir is not None:
            write_files(steps_as_files((step.name, step.graph) for step in steps), dump_ir)
    choices = choose(graph, target, optimize, budget)
    compiled = _compile(graph, choices, name, hashlib.sha256(data).hexdigest())
    return replace(compiled, removed=removed_channels(steps))


def check_ports(graph: Graph) -> None:
    """Refuse model inputs and outputs that the C interface cannot offer.

    Raises:
        ModelError: If one is of another type, is quantized without a scale, or is empty.
    """
    for tensor in (*graph.inputs, *graph.outputs):
        if tensor.dtype not in PORT_TYPES:
            raise ModelError(
                f"Model inputs and outputs must be int8, uint8, int16, int32 or float32. "
                f"Got {tensor.dtype} in '{tensor.name}'. "
                "Convert with inference_input_type and inference_output_type int8."
            )
        fault = quantization_fault(tensor) if PORT_TYPES[tensor.dtype].quantized else None
        if fault or tensor.elements < 1 or tensor.data is not None:
            found = fault or f"shape {list(tensor.shape)}, or a constant, in '{tensor.name}'"
            raise ModelError(
                f"Model inputs and outputs must have a scale and values to compute. Got {found}. "
                "Convert the model with fixed shapes and full-integer quantization."
            )


def _compile(graph: Graph, choices: Sequence[Choice], name: str, sha256: str) -> CompiledModel:
    calls = [choice.call for choice in choices]
    plan = plan_memory(
        graph, [call.scratch_bytes for call in calls], [call.overlaps for call in calls]
    )
    layers = share_constants(
        [
            _place(graph, plan, index, choice, f"{name}_{index}_{node.op.lower()}")
            for index, (node, choice) in enumerate(zip(graph.nodes, choices, strict=True))
        ]
    )
    code = CodeModel(
        name=name,
        layers=share_functions(layers, name),
        inputs=_ports(graph, plan, graph.inputs),
        outputs=_ports(graph, plan, graph.outputs),
        states=tuple(_state(tensor, plan.tensors[tensor]) for tensor in graph.states),
        arena_bytes=plan.arena_bytes,
        provenance=(
            f"Generated by tinykd {_version()} from a TFLite model. Do not edit.",
            f"Model SHA-256: {sha256}",
        ),
    )
    return CompiledModel(
        name=name,
        files=generate(code),
        inputs=code.inputs,
        outputs=code.outputs,
        layers=tuple(placed.layer for placed in code.layers),
        arena_bytes=plan.arena_bytes,
        arena_lower_bound_bytes=plan.lower_bound_bytes,
        model_sha256=sha256,
        states=code.states,
    )


def _version() -> str:
    try:
        return metadata.version("tinykd")
    except metadata.PackageNotFoundError:  # run from a checkout that was never installed
        return "(not installed)"


def _place(graph: Graph, plan: MemoryPlan, index: int, choice: Choice, symbol: str) -> PlacedLayer:
    node = graph.nodes[index]
    layer = Layer(
        symbol=symbol,
        op=node.op,
        name=node.name,
        input_shapes=tuple(tensor.shape for tensor in node.activations if not tensor.variable),
        output_shape=node.output.shape,
        macs=definition(node).macs(node),
        weights_bytes=choice.call.constant_bytes,
        alive_bytes=plan.occupied_bytes[index],
        variant=choice.variant,
        saved_instructions=choice.saved_instructions,
    )
    return PlacedLayer(
        layer=layer,
        call=choice.call,
        title=_title(node),
        input_offsets=tuple(
            None if t is None or t.data is not None else plan.tensors[graph.storage(t)]
            for t in node.inputs
        ),
        output_offsets=tuple(plan.tensors[tensor] for tensor in node.outputs),
        scratch_offset=plan.scratch.get(node),
    )


def _title(node: Node) -> str:
    if node.parts:
        return ", then ".join(map(_title, node.parts))
    if "fused_activation_function" not in node.options:
        return node.op
    activation = activation_name(node)
    return node.op if activation == "NONE" else f"{node.op} + {activation}"


def _ports(graph: Graph, plan: MemoryPlan, tensors: Sequence[Tensor]) -> tuple[Port, ...]:
    return tuple(_port(t, plan.tensors[graph.storage(t)]) for t in tensors)


def _port(tensor: Tensor, offset: int) -> Port:
    quantized = PORT_TYPES[tensor.dtype].quantized
    scale, zero_point = (tensor.scale, tensor.zero_point) if quantized else (1.0, 0)
    return Port(tensor.name, tensor.shape, tensor.dtype, scale, zero_point, offset)


def _state(tensor: Tensor, offset: int) -> State:
    # TFLM fills the bytes of an int8 state with its zero point, and those of any other with 0.
    initial = tensor.zero_point % 256 if tensor.dtype == "int8" else 0
    return State(tensor.name, tensor.size_bytes, initial, offset)
