"""A configuration as a commented TOML file; the comments are the docstrings of the sections."""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from typing import Literal, get_args, get_origin

from tinykd.config import Config, Section

COMMENT_WIDTH = 88


def render_config(config: Config) -> str:
    """Write a configuration so that ``load_config`` reads the same one back."""
    parts = ["# A tinykd build. Run it with: tinykd build THIS_FILE", ""]
    parts += _settings(config)
    for name in Config.model_fields:
        section = getattr(config, name)
        if isinstance(section, Section):
            parts += ["", *_comment(_summary(section)), f"[{name}]", *_settings(section)]
    return "\n".join(parts) + "\n"


def _settings(section: Section) -> list[str]:
    """One commented line for each plain value; a value that is left to tinykd is commented out."""
    meanings = _attribute_docs(type(section))
    lines = []
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Section):
            continue
        lines += _comment(meanings[name] + _choices(type(section), name))
        lines.append(f"# {name} =" if value is None else f"{name} = {_literal(value)}")
    return lines


def _literal(value: object) -> str:
    """A TOML value: JSON's, but for tables, characters beyond 16 bits and one that TOML forbids."""
    if isinstance(value, dict):
        entries = [f"{_key(key)} = {_literal(entry)}" for key, entry in value.items()]
        return "{ " + ", ".join(entries) + " }" if entries else "{}"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    """A key of a table, in quotes where TOML wants them."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _literal(name)


def _choices(section: type[Section], name: str) -> str:
    """The values that a setting may have, where there are only a few."""
    annotation = section.model_fields[name].annotation
    if get_origin(annotation) is not Literal:
        return ""
    return f" One of: {', '.join(get_args(annotation))}."


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, COMMENT_WIDTH)]


def _summary(section: Section) -> str:
    return inspect.getdoc(type(section)).splitlines()[0]  # type: ignore[union-attr]  # all have one


def _attribute_docs(section: type[Section]) -> dict[str, str]:
    """Attribute to its sentence in the ``Attributes`` part of the docstring."""
    attributes = inspect.getdoc(section).split("Attributes:")[1]  # type: ignore[union-attr]
    entries = re.findall(r"^    (\w+): (.*(?:\n        .*)*)", attributes, re.MULTILINE)
    return {name: " ".join(text.replace("``", "").split()) for name, text in entries}
