"""tinykd: from a Keras teacher to int8 C on a microcontroller.

    >>> from tinykd import find_recipe
    >>> find_recipe("digits").student.architecture
    'ds_cnn'

``build(find_recipe("digits"))`` runs the whole pipeline and returns a ``Report``.
``distill(teacher, student, data)`` trains any Keras student, ``adapt`` one for another domain;
``Distiller`` is a Keras model with ``compile`` and ``fit``; ``quantize(student, data)`` makes a
student int8. ``largest_students(config, board="pico")`` says which students fit.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinykd.api import adapt, distill, quantize
    from tinykd.comparison import compare
    from tinykd.config import Config, load_config
    from tinykd.convert import convert_qat
    from tinykd.distillation.distiller import Distiller
    from tinykd.errors import TinykdError
    from tinykd.pipeline import build
    from tinykd.quantization.qat import load_qat, save_qat
    from tinykd.recipes import find_recipe
    from tinykd.report import read_report
    from tinykd.results import Report, StudentChoice
    from tinykd.sizing.search import largest_students
    from tinykd.students.hard_swish import hard_swish
    from tinykd.study_results import Comparison, TuneResult
    from tinykd.tuning.tune import tune

__all__ = [
    "Comparison",
    "Config",
    "Distiller",
    "Report",
    "StudentChoice",
    "TinykdError",
    "TuneResult",
    "adapt",
    "build",
    "compare",
    "convert_qat",
    "distill",
    "find_recipe",
    "hard_swish",
    "largest_students",
    "load_config",
    "load_qat",
    "quantize",
    "read_report",
    "save_qat",
    "tune",
]

_MODULES = {
    "Comparison": "study_results",
    "Config": "config",
    "Distiller": "distillation.distiller",
    "Report": "results",
    "StudentChoice": "results",
    "TinykdError": "errors",
    "TuneResult": "study_results",
    "adapt": "api",
    "build": "pipeline",
    "compare": "comparison",
    "convert_qat": "convert",
    "distill": "api",
    "find_recipe": "recipes",
    "hard_swish": "students.hard_swish",
    "largest_students": "sizing.search",
    "load_config": "config",
    "load_qat": "quantization.qat",
    "quantize": "api",
    "read_report": "report",
    "save_qat": "quantization.qat",
    "tune": "tuning.tune",
}


def __getattr__(name: str) -> object:
    """Import what is asked for: ``import tinykd`` alone costs nothing."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"tinykd.{_MODULES[name]}"), name)
