"""The few SVG elements and the axis that the plots are drawn with; colours come from the page."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH = 560
"""Width of every plot in its own units; the page scales it."""

CHARACTER = 6.9
"""Mean width of a character at the plots' font size, to leave room for labels."""


def tag(name: str, *children: str, **attributes: str | float) -> Markup:
    """Build an element. Text and attributes are escaped, ``Markup`` children are kept.

    Args:
        name: Such as ``rect``.
        children: Text, or elements that ``tag`` built.
        attributes: ``class_`` stands for ``class``, and ``_`` for ``-``.

    Example:
        >>> str(tag("text", "a < b", x=1.5, class_="label"))
        '<text x="1.5" class="label">a &lt; b</text>'
    """
    pairs = ((key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
    opening = "".join(f' {key}="{escape(_plain(value))}"' for key, value in pairs)
    inside = "".join(escape(child) for child in children)
    return Markup(f"<{name}{opening}>{inside}</{name}>")


def _plain(value: str | float) -> str:
    """Write coordinates to a hundredth, the same on every computer."""
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")


def figure(height: float, label: str, *children: str) -> Markup:
    """Build a whole plot, ``WIDTH`` wide; ``label`` says in words what it shows."""
    view = f"0 0 {WIDTH} {_plain(height)}"
    return tag("svg", *children, viewBox=view, role="img", aria_label=label)


def label(x: float, y: float, text: str, *, anchor: str = "start", style: str = "") -> Markup:
    """Write text whose middle line is at ``y``."""
    extra = {"class_": style} if style else {}
    return tag("text", text, x=x, y=y + 4, text_anchor=anchor, **extra)


def bar(x: float, y: float, width: float, height: float, style: str, hint: str) -> Markup:
    """Draw a rectangle that shows ``hint`` under the pointer; never narrower than a hairline."""
    return tag(
        "rect", tag("title", hint), x=x, y=y, width=max(width, 0.75), height=height, class_=style
    )


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> Markup:
    """Draw a straight line."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=style)


def shorten(text: str, most: int) -> str:
    """Cut the front of a long name, whose end tells it from the others.

    Example:
        >>> shorten("student/block_1/depthwise/Relu", 16)
        '…/depthwise/Relu'
    """
    return text if len(text) <= most else "…" + text[len(text) - most + 1 :]


@dataclass(frozen=True)
class Scale:
    """A straight map from values in [low, high] to positions in [start, end]."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the position of ``value``; one inside the range if that is a single point."""
        span = self.high - self.low
        share = (value - self.low) / span if span else 0.5
        return self.start + share * (self.end - self.start)


def ticks(low: float, high: float, most: int = 6) -> tuple[float, ...]:
    """Return round values, steps of 1, 2 or 5, that span [low, high] with at most ``most``.

    Example:
        >>> ticks(94.1, 99.7)
        (94.0, 96.0, 98.0, 100.0)
    """
    span = (high - low) or 1.0
    power = 10.0 ** math.floor(math.log10(span))
    steps = (power * factor for factor in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20))
    for step in steps:
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first < most:
            break
    return tuple(round(index * step, 10) for index in range(first, last + 1))
