"""A border that PAD adds before a convolution becomes padding of that convolution."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from firmware_export.ir import Graph, Node, Tensor
from firmware_export.ops import pad
from firmware_export.ops.limits import EXPLICIT, SAME
from firmware_export.ops.windows import BORDER_OPTIONS, Window, kernel_window

CONVOLUTIONS = {"CONV_2D", "DEPTHWISE_CONV_2D"}


def fold_padding(graph: Graph) -> Graph:
    """Let convolutions read what was padded, and pad as much themselves.

    Keras networks with strides are written as PAD and a VALID convolution. PAD fills with the
    zero point, which is what a convolution sees outside its image, so that no sum changes. A PAD
    goes only where everything that reads it is such a convolution.
    """
    readers: dict[Tensor, list[Node]] = defaultdict(list)
    for node in graph.nodes:
        for tensor in node.activations:
            readers[tensor].append(node)
    folded: dict[Node, Node] = {}
    gone: set[Node] = set()
    for border in graph.nodes:
        if not _pads_an_image(border) or border.output in graph.outputs:
            continue
        padded = {conv: _padded(border, conv) for conv in readers[border.output]}
        if padded and all(padded.values()):
            folded |= {conv: node for conv, node in padded.items() if node}
            gone.add(border)
    if not gone:
        return graph
    return graph.with_nodes(tuple(folded.get(n, n) for n in graph.nodes if n not in gone))


def _pads_an_image(node: Node) -> bool:
    """Whether a node adds rows and columns of the zero point, and nothing else."""
    if node.op not in {"PAD", "PADV2"} or len(node.input(0).shape) != 4:
        return False
    value = node.optional_input(2)
    filled = node.output.zero_point if value is None else int(value.values.reshape(-1)[0])
    images, _, _, channels = pad.borders(node)
    return filled == node.output.zero_point and not any(images) and not any(channels)


def _padded(border: Node, conv: Node) -> Node | None:
    """``conv`` on the image without the border; None where its window could miss the image."""
    if conv.op not in CONVOLUTIONS or conv.input(0) is not border.output:
        return None
    image = border.input(0)
    inner, (_, rows, columns, _) = kernel_window(conv), pad.borders(border)
    window = replace(
        inner,
        input=(image.shape[1], image.shape[2]),
        padding=EXPLICIT,
        borders=tuple(
            (before + front, after + behind)
            for (before, after), (front, behind) in zip(inner.around, (rows, columns), strict=True)
        ),
    )
    if not _touches_the_image(window):
        return None
    return replace(
        conv,
        inputs=(image, *conv.inputs[1:]),
        options={**conv.options, **_options(window)},
    )


def _touches_the_image(window: Window) -> bool:
    """Whether the first and the last position begin, and end, at the image or beside it."""
    return all(
        pad < span and (positions - 1) * stride - pad < size
        for pad, span, positions, stride, size in zip(
            window.pad, window.span, window.output, window.stride, window.input, strict=True
        )
    )


def _options(window: Window) -> dict[str, int]:
    """SAME where it means this window, so that kernels for the usual cases fit."""
    same = replace(window, padding=SAME, borders=((0, 0), (0, 0)))
    if (same.output, same.pad) == (window.output, window.pad):
        return {"padding": SAME}
    flat = (size for ends in window.borders for size in ends)
    return {"padding": EXPLICIT, **dict(zip(BORDER_OPTIONS, flat, strict=True))}
