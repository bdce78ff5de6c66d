"""The errors of ``tinykd``; ``TinykdError`` is the base of those of ``firmware_export`` too."""

from firmware_export.errors import TinykdError

__all__ = [
    "ArtifactError",
    "ConfigError",
    "ConversionError",
    "DataError",
    "DirectoryInUseError",
    "QuantizationError",
    "StudentError",
    "TeacherError",
    "TinykdError",
]


class ConfigError(TinykdError):
    """A configuration has an unknown key, a wrong type or an impossible value."""


class DataError(TinykdError):
    """A data set is missing, damaged, or does not fit the task."""


class TeacherError(TinykdError):
    """A teacher cannot be loaded, or does not match the data."""


class StudentError(TinykdError):
    """A student cannot be built for this data."""


class QuantizationError(TinykdError):
    """A layer cannot be trained quantization-aware."""


class ConversionError(TinykdError):
    """A model did not become a full-integer int8 ``.tflite``."""


class ArtifactError(TinykdError):
    """A run directory cannot be used: not writable, in use, or of another version."""


class DirectoryInUseError(ArtifactError):
    """Another process holds a run directory."""
