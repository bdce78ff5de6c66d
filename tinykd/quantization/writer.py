"""The writer of a student's new layers, and the lowerings of layers that stay what they are."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tf_keras

from tinykd.quantization.activations import FUSED_ACTIVATIONS, SWISH, as_keras

_layers = tf_keras.layers


class Writer:
    """Adds layers to the new network, under names of their own.

    Attributes:
        taken: Names in use.
    """

    def __init__(self) -> None:
        self.taken: set[str] = set()

    def add(self, kind: type, inputs: Any, *, name: str, weights: Any = (), **config: Any) -> Any:
        """Apply a new layer; return its output.

        Args:
            kind: Layer class.
            inputs: Its input, or a list of them.
            name: Wanted name; a number is appended where it is taken.
            weights: Arrays as ``get_weights`` of such a layer gives them.
            config: Arguments of the layer.
        """
        layer = kind.from_config({**config, "name": self._free(name)})  # type: ignore[attr-defined]
        outputs = layer(inputs)
        layer.set_weights(list(weights))
        return outputs

    def activation(self, function: Any, x: Any, *, name: str) -> Any:
        """Apply an activation function as a layer, or as two."""
        if function is tf_keras.activations.linear:
            return x
        if function is SWISH:
            gate = self.add(_layers.Activation, x, name=f"{name}_gate", activation="sigmoid")
            return self.add(_layers.Multiply, [x, gate], name=name)
        return self.add(_layers.Activation, x, name=name, activation=function)

    def affine(self, x: Any, gain: Any, offset: Any, *, name: str) -> Any:
        """``gain * x + offset`` by channel, as a BatchNormalization that changes nothing else."""
        channels = x.shape[-1]
        full = [
            np.broadcast_to(np.asarray(v, np.float32).ravel(), channels) for v in (gain, offset)
        ]
        weights = [*full, np.zeros(channels, np.float32), np.ones(channels, np.float32)]
        return self.add(_layers.BatchNormalization, x, name=name, weights=weights, epsilon=0.0)

    def _free(self, name: str) -> str:
        number = 1
        free = name
        while free in self.taken:
            number += 1
            free = f"{name}_{number}"
        self.taken.add(free)
        return free


Lowering = Callable[[Writer, Any, Any], Any]
"""From the writer, the student's layer and its new input (or inputs) to its new output."""


def weighted(writer: Writer, layer: Any, x: Any, kind: type, weights: Any, **changes: Any) -> Any:
    """Write a layer with a kernel; an activation that cannot be fused follows in its own layer."""
    config = {**plain_config(layer), **changes}
    function = as_keras(layer.activation)
    config["activation"] = function if function in FUSED_ACTIVATIONS else "linear"
    y = writer.add(kind, x, name=layer.name, weights=weights, **config)
    if function in FUSED_ACTIVATIONS:
        return y
    return writer.activation(function, y, name=f"{layer.name}_activation")


def plain_config(layer: Any) -> dict[str, Any]:
    """What describes the arithmetic; regularizers and initializers have done their work."""
    config = layer.get_config()
    done = ("name", "regularizer", "constraint", "initializer", "batch_input_shape")
    return {key: value for key, value in config.items() if not key.endswith(done)}


def same(writer: Writer, layer: Any, x: Any) -> Any:
    """Copy a layer as it is."""
    return writer.add(
        type(layer), x, name=layer.name, weights=layer.get_weights(), **plain_config(layer)
    )


def same_weighted(writer: Writer, layer: Any, x: Any) -> Any:
    """Copy a layer with a kernel, but for an activation that cannot be fused."""
    return weighted(writer, layer, x, type(layer), layer.get_weights())


def left_out(writer: Writer, layer: Any, x: Any) -> Any:  # noqa: ARG001  # the table's signature
    """Leave out what does nothing after training."""
    return x
