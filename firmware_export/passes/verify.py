"""The verifier: what must be true of a graph before and after every pass."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from firmware_export.errors import ModelError
from firmware_export.ir import Graph, Node, Tensor
from firmware_export.ops import definition


def verify(graph: Graph, sound: Collection[Node] = frozenset()) -> Graph:
    """Check that every tensor is computed once, before it is read, and as its operator says.

    Types, shapes and values must be within the limits of the operators, and every output must have
    the shape that the inputs and options imply.

    Args:
        graph: Of supported operators.
        sound: Nodes that were found to be within their limits before; a node never changes.

    Returns:
        The same graph.

    Raises:
        ModelError: Naming the first tensor for which it is not so.
        UnsupportedOpError: Naming the first operator that is not within its limits.
    """
    known: set[Tensor] = set()
    for tensor in graph.inputs:
        if tensor.data is not None:
            raise ModelError(f"Model input '{tensor.name}' is a constant.")
        known.add(tensor)
    for state in graph.states:
        _check_state(graph, state)
        known.add(state)
    for view in graph.views:
        _check_view(graph, view)
    for node in graph.nodes:
        _check_known(graph, known, node.activations, f"{node.op} at '{node.name}' reads")
        for tensor in node.outputs:
            if tensor in known or tensor.data is not None or tensor in graph.views:
                raise ModelError(f"Tensor '{tensor.name}' is written twice, or is a constant.")
            known.add(tensor)
        if node not in sound:
            _check_constants(node)
            definition(node).check(node)
    _check_known(graph, known, graph.outputs, "The model gives")
    if not graph.inputs or not graph.outputs:
        raise ModelError("The model must have at least one input and one output.")
    return graph


def _check_known(graph: Graph, known: set[Tensor], tensors: Iterable[Tensor], who: str) -> None:
    for tensor in tensors:
        if graph.storage(tensor) not in known:
            raise ModelError(f"{who} '{tensor.name}', which nothing has computed by then.")


def _check_state(graph: Graph, state: Tensor) -> None:
    if graph.states.count(state) > 1 or state in (*graph.inputs, *graph.outputs):
        raise ModelError(
            f"State '{state.name}' must belong to one operator, and be no input or output."
        )


def _check_view(graph: Graph, view: Tensor) -> None:
    owner = graph.storage(view)
    if owner.size_bytes != view.size_bytes:
        raise ModelError(f"View '{view.name}' has another size than its owner '{owner.name}'.")


def _check_constants(node: Node) -> None:
    for tensor in node.inputs:
        if tensor is None or tensor.data is None:
            continue
        shape, dtype = tensor.data.shape, tensor.data.dtype.name
        if (shape, dtype) != (tensor.shape, tensor.dtype):
            raise ModelError(
                f"Constant '{tensor.name}' must be {tensor.dtype} {list(tensor.shape)}. "
                f"Got {dtype} {list(shape)}."
            )
