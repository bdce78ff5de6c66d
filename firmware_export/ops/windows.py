"""The geometry of sliding windows: convolutions and pooling."""

from __future__ import annotations

from dataclasses import dataclass, replace

from firmware_export.ir import Node
from firmware_export.ops.definition import Struct
from firmware_export.ops.limits import EXPLICIT, SAME, VALID

LARGEST_STEP = 2**15 - 1
"""Largest stride, pooling filter and dilated kernel: far beyond any real one, and safe in int32."""

BORDER_OPTIONS = ("pad_top", "pad_bottom", "pad_left", "pad_right")
"""Options of a node whose padding is `EXPLICIT`: rows and columns outside its image."""

Borders = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Window:
    """A window of ``kernel`` taps sliding by ``stride``; pairs are (height, width).

    The taps are ``dilation`` rows and columns apart. ``borders`` are the rows before and after
    the image, and the columns, where the padding is `EXPLICIT`.
    """

    input: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: int
    dilation: tuple[int, int] = (1, 1)
    borders: Borders = ((0, 0), (0, 0))

    @property
    def span(self) -> tuple[int, int]:
        """Height and width from the first tap to the last."""
        height, width = (
            (kernel - 1) * dilation + 1
            for kernel, dilation in zip(self.kernel, self.dilation, strict=True)
        )
        return height, width

    @property
    def output(self) -> tuple[int, int]:
        """Positions of the window.

        Source: TFLite ``ComputeOutSize``, tensorflow/lite/kernels/padding.h.
        """
        return self._along(0)[0], self._along(1)[0]

    @property
    def pad(self) -> tuple[int, int]:
        """Rows above and columns to the left of the image; what is odd goes below and right.

        Source: TFLite ``ComputePaddingWithOffset``, tensorflow/lite/kernels/padding.h.
        """
        return self._along(0)[1], self._along(1)[1]

    @property
    def around(self) -> Borders:
        """Rows above and below the image that are covered, and columns left and right."""
        return tuple(
            (pad, max(0, reach - pad - size))
            for pad, reach, size in zip(self.pad, self.reach, self.input, strict=True)
        )

    @property
    def reach(self) -> tuple[int, int]:
        """Height and width that all positions cover together, padding included."""
        height, width = (
            (positions - 1) * stride + span
            for positions, stride, span in zip(self.output, self.stride, self.span, strict=True)
        )
        return height, width

    @property
    def reaches_outside(self) -> bool:
        """Whether any position has taps outside the image."""
        return any(any(ends) for ends in self.around)

    def _along(self, axis: int) -> tuple[int, int]:
        size, span, stride = self.input[axis], self.span[axis], self.stride[axis]
        if self.padding == EXPLICIT:
            before, after = self.borders[axis]
            return (before + size + after - span) // stride + 1, before
        shortened = 0 if self.padding == SAME else span - 1
        positions = (size - shortened + stride - 1) // stride
        return positions, max(0, (positions - 1) * stride + span - size) // 2

    def overlap(self, node: Node) -> int:
        """How far below its input the output must begin to lie over it: ``KernelCall.overlaps``.

        For a kernel that computes output pixels in raster order and reads all that a pixel needs
        before it writes any of it: the bytes of the pixels before it must end at or below the
        lowest byte that it reads. The distance is the largest, over all output pixels p, of

            p * output channels - lowest input pixel that p reads * input channels

        Image, row and column of p each contribute to it on their own.
        """
        batches, height, width, channels = node.input(0).shape
        out_height, out_width = self.output
        in_row, out_row = width * channels, out_width * node.output.shape[3]
        from_images = (batches - 1) * (out_height * out_row - height * in_row)
        from_rows = self._largest_lead(0, out_row, in_row)
        from_columns = self._largest_lead(1, node.output.shape[3], channels)
        return max(0, from_images) + from_rows + from_columns

    def _largest_lead(self, axis: int, written: int, read: int) -> int:
        """Largest value of ``position * written - first tap in the image * read``.

        The first tap rests at the border until the window leaves the padding, and from there
        moves with the stride: the largest value is at that turn or at an end.
        """
        stride, pad, last = self.stride[axis], self.pad[axis], self.output[axis] - 1
        turn = pad // stride
        return max(
            position * written - max(0, position * stride - pad) * read
            for position in (0, min(turn, last), min(turn + 1, last), last)
        )

    def struct(self, node: Node) -> Struct:
        """The C parameter block ``tkd_window`` of this window over the input of ``node``."""
        batches, height, width, channels = node.input(0).shape
        return Struct(
            "tkd_window",
            "window",
            {
                "batches": batches,
                "input_height": height,
                "input_width": width,
                "input_channels": channels,
                "output_height": self.output[0],
                "output_width": self.output[1],
                "kernel_height": self.kernel[0],
                "kernel_width": self.kernel[1],
                "stride_height": self.stride[0],
                "stride_width": self.stride[1],
                "dilation_height": self.dilation[0],
                "dilation_width": self.dilation[1],
                "pad_top": self.pad[0],
                "pad_left": self.pad[1],
                "padded": int(self.reaches_outside),
            },
        )


def window_of(node: Node, kernel: tuple[int, int]) -> Window:
    """The window of a node with the usual options ``padding``, ``stride_h`` and ``stride_w``."""
    _, height, width, _ = node.input(0).shape
    padding = node.option("padding")
    top, bottom, left, right = (
        node.option(name) if padding == EXPLICIT else 0 for name in BORDER_OPTIONS
    )
    return Window(
        input=(height, width),
        kernel=kernel,
        stride=(node.option("stride_h"), node.option("stride_w")),
        padding=padding,
        borders=((top, bottom), (left, right)),
    )


def kernel_window(node: Node) -> Window:
    """The window of a convolution, whose weights are [_, height, width, _]."""
    _, height, width, _ = node.input(1).shape
    return replace(window_of(node, (height, width)), dilation=_dilation(node))


def _dilation(node: Node) -> tuple[int, int]:
    return node.option("dilation_h_factor"), node.option("dilation_w_factor")


def kernel_within_image(node: Node) -> str | None:
    """With VALID padding the kernel must fit into the image.

    Use SAME padding or a smaller kernel.
    """
    return fits(kernel_window(node))


def sensible_strides(node: Node) -> str | None:
    """Strides must be between 1 and 32767.

    Convert the model again.
    """
    strides = node.option("stride_h"), node.option("stride_w")
    return None if min(strides) >= 1 and max(strides) <= LARGEST_STEP else str(strides)


def sensible_dilation(node: Node) -> str | None:
    """Dilation must be at least 1, and the dilated kernel at most 32767 high and wide.

    Convert the model again.
    """
    dilation = _dilation(node)
    sound = min(dilation) >= 1 and max(kernel_window(node).span) <= LARGEST_STEP
    return None if sound else str(dilation)


def known_padding(node: Node) -> str | None:
    """Padding must be SAME or VALID.

    Convert the model again.
    """
    padding = node.option("padding")
    folded = padding == EXPLICIT and all(name in node.options for name in BORDER_OPTIONS)
    return None if padding in {SAME, VALID} or folded else f"code {padding}"


def fits(window: Window) -> str | None:
    """What is wrong where a window with VALID padding is larger than its image, else None."""
    if min(window.output) >= 1:
        return None
    return f"{window.span} on {window.input}"
