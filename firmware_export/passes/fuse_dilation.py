"""A convolution of every n-th row and column, written as three operators, becomes one again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from firmware_export.ir import Graph, Node, Tensor
from firmware_export.ops import is_supported, space_to_batch_nd
from firmware_export.ops.limits import SAME, VALID
from firmware_export.ops.windows import Window, window_of

CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def fuse_dilation(graph: Graph, accepts: Callable[[Node], bool] = is_supported) -> Graph:
    """Turn SPACE_TO_BATCH_ND, a convolution and BATCH_TO_SPACE_ND into a dilated convolution.

    TensorFlow writes one that way. It means the same: the value that the border is filled with
    is the zero point, which is what a convolution sees outside its image.

    Args:
        graph: Before the pass.
        accepts: Whether a fused node may stay; the three remain where it may not.
    """
    writers = {tensor: node for node in graph.nodes for tensor in node.outputs}
    readers = Counter(tensor for node in graph.nodes for tensor in node.activations)
    readers.update(graph.outputs)

    def only_writer(tensor: Tensor, *ops: str) -> Node | None:
        found = writers.get(tensor)
        return found if found and found.op in ops and readers[tensor] == 1 else None

    fused: dict[Node, Node] = {}
    gone: set[Node] = set()
    for last in graph.nodes:
        if last.op != "BATCH_TO_SPACE_ND":
            continue
        conv = only_writer(last.input(0), *CONVOLUTIONS)
        first = only_writer(conv.input(0), "SPACE_TO_BATCH_ND") if conv else None
        node = _dilated(first, conv, last) if conv and first else None
        if conv and first and node and accepts(node):
            fused[last] = node
            gone |= {first, conv}
    if not fused:
        return graph
    return graph.with_nodes(tuple(fused.get(n, n) for n in graph.nodes if n not in gone))


def _dilated(first: Node, conv: Node, last: Node) -> Node | None:
    """The three as one, or None where no padding of a convolution means the same."""
    block = space_to_batch_nd.block_of(first)
    _, *kernel, _ = conv.input(1).shape
    inner = window_of(conv, (kernel[0], kernel[1]))
    plain = inner.stride == (1, 1) and not inner.reaches_outside
    if not plain or _dilation(conv) != (1, 1) or space_to_batch_nd.block_of(last) != block:
        return None
    reach = (block[0] * (kernel[0] - 1) + 1, block[1] * (kernel[1] - 1) + 1)
    _, *image, _ = first.input(0).shape
    padding = _padding((image[0], image[1]), reach, _in_front(first, last), last.output)
    if padding is None:
        return None
    options = {"padding": padding, "dilation_h_factor": block[0], "dilation_w_factor": block[1]}
    return replace(
        conv,
        inputs=(first.input(0), *conv.inputs[1:]),
        outputs=last.outputs,
        options={**conv.options, **options},
    )


def _dilation(conv: Node) -> tuple[int, int]:
    return conv.option("dilation_h_factor"), conv.option("dilation_w_factor")


def _in_front(first: Node, last: Node) -> tuple[int, int]:
    """Rows above and columns to the left that are padded and not cropped again."""
    padded, cropped = space_to_batch_nd.borders_of(first), space_to_batch_nd.borders_of(last)
    return padded[0][0] - cropped[0][0], padded[1][0] - cropped[1][0]


def _padding(
    image: tuple[int, int], reach: tuple[int, int], in_front: tuple[int, int], output: Tensor
) -> int | None:
    """SAME or VALID, whichever gives this output with so much in front."""
    for padding in (SAME, VALID):
        window = Window(image, reach, (1, 1), padding)
        if window.output == output.shape[1:3] and window.pad == in_front:
            return padding
    return None
