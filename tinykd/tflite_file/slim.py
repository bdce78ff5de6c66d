"""A converter's file without what the model does not need on a chip."""

from tinykd.tflite_file.names import LayerNames, short_names
from tinykd.tflite_file.objects import AlignedBuffer, Model, pack, unpack


def slim(tflite: bytes, layers: LayerNames, *, input_name: str) -> bytes:
    """Rewrite a converter's file: short names, no metadata, no recorded minimum and maximum.

    A name becomes that of the Keras layer (``dense``, ``dense/kernel``, ``dense/bias``). The
    converter's own names run to a hundred bytes each and would go to flash with the model. What
    is computed does not change.

    Args:
        tflite: An int8 ``.tflite``.
        layers: Names of the Keras layers, as for ``check_full_integer``.
        input_name: Name for the input.

    Returns:
        A smaller file with the same operators, shapes, scales and data.
    """
    model = unpack(tflite)
    model.metadata = []
    graph = model.subgraphs[0]
    for tensor in graph.tensors:
        if tensor.quantization is not None:
            tensor.quantization.min = tensor.quantization.max = None
    for index, name in short_names(model, layers, input_name).items():
        graph.tensors[index].name = name.encode()
    _drop_unused_buffers(model)
    return pack(model)


def _drop_unused_buffers(model: Model) -> None:
    """Keep buffer 0, which means "no data" by convention, and those that a tensor refers to."""
    tensors = model.subgraphs[0].tensors
    used = sorted({0, *(tensor.buffer for tensor in tensors)})
    new = {old: position for position, old in enumerate(used)}
    model.buffers = [AlignedBuffer(model.buffers[old].data) for old in used]
    for tensor in tensors:
        tensor.buffer = new[tensor.buffer]
