"""What a search found as TOML: to paste, or written into the file with its comments kept."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from tinykd.artifacts import write_atomically
from tinykd.config import Config, load_config, parse_config
from tinykd.config_file import render_config
from tinykd.errors import ConfigError

Value = str | int | float | None

Changes = Mapping[str, tuple[Value, Value]]

SECTION = "distill"


def render_changes(changes: Changes) -> str:
    """A section to paste; a comment says what each value was.

    Example:
        >>> print(render_changes({"epochs": (160, 640), "alpha": (None, 0.9)}), end="")
        [distill]
        epochs = 640  # was 160
        alpha = 0.9  # was left to the loss
    """
    lines = [f"[{SECTION}]"]
    for key, (before, after) in changes.items():
        was = "left to the loss" if before is None else json.dumps(before)
        lines.append(f"{key} = {json.dumps(after)}  # was {was}")
    return "\n".join(lines) + "\n"


def write_changes(path: Path, changes: Changes) -> Path:
    """Set the values in a configuration file, in one step.

    Comments and order stay. A file that is written in another way than line by line under
    ``[distill]`` is left alone, and a complete configuration goes to a new file beside it.

    Returns:
        The file that was written.
    """
    before = load_config(path)
    values = {key: after for key, (_before, after) in changes.items()}
    wanted = before.distill.model_copy(update=values)
    text = _edited(path.read_text(encoding="utf-8"), values)
    if _distill_of(text, path) != wanted:
        path = path.with_name(f"{path.stem}.tuned.toml")
        text = render_config(before.model_copy(update={"distill": wanted}))
    write_atomically(path, text)
    return path


def _edited(text: str, values: Mapping[str, Value]) -> str:
    """The text with each value replaced where it stands, or added to the end of the section."""
    lines = text.splitlines()
    start, end = _section(lines)
    missing = []
    for key, value in values.items():
        found = [n for n in range(start, end) if _assigns(lines[n], key)]
        if found:
            lines[found[0]] = _replace_value(lines[found[0]], key, value)
        else:
            missing.append(f"{key} = {json.dumps(value)}")
    if start == end == len(lines) and missing:
        missing = ["", f"[{SECTION}]", *missing]
    lines[end:end] = missing
    return "\n".join(lines) + "\n"


def _section(lines: list[str]) -> tuple[int, int]:
    """First line of ``[distill]`` and the first after its last setting; the end if it is absent."""
    headers = [n for n, line in enumerate(lines) if re.match(r"\s*\[", line)]
    for number, header in enumerate(headers):
        if re.match(rf"\s*\[\s*{SECTION}\s*\]", lines[header]):
            following = headers[number + 1] if number + 1 < len(headers) else len(lines)
            last = header
            for line in range(header, following):
                if lines[line].strip() and not lines[line].lstrip().startswith("# "):
                    last = line
            return header + 1, last + 1
    return len(lines), len(lines)


def _assigns(line: str, key: str) -> bool:
    """The line sets the key, or is how ``tinykd init`` writes a key that is left out."""
    return bool(re.match(rf"\s*{key}\s*=", line) or re.fullmatch(rf"# {key} =", line.strip()))


def _replace_value(line: str, key: str, value: Value) -> str:
    """The line with another value, and the comment that stood behind it."""
    comment = re.search(r"\s+#[^\"']*$", line)
    behind = comment.group(0) if comment and not line.lstrip().startswith("#") else ""
    return f"{key} = {json.dumps(value)}{behind}"


def _distill_of(text: str, path: Path) -> object:
    """The section as it would be read, or None if the text is no configuration."""
    import tomllib

    try:
        config: Config = parse_config(tomllib.loads(text), source=str(path))
    except (tomllib.TOMLDecodeError, ConfigError):
        return None
    return config.distill
