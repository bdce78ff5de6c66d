"""Winograd's F(2x2, 3x3), exact in integers: 16 multiplications for what takes 36 one by one.

The transforms, and why nothing is lost, are at the top of ``runtime/tkd_winograd.h``. Filters are
transformed at run time, again for each group of tiles: the larger the groups, the more working
memory and the fewer transforms. So the constants in flash are those of the direct convolution.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from firmware_export.ir import Node
from firmware_export.numerics import INT32_MAX
from firmware_export.ops import weights
from firmware_export.ops.definition import KernelCall, Struct, Variant
from firmware_export.ops.windows import Window, kernel_window

TILE = 2
"""Rows and columns of output that one tile gives."""
POSITIONS = 16
LANES = 4
"""Input channels that the transforms read at once."""
WORD_BYTES = 4
PRODUCTS_BYTES = POSITIONS * 4 * WORD_BYTES
LARGEST_INPUT = 4 * 128
"""Bound on a transformed int8 input: each is a sum of four."""

GROUPS = (2, 4, 6, 8, 12, 16, 24, 32)
"""Sizes of groups of tiles that are offered."""
LARGEST_SCRATCH = 24 * 1024
CODE = 2350
SHARED_CODE = 300
"""Bytes of code, as ``gcc -O3`` makes them."""

SPREAD = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]])
"""G, twice that of the paper: [4, 3]."""


def applies(node: Node) -> bool:
    """Whether the kernel gives the bytes of a CONV_2D: by its shape and its real weights."""
    window = kernel_window(node)
    channels = node.input(0).shape[3]
    fits = (
        window.kernel == (3, 3)
        and window.stride == window.dilation == (1, 1)
        and channels % LANES == 0
        and node.input(1).shape[3] == channels
    )
    return fits and largest_sum(node) <= INT32_MAX


def largest_sum(node: Node) -> int:
    """A bound on the magnitude of every sum in the transformed domain, of any of its terms."""
    transformed = np.abs(transform(weights.filters(node)))
    return int(transformed.sum(axis=(1, 2, 3)).max()) * LARGEST_INPUT


def transform(filters: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
    """``G g G^T`` of every filter.

    Args:
        filters: int8 [output channels, 9 * input channels], as `weights.filters` gives them.

    Returns:
        int64 [output channels, 4, 4, input channels].
    """
    taps = filters.reshape(len(filters), 3, 3, -1).astype(np.int64)
    return np.asarray(np.einsum("ai,bj,oijc->oabc", SPREAD, SPREAD, taps))


def lay_out_weights(filters: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """The order in which ``tkd_winograd_filters`` reads weights.

    Args:
        filters: int8 [output channels, 9 * input channels].

    Returns:
        int8 [pairs of output channels, input channels / 4, 2, 9, 4]; an odd last channel has
        zeros beside it.
    """
    padded = np.pad(filters, ((0, len(filters) % 2), (0, 0)))
    quads = padded.reshape(len(padded) // 2, 2, 9, -1, LANES)
    return np.ascontiguousarray(quads.transpose(0, 3, 1, 2, 4))


def variants(node: Node) -> tuple[Variant, ...]:
    """One for each size of groups that differs: of a CONV_2D to which this applies."""
    rows, columns = tile_grid(kernel_window(node))
    all_tiles = node.input(0).shape[0] * rows * columns
    sizes = [tiles for tiles in GROUPS if tiles < all_tiles + GROUPS[0]]
    calls = [(tiles, call(node, tiles)) for tiles in sizes]
    return tuple(
        Variant(f"winograd, {tiles} tiles", found, _instructions(node, tiles), CODE, SHARED_CODE)
        for tiles, found in calls
        if found.scratch_bytes <= LARGEST_SCRATCH
    )


def _instructions(node: Node, tiles: int) -> int:
    """Estimate for a core with DSP instructions: each part by how often its loop runs.

    The factors are fitted to what the emulator counts of code compiled by ``gcc -O3``.
    """
    batches, _, _, channels = node.input(0).shape
    rows, columns = tile_grid(kernel_window(node))
    quads, outputs = channels // LANES, node.output.shape[3]
    pairs = -(-outputs // 2)
    groups = -(-rows * columns // tiles)
    border = rows * columns - max(0, rows - 2) * max(0, columns - 2)
    return batches * (
        rows * columns * quads * 176  # inputs
        + border * (350 + 30 * channels)
        + groups * pairs * quads * 2 * 180  # filters
        + rows * columns // 2 * pairs * POSITIONS * (13 + 12 * quads)  # products
        + rows * columns * outputs * 115  # outputs
    )


def call(node: Node, tiles: int) -> KernelCall:
    """The C call of a CONV_2D to which this applies.

    Args:
        node: The convolution.
        tiles: How many are transformed at once, an even number.
    """
    stage, constants = weights.output_stage(node)
    window = kernel_window(node)
    rows, columns = tile_grid(window)
    quads = node.input(0).shape[3] // LANES
    shape = Struct(
        "tkd_winograd_shape",
        "shape",
        {
            "output_channels": node.output.shape[3],
            "quads": quads,
            "tile_rows": rows,
            "tile_columns": columns,
            "tiles": tiles,
            "input_zero_point": node.input(0).zero_point,
        },
    )
    return KernelCall(
        kernel="tkd_conv_2d_winograd_s8",
        structs=(window.struct(node), shape, stage),
        arguments=("weights", "input_0", "scratch", "output"),
        constants={"weights": lay_out_weights(weights.filters(node)), **constants},
        row_types=weights.ROW_TYPES,
        scratch_bytes=(tiles // 2 + 1) * 4 * POSITIONS * quads * WORD_BYTES + PRODUCTS_BYTES,
        scratch_type="tkd_word",
        overlaps={0: overlap(node, tiles)},
    )


def tile_grid(window: Window) -> tuple[int, int]:
    """Rows and columns of tiles that cover the output."""
    height, width = window.output
    return -(-height // TILE), -(-width // TILE)


def overlap(node: Node, tiles: int) -> int:
    """How many bytes below its input the output may begin, at least; see ``KernelCall.overlaps``.

    A group of tiles is written when all that it reads has been copied: what it writes must end at
    or below the lowest byte that the groups after it read.
    """
    window = kernel_window(node)
    batches, height, width, channels = node.input(0).shape
    out_height, out_width = window.output
    rows, columns = tile_grid(window)
    out_row, in_row = out_width * node.output.shape[3], width * channels
    lead = 0
    for tile in range(tiles, rows * columns, tiles):
        y, x = TILE * (tile // columns), TILE * (tile % columns)
        # Within a row of tiles their second row of pixels is written highest.
        last_y = min(y + TILE, out_height) if x else y
        written = (last_y - 1) * out_row + (x or out_width) * node.output.shape[3]
        top, left = max(0, y - window.pad[0]), max(0, x - window.pad[1])
        lead = max(lead, written - top * in_row - left * channels)
    from_images = (batches - 1) * (out_height * out_row - height * in_row)
    return max(0, from_images) + lead
