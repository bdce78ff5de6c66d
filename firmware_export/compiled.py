"""What the compiler returns: C text, and the facts that were fixed while making it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class PortType:
    """How the C interface holds the values of an input or output.

    Attributes:
        c_name: C type.
        value_bytes: Its size.
        quantized: Lowest and highest quantized value; None where values are real, or indices.
    """

    c_name: str
    value_bytes: int
    quantized: tuple[int, int] | None = None


PORT_TYPES: Mapping[str, PortType] = MappingProxyType(
    {
        "int8": PortType("int8_t", 1, (-128, 127)),
        "uint8": PortType("uint8_t", 1, (0, 255)),
        "int16": PortType("int16_t", 2, (-(2**15), 2**15 - 1)),
        "float32": PortType("float", 4),
        "int32": PortType("int32_t", 4),
    }
)


@dataclass(frozen=True)
class Port:
    """An input or output of the generated code.

    Attributes:
        name: Tensor name in the ``.tflite``.
        shape: Shape with the batch dimension, NHWC.
        dtype: A key of `PORT_TYPES`.
        scale: Quantization scale; real = scale * (q - zero_point). 1 where it is not quantized.
        zero_point: A value of the type. 0 where it is not quantized.
        arena_offset_bytes: Where the tensor starts in the arena.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int
    arena_offset_bytes: int

    @property
    def type(self) -> PortType:
        """How C holds its values."""
        return PORT_TYPES[self.dtype]

    @property
    def elements(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """Bytes of the tensor in the arena."""
        return self.elements * self.type.value_bytes


@dataclass(frozen=True)
class State:
    """Memory of an operator that stays from one run to the next.

    Attributes:
        name: Tensor name in the ``.tflite``.
        size_bytes: Its bytes.
        initial_byte: Value of each byte at the start of a sequence, 0 to 255: that of the zero
            point, as TFLM has it.
        arena_offset_bytes: Where it lies in the arena; nothing else ever lies there.
    """

    name: str
    size_bytes: int
    initial_byte: int
    arena_offset_bytes: int


@dataclass(frozen=True)
class Layer:
    """One node of the compiled graph, which is one C function in the generated file.

    Attributes:
        symbol: Name of its C function, ``static`` and never inlined, so that an emulator can
            attribute instructions to it.
        op: TFLite operator name, such as ``"CONV_2D"``.
        name: Name of its output tensor in the ``.tflite``.
        input_shapes: Shapes of the activations that it reads.
        output_shape: Shape of the activation that it writes; of the first, where it writes several.
        macs: Multiply-accumulates of one inference.
        weights_bytes: Bytes of its constants, biases included, without those of earlier layers.
        alive_bytes: Bytes of the arena that are in use while it runs, working memory included.
        shared_function: Name of the C function that holds its kernel, where layers of equal shape
            share one and theirs only call it; empty where it has the kernel to itself.
        variant: Which of several ways to run it was chosen; empty where there is only one.
        saved_instructions: Estimate of what the variant saves in one inference.
    """

    symbol: str
    op: str
    name: str
    input_shapes: tuple[tuple[int, ...], ...]
    output_shape: tuple[int, ...]
    macs: int
    weights_bytes: int
    alive_bytes: int = 0
    shared_function: str = ""
    variant: str = ""
    saved_instructions: int = 0


@dataclass(frozen=True)
class RemovedChannels:
    """What was left out because it is the same for every input of the model.

    Attributes:
        channels: Of all activations together, a channel of each counted once.
        macs: Multiply-accumulates of one inference.
        weights_bytes: Weights and biases, as the ``.tflite`` holds them.
    """

    channels: int = 0
    macs: int = 0
    weights_bytes: int = 0


@dataclass(frozen=True)
class CompiledModel:
    """A model as C.

    Attributes:
        name: Prefix of every public C name.
        files: File name to text: ``<name>.h`` and ``<name>.c``.
        inputs: Model inputs in the order of the ``.tflite``.
        outputs: Model outputs in the order of the ``.tflite``.
        layers: The nodes in the order in which they run.
        arena_bytes: What ``<NAME>_ARENA_BYTES`` says.
        arena_lower_bound_bytes: Largest sum of activations that must be alive together, were none
            written over another; ``arena_bytes`` may be smaller.
        model_sha256: Hash of the ``.tflite`` it was made from.
        removed: What constant channels would have cost; ``layers`` no longer have them.
        states: What ``<name>_reset`` sets; where there are none, there is no such function.
    """

    name: str
    files: Mapping[str, str]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    layers: tuple[Layer, ...]
    arena_bytes: int
    arena_lower_bound_bytes: int
    model_sha256: str
    removed: RemovedChannels = RemovedChannels()
    states: tuple[State, ...] = ()

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(layer.macs for layer in self.layers)

    @property
    def weights_bytes(self) -> int:
        """Bytes of constants, as counted from the graph."""
        return sum(layer.weights_bytes for layer in self.layers)
