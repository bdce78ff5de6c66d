"""A graph as text that people read: what ``--dump-ir`` writes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from firmware_export.errors import ModelError
from firmware_export.ir import Graph, Node, Quantization, Tensor
from firmware_export.ops import FUSED_OPS, OPS, definition
from firmware_export.ops.limits import ACTIVATION_NAMES, EXPLICIT, SAME, VALID

SHORT = 8
"""Values of an integer constant that are written out; larger ones have a size and a hash."""

PADDING_NAMES = {SAME: "SAME", VALID: "VALID", EXPLICIT: "EXPLICIT"}
CODED = {"padding": PADDING_NAMES, "fused_activation_function": ACTIVATION_NAMES}


def graph_text(graph: Graph) -> str:
    """One line for each tensor that is read or written, below the operator that does so.

    Names are not unique in a ``.tflite``, so that activations have numbers: inputs first, then in
    the order in which they are written. The same graph gives the same text everywhere.

    Args:
        graph: Any graph, also one that is not supported.
    """
    written = [tensor for node in graph.nodes for tensor in node.outputs]
    tensors = dict.fromkeys((*graph.inputs, *written, *graph.views))
    numbers = {tensor: f"%{index}" for index, tensor in enumerate(tensors)}
    macs = [_macs(node) for node in graph.nodes]
    size = sum(tensor.size_bytes for tensor in _constants(graph))
    lines = [
        f"{len(graph.nodes)} operators, {sum(count or 0 for count in macs):,} MACs, "
        f"{size:,} bytes of constants",
        "",
        *(f"input   {_activation(tensor, numbers)}" for tensor in graph.inputs),
    ]
    for node, count in zip(graph.nodes, macs, strict=True):
        lines += ["", *_node(node, count, numbers)]
    lines += [""] if graph.views else []
    lines += [
        f"view    {_activation(view, numbers)} of {_reference(owner, numbers)}"
        for view, owner in graph.views.items()
    ]
    lines += ["", *(f"output  {_reference(tensor, numbers)}" for tensor in graph.outputs)]
    return "\n".join(lines) + "\n"


def steps_as_files(steps: Iterable[tuple[str, Graph]]) -> dict[str, str]:
    """File name to text, in the order of the steps: ``00_read.txt``, and so on."""
    return {f"{i:02}_{name}.txt": graph_text(graph) for i, (name, graph) in enumerate(steps)}


def _node(node: Node, macs: int | None, numbers: Mapping[Tensor, str]) -> list[str]:
    cost = f"  {macs:,} MACs" if macs else ""
    lines = [f"{node.op}{_options(node)}{cost}"]
    lines += [f"  does    {part.op}{_options(part)} giving {_given(part)}" for part in node.parts]
    for tensor in node.inputs:
        if tensor is None:
            lines.append("  reads   nothing")
        elif tensor.data is not None:
            lines.append(f"  reads   {_constant(tensor)}")
        else:
            lines.append(f"  reads   {numbers.get(tensor, '%?')} {_type(tensor)}")
    return [*lines, *(f"  writes  {_activation(tensor, numbers)}" for tensor in node.outputs)]


def _given(part: Node) -> str:
    return f"'{part.name}' {_type(part.output)}{_scales(part.output.quantization)}"


def _options(node: Node) -> str:
    return "".join(f" {name}={_option(name, node)}" for name in sorted(node.options))


def _option(name: str, node: Node) -> str:
    value = node.options[name]
    names = CODED.get(name, {})
    return names.get(value, str(value)) if isinstance(value, int) else str(value)


def _activation(tensor: Tensor, numbers: Mapping[Tensor, str]) -> str:
    return f"{_reference(tensor, numbers)} {_type(tensor)}{_scales(tensor.quantization)}"


def _reference(tensor: Tensor, numbers: Mapping[Tensor, str]) -> str:
    return f"{numbers.get(tensor, '%?')} '{tensor.name}'"


def _constant(tensor: Tensor) -> str:
    values = tensor.values
    if values.size <= SHORT and values.dtype.kind == "i":
        content = f"= {values.tolist()}"
    else:
        little_endian = values.astype(values.dtype.newbyteorder("<"))
        digest = hashlib.sha256(little_endian.tobytes()).hexdigest()
        content = f"{tensor.size_bytes:,} bytes #{digest[:8]}"
    return f"'{tensor.name}' {_type(tensor)}{_scales(tensor.quantization)} {content}"


def _type(tensor: Tensor) -> str:
    return f"{tensor.dtype} {list(tensor.shape)}"


def _scales(found: Quantization | None) -> str:
    if found is None:
        return ""
    if len(found.scales) == 1:
        return f" scale {_real(found.scales[0])} zero {found.zero_points[0]}"
    low, high = (_real(end) for end in (min(found.scales), max(found.scales)))
    return f" scales {low} to {high} on axis {found.axis}"


def _real(value: float) -> str:
    """As many digits as a float32 has.

    Example:
        >>> _real(float(np.float32(0.1)))
        '0.1'
    """
    return str(np.float32(value))


def _constants(graph: Graph) -> Sequence[Tensor]:
    found = (tensor for node in graph.nodes for tensor in node.inputs)
    return list(dict.fromkeys(t for t in found if t is not None and t.data is not None))


def _macs(node: Node) -> int | None:
    """Multiply-accumulates; None for an operator that the compiler refuses."""
    if node.op not in OPS and node.op not in FUSED_OPS:
        return None
    try:
        definition(node).check(node)
    except ModelError:
        return None
    return definition(node).macs(node)
