"""Arguments of the functions for Python, checked as a configuration is."""

from __future__ import annotations

from collections.abc import Mapping
from operator import index
from typing import Any

from tinykd.config import Config, parse_config


def read_settings(
    function: str,
    seed: int,
    validation_every: int,
    *,
    distill: Mapping[str, Any],
    quantize: Mapping[str, Any] | None = None,
) -> Config:
    """A configuration from what a caller gave; samples are not augmented unless that is asked for.

    Args:
        function: Who asks, for an error.
        seed: Of every random choice.
        validation_every: Every n-th sample is kept for validation.
        distill: Keys of the ``[distill]`` section.
        quantize: Keys of the ``[quantize]`` section.

    Raises:
        ConfigError: On the first unknown key, wrong type or impossible value.
    """
    table = {
        "seed": index(seed),
        "data": {"validation_every": index(validation_every)},
        "distill": {"augment": "none", **distill},
        "quantize": dict(quantize or {}),
    }
    return parse_config(table, source=function)
