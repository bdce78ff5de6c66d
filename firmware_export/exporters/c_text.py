"""Pieces of C text that several exporters write."""

from __future__ import annotations

from collections.abc import Iterable

BYTES_PER_LINE = 16


def c_string(text: str) -> str:
    r"""Return ``text`` as a C string literal in ASCII, UTF-8 inside.

    Everything but plain characters becomes a three-digit octal escape, which, unlike ``\x``,
    cannot swallow a digit that follows. ``?`` too: ``??/`` would be a trigraph.

    Example:
        >>> print(c_string('a "b"?'))
        "a \042b\042\077"
        >>> print(c_string("Zürich 3"))
        "Z\303\274rich 3"
    """
    return '"' + "".join(_c_character(byte) for byte in text.encode("utf-8")) + '"'


def _c_character(byte: int) -> str:
    plain = 0x20 <= byte < 0x7F and chr(byte) not in '"\\?'
    return chr(byte) if plain else f"\\{byte:03o}"


def c_comment_text(text: str) -> str:
    """Return ``text`` so that it can stand inside a C comment, on one line.

    Example:
        >>> c_comment_text("a */ b")
        'a * / b'
    """
    printable = "".join(c if c.isprintable() and c.isascii() else "?" for c in text)
    return printable.replace("*/", "* /").replace("/*", "/ *")


def c_float(value: float) -> str:
    """Return a float literal that reads back as the same single-precision number.

    Example:
        >>> c_float(0.25), c_float(0.003921568859368563), c_float(2)
        ('0.25f', '0.00392156886f', '2.0f')
    """
    digits = f"{value:.9g}"
    return digits + ("f" if set(".e") & set(digits) else ".0f")


def c_lines(values: Iterable[int], *, indent: str = "    ") -> str:
    """Return integers in decimal, separated by commas, sixteen a line.

    Example:
        >>> c_lines([1, -2, 3])
        '    1, -2, 3,'
    """
    texts = [str(value) for value in values]
    rows = [texts[at : at + BYTES_PER_LINE] for at in range(0, len(texts), BYTES_PER_LINE)]
    return "\n".join(f"{indent}{', '.join(row)}," for row in rows)
