"""A ``.tflite`` file as Python objects that can be changed, and back.

The objects are those of FlatBuffers' schema, ``schema.ModelT``, which has no types.
"""

import struct
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from tinykd.errors import ConversionError

Model = Any
"""``schema.ModelT``."""

TYPE_CODES: dict[str, int] = {
    name: value for name, value in vars(schema.TensorType).items() if not name.startswith("_")
}
"""Types of tensors, such as ``INT8``, as the file has them."""

TYPE_NAMES = {value: name for name, value in TYPE_CODES.items()}


def unpack(tflite: bytes) -> Model:
    """A file as objects that can be changed, ``schema.ModelT``.

    Raises:
        ConversionError: It is damaged, or no ``.tflite``.
    """
    if tflite[4:8] != b"TFL3":
        raise ConversionError("Not a .tflite file: the identifier TFL3 is missing.")
    try:
        return schema.ModelT.InitFromPackedBuf(tflite, 0)
    except (struct.error, IndexError, TypeError, ValueError) as error:
        raise ConversionError(
            "This .tflite file is damaged: an offset points outside it. Convert the model again."
        ) from error


def pack(model: Model) -> bytes:
    """The file of such objects."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


class AlignedBuffer(schema.BufferT):  # type: ignore[misc]  # the schema has no types
    """A buffer that is written at a multiple of 16 bytes, as the schema demands.

    FlatBuffers' Python code ignores ``force_align``; an int32 bias at an odd address stops a
    Cortex-M0.
    """

    def __init__(self, data: NDArray[np.uint8] | None) -> None:
        super().__init__()
        self.data = data

    def Pack(self, builder: Any) -> int:  # noqa: N802  # the name is FlatBuffers'
        """Write the buffer and return its offset."""
        offset = None
        if self.data is not None and len(self.data):
            content = bytes(self.data)
            builder.StartVector(1, len(content), 16)
            builder.head -= len(content)
            builder.Bytes[builder.head : builder.head + len(content)] = content
            offset = builder.EndVector()
        schema.BufferStart(builder)
        if offset is not None:
            schema.BufferAddData(builder, offset)
        return int(schema.BufferEnd(builder))
