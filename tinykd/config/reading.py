"""From TOML to a configuration, or to one sentence that says what is wrong with it."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tinykd.config.sections import Config
from tinykd.errors import ConfigError


def parse_config(table: Mapping[str, Any], *, source: str) -> Config:
    """Check a nested table of settings.

    Args:
        table: As read from TOML.
        source: What to call it in an error, such as a file name.

    Raises:
        ConfigError: On the first unknown key, wrong type or impossible value.
    """
    try:
        return Config.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{source}: {_explain(first)}") from None


def load_config(path: Path) -> Config:
    """Read and check a TOML file. Paths inside it are relative to the file.

    Raises:
        ConfigError: If it cannot be read, is not TOML, or breaks a rule.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}). `tinykd init` writes a new one."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}.") from None
    return resolve_paths(parse_config(table, source=str(path)), path.parent)


def resolve_paths(config: Config, folder: Path) -> Config:
    """Make the files that a configuration names relative to ``folder``."""

    def resolve(name: str) -> str:
        return str(folder / name) if name and not Path(name).is_absolute() else name

    source, teacher = config.data.source, config.teacher
    paths = tuple(resolve(name) for name in teacher.paths)
    return config.model_copy(
        update={
            "data": config.data.model_copy(
                update={
                    "source": resolve(source) if source.endswith(".npz") else source,
                    "unlabelled": resolve(config.data.unlabelled),
                }
            ),
            "teacher": teacher.model_copy(update={"path": resolve(teacher.path), "paths": paths}),
        }
    )


def _explain(error: Any) -> str:
    """One sentence for one pydantic error: where, what, and what would be right."""
    location = [str(part) for part in error["loc"]]
    where = ".".join(location)
    if error["type"] == "extra_forbidden":
        return f"unknown key '{where}'.{_nearest(location)}"
    if error["type"] == "value_error":
        return f"{where}: {error['ctx']['error']}"
    message = error["msg"][0].lower() + error["msg"][1:]
    return f"{where}: {message}, got {error['input']!r}."


def _nearest(location: list[str]) -> str:
    """Name the valid key that is closest to an unknown one."""
    section: Any = Config
    for part in location[:-1]:
        section = section.model_fields[part].annotation
    keys = sorted(section.model_fields)
    close = difflib.get_close_matches(location[-1], keys, n=1, cutoff=0.5)
    prefix = ".".join(location[:-1])
    if close:
        return f" Did you mean '{'.'.join(filter(None, (prefix, close[0])))}'?"
    return f" Valid here: {', '.join(keys)}."
