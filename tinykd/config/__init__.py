"""The configuration of a build: frozen values, every field checked before any work starts.

A configuration is a TOML file (``tinykd init`` writes a commented one) or a recipe from
``tinykd.recipes``. An unknown key is an error that names the nearest valid one.
"""

from tinykd.config.distill import DistillConfig
from tinykd.config.reading import load_config, parse_config, resolve_paths
from tinykd.config.section import LossName, Section, TaskName
from tinykd.config.sections import (
    WIDTHS,
    Config,
    DataConfig,
    QuantizeConfig,
    StudentConfig,
    TargetConfig,
    TeacherConfig,
)

__all__ = [
    "WIDTHS",
    "Config",
    "DataConfig",
    "DistillConfig",
    "LossName",
    "QuantizeConfig",
    "Section",
    "StudentConfig",
    "TargetConfig",
    "TaskName",
    "TeacherConfig",
    "load_config",
    "parse_config",
    "resolve_paths",
]
