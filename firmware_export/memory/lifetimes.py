"""From a graph to buffers: when each activation is in use, and what a node may write over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from firmware_export.ir import Graph, Tensor
from firmware_export.memory.buffers import Buffer, Sharing, align


def tensor_buffers(graph: Graph) -> dict[Tensor, Buffer]:
    """The buffer of each activation that owns memory, with its lifetime.

    A model input is in use from before the first node to its last reader; a model output until
    after the last node; state all the time, so that nothing else ever lies there.
    """
    kept = (*graph.inputs, *graph.states)
    first: dict[Tensor, int] = {graph.storage(tensor): -1 for tensor in kept}
    last: dict[Tensor, int] = dict(first)
    for index, node in enumerate(graph.nodes):
        for tensor in node.outputs:
            first[tensor] = last[tensor] = index
        for tensor in node.activations:
            last[graph.storage(tensor)] = index
    for tensor in (*graph.outputs, *graph.states):
        last[graph.storage(tensor)] = len(graph.nodes)
    return {t: Buffer(t.name, t.size_bytes, first[t], last[t]) for t in first}


def tensor_sharings(
    graph: Graph, buffers: Mapping[Tensor, Buffer], overlaps: Sequence[Mapping[int, int]]
) -> tuple[Sharing, ...]:
    """Where a node may write over what it reads.

    Only over a tensor that nothing needs afterwards, and only if its kernel allows it for every
    operand that lives there.

    Args:
        graph: After the passes.
        buffers: What `tensor_buffers` returns.
        overlaps: For each node, what ``KernelCall.overlaps`` says.

    Returns:
        At most one for each pair of tensors; their indices are those of ``buffers``.
    """
    position = {tensor: index for index, tensor in enumerate(buffers)}
    found = []
    for index, (node, allowed) in enumerate(zip(graph.nodes, overlaps, strict=True)):
        for source in dict.fromkeys(map(graph.storage, node.activations)):
            distances = [
                allowed.get(i)
                for i, tensor in enumerate(node.inputs)
                if tensor is not None and tensor.data is None and graph.storage(tensor) is source
            ]
            known = [distance for distance in distances if distance is not None]
            if len(known) == len(distances) and buffers[source].last == index:
                distance = align(max(known))
                found.append(Sharing(position[source], position[node.output], distance))
    return tuple(found)
