"""Tensors by the names of the Keras layers that they come from."""

from collections.abc import Mapping
from typing import Any

from tinykd.tflite_file.objects import Model
from tinykd.tflite_file.operators import input_role, operator_name

LayerNames = Mapping[str, str]
"""The scope in which a Keras layer's operators are traced, and the name to show for it; in the
model's order."""

NO_LAYERS: LayerNames = {}


def layer_of(tensor_name: str, layers: LayerNames) -> str | None:
    """Return the first Keras layer, in the model's order, that a tensor's name consists of.

    A name is a list like ``net/relu/Relu;net/conv/Conv2D`` of everything fused into the operator.
    """
    parts = {part for path in tensor_name.split(";") for part in path.split("/")}
    return next((name for scope, name in layers.items() if scope in parts), None)


def short_names(model: Model, layers: LayerNames, input_name: str) -> dict[int, str]:
    """Name every tensor after the layer that makes it, or the one that reads the constant."""
    graph = model.subgraphs[0]
    names: dict[int, str] = {graph.inputs[0]: input_name}

    def give(index: int, wanted: str) -> None:
        if index < 0 or index in names:  # -1: an optional input left out
            return
        count = sum(name == wanted or name.startswith(f"{wanted}#") for name in names.values())
        names[index] = f"{wanted}#{count}" if count else wanted

    for operator in graph.operators:
        kind = operator_name(model, operator)
        output = graph.tensors[operator.outputs[0]].name.decode()
        layer = layer_of(output, layers) or _layer_of_constants(graph, operator, layers)
        layer = layer or kind.lower()
        for position, index in enumerate(operator.inputs):
            give(index, f"{layer}/{input_role(kind, position)}")
        for index in operator.outputs:
            give(index, layer)
    return names


def _layer_of_constants(graph: Any, operator: Any, layers: LayerNames) -> str | None:
    """The converter renames the output of the graph; the kernel's name still tells the layer."""
    names = [graph.tensors[index].name.decode() for index in operator.inputs[1:] if index >= 0]
    found = (layer_of(name, layers) for name in names)
    return next((layer for layer in found if layer is not None), None)
