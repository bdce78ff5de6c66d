"""The hand-written kernels as text, each with what it includes, once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib import resources

_INCLUDE = re.compile(r'^#include "(\w+)\.h"\n', re.MULTILINE)
_SYSTEM_INCLUDE = re.compile(r"^#include (<[\w/.]+>)\n", re.MULTILINE)
_GUARD = re.compile(r"^#(ifndef|define) (TKD_\w+_H)\n|\n*#endif\n\Z", re.MULTILINE)


def bundle(names: Iterable[str]) -> str:
    """The text of kernels and everything they include, ready to be part of a C file.

    Args:
        names: Files in ``runtime/`` without their extension.

    Returns:
        C text: the system headers, then each file once, after those that it needs.
    """
    files = [read(name) for name in _in_order(names)]
    headers = sorted({header for text in files for header in _SYSTEM_INCLUDE.findall(text)})
    bodies = [_SYSTEM_INCLUDE.sub("", _INCLUDE.sub("", _GUARD.sub("", text))) for text in files]
    return "\n\n".join(
        [
            "\n".join(f"#include {header}" for header in headers),
            *(body.strip("\n") for body in bodies),
        ]
    )


def _in_order(names: Iterable[str]) -> list[str]:
    ordered: dict[str, None] = {}
    for name in names:
        ordered.update(dict.fromkeys([*_in_order(_INCLUDE.findall(read(name))), name]))
    return list(ordered)


@cache
def read(name: str) -> str:
    """The text of one file in ``runtime/``."""
    return resources.files("firmware_export.runtime").joinpath(f"{name}.h").read_text("utf-8")
