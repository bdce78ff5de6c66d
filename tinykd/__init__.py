"""tinykd: from a Keras teacher to int8 C on a microcontroller.

    >>> from tinykd import find_recipe
    >>> find_recipe("digits").student.architecture
    'ds_cnn'

``build(find_recipe("digits"))`` runs the whole pipeline and returns a ``Report``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinykd.comparison import compare
    from tinykd.config import Config, load_config
    from tinykd.errors import TinykdError
    from tinykd.pipeline import build
    from tinykd.recipes import find_recipe
    from tinykd.report import read_report
    from tinykd.results import Report
    from tinykd.study_results import Comparison, TuneResult
    from tinykd.tuning.tune import tune

__all__ = [
    "Comparison",
    "Config",
    "Report",
    "TinykdError",
    "TuneResult",
    "build",
    "compare",
    "find_recipe",
    "load_config",
    "read_report",
    "tune",
]

_MODULES = {
    "Comparison": "study_results",
    "Config": "config",
    "Report": "results",
    "TinykdError": "errors",
    "TuneResult": "study_results",
    "build": "pipeline",
    "compare": "comparison",
    "find_recipe": "recipes",
    "load_config": "config",
    "read_report": "report",
    "tune": "tuning.tune",
}


def __getattr__(name: str) -> object:
    """Import what is asked for: ``import tinykd`` alone costs nothing."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"tinykd.{_MODULES[name]}"), name)
