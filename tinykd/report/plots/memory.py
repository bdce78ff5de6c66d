"""Flash and RAM: what they are made of, and their share of the board."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from markupsafe import Markup

from tinykd.report import svg, tables, wording
from tinykd.report.svg import CHARACTER, WIDTH, Scale
from tinykd.results import Report

BLOCK = 122
"""Height of one memory: a line of text, a gauge, and the bar that it is enlarged to."""

Part = tuple[str, int, str]
"""Name, bytes and style of a part of one memory."""


def plot_memory(report: Report) -> Markup:
    """Draw each memory twice: on the scale of the board, and enlarged to show its parts."""
    footprint, board = report.footprint, report.latency[report.board]
    flash: list[Part] = [
        ("weights", footprint.weights_bytes, "part-1"),
        ("code", footprint.code_bytes, "part-2"),
    ]
    ram: list[Part] = [
        ("arena", footprint.arena_bytes, "part-1"),
        ("stack", footprint.stack_bytes, "part-2"),
        ("static", tables.static_bytes(report), "part-3"),
    ]
    return svg.figure(
        2 * BLOCK,
        f"Flash and RAM of the model, their parts, and their share of {board.display_name}.",
        *_memory("Flash", flash, board.flash_limit_bytes, 0),
        *_memory("RAM", ram, board.ram_limit_bytes, BLOCK),
    )


def _memory(name: str, parts: Sequence[Part], limit: int, top: float) -> Iterator[Markup]:
    used = sum(size for _, size, _ in parts)
    gauge = Scale(0, max(used, limit, 1), 0, WIDTH)
    fits = used <= limit
    yield svg.label(0, top + 10, f"{name}  {wording.kib(used)} KiB", style="strong")
    yield svg.label(
        WIDTH, top + 10, f"of {wording.kib(limit)} KiB on the board", anchor="end", style="dim"
    )
    yield svg.tag("rect", x=0, y=top + 22, width=gauge(limit), height=8, class_="track")
    hint = f"{used:,} of {limit:,} bytes"
    yield svg.bar(0, top + 22, gauge(used), 8, "bar" if fits else "bar over", hint)
    if not fits:
        yield svg.line(gauge(limit), top + 18, gauge(limit), top + 34, "limit")
    # The two slanted lines say that the bar below is the used part of the gauge, enlarged.
    yield svg.line(0, top + 30, 0, top + 44, "zoom")
    yield svg.line(gauge(used), top + 30, WIDTH, top + 44, "zoom")
    yield from _parts(parts, used, top + 44)


def _parts(parts: Sequence[Part], used: int, top: float) -> Iterator[Markup]:
    scale = Scale(0, max(used, 1), 0, WIDTH)
    edges = [0, *accumulate(size for _, size, _ in parts)]
    texts = [f"{name} {wording.kib(size)}" for name, size, _ in parts]
    places = _spread([scale(edge) for edge in edges[:-1]], texts)
    for (name, size, style), start, text, place in zip(parts, edges, texts, places, strict=False):
        width = scale(start + size) - scale(start)
        yield svg.bar(scale(start), top, width, 26, style, f"{name}: {size:,} bytes")
        yield svg.tag("rect", x=place, y=top + 34, width=9, height=9, class_=style)
        yield svg.label(place + 14, top + 39, text, style="dim")


def _spread(wanted: Sequence[float], texts: Sequence[str]) -> list[float]:
    """Move the labels of slim parts apart: left from the right edge, then right from the left."""
    widths = [CHARACTER * len(text) + 28 for text in texts]
    places, limit = list(wanted), WIDTH + 14.0
    for index in reversed(range(len(places))):
        places[index] = limit = min(places[index], limit - widths[index])
    for index in range(1, len(places)):
        places[index] = max(places[index], places[index - 1] + widths[index - 1])
    return places
