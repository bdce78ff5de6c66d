"""How values become C text: deterministic, and nothing that a reader could not check."""

from __future__ import annotations

import re
import textwrap

import numpy as np

from firmware_export.ir import Array, Shape

VALUES_PER_LINE = 16
LINE_WIDTH = 100


def array_literal(values: Array) -> str:
    """The initializer of an integer array, sixteen values to a line.

    Example:
        >>> print(array_literal(np.arange(3, dtype=np.int8)))
        {
            0, 1, 2,
        }
    """
    flat = [c_integer(value) for value in values.reshape(-1).tolist()]
    lines = (flat[i : i + VALUES_PER_LINE] for i in range(0, len(flat), VALUES_PER_LINE))
    body = "".join(f"    {', '.join(line)},\n" for line in lines)
    return f"{{\n{body}}}"


def rows_literal(values: Array) -> str:
    """The initializer of an array of structures, one to a line.

    Example:
        >>> print(rows_literal(np.array([[1, 2], [3, 4]])))
        {
            {1, 2},
            {3, 4},
        }
    """
    rows = (", ".join(map(c_integer, row)) for row in values.tolist())
    return "{\n" + "".join(f"    {{{row}}},\n" for row in rows) + "}"


def c_integer(value: int) -> str:
    """An integer constant that fits int32 on every compiler.

    ``-2147483648`` in C is the negation of a number that does not fit.

    Example:
        >>> c_integer(-(2**31)), c_integer(7)
        ('(-2147483647 - 1)', '7')
    """
    return "(-2147483647 - 1)" if value == -(2**31) else str(value)


def c_float(value: float) -> str:
    """A float constant with nine digits, which give the same float32 when read back.

    Example:
        >>> c_float(0.00390625), c_float(1.0)
        ('0.00390625f', '1.0f')
    """
    text = f"{float(np.float32(value)):.9g}"
    return f"{text}f" if re.search(r"[.e]", text) else f"{text}.0f"


def shape_text(shape: Shape) -> str:
    """A shape as in the comments: ``[1, 8, 8, 16]``."""
    return str(list(shape))


def comment(*lines: str) -> str:
    """A block comment; what came from a file cannot end it early.

    Example:
        >>> print(comment("one", "two */"))
        /* one
         * two * / */
    """
    wrapped = [piece for line in lines for piece in _wrap(line)]
    return "/* " + "\n * ".join(wrapped) + " */"


def _wrap(line: str) -> list[str]:
    return textwrap.wrap(printable(line), LINE_WIDTH - 6, subsequent_indent="  ") or [""]


def printable(text: str) -> str:
    """``text`` in ASCII, safe inside a comment.

    Trigraphs and line continuations are broken up too.

    Example:
        >>> printable("a/*b*/??/é")
        'a/ *b* /? ?/?'
    """
    ascii_text = "".join(c if " " <= c <= "~" else "?" for c in text)
    for pair in ("*/", "/*", "??"):
        ascii_text = re.sub(re.escape(pair), f"{pair[0]} {pair[1]}", ascii_text)
    return ascii_text.replace("??", "? ?").replace("\\", "/")
