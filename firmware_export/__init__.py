"""Compile int8 TFLite models to C, and measure that C without hardware.

The package starts from any int8 ``.tflite``; it needs neither TensorFlow nor Keras.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from firmware_export.compiled import CompiledModel, Layer, Port
    from firmware_export.compiler import compile_tflite
    from firmware_export.errors import ModelError, TinykdError, UnsupportedOpError
    from firmware_export.profile import Profile, profile_tflite
    from firmware_export.tflite_reader import read_tflite
    from firmware_export.verify import Verification, verify_tflite

__all__ = [
    "CompiledModel",
    "Layer",
    "ModelError",
    "Port",
    "Profile",
    "TinykdError",
    "UnsupportedOpError",
    "Verification",
    "compile_tflite",
    "profile_tflite",
    "read_tflite",
    "verify_tflite",
]

_MODULES = {
    "CompiledModel": "compiled",
    "Layer": "compiled",
    "ModelError": "errors",
    "Port": "compiled",
    "Profile": "profile",
    "TinykdError": "errors",
    "UnsupportedOpError": "errors",
    "Verification": "verify",
    "compile_tflite": "compiler",
    "profile_tflite": "profile",
    "read_tflite": "tflite_reader",
    "verify_tflite": "verify",
}


def __getattr__(name: str) -> object:
    """Import what is asked for: ``import firmware_export`` alone costs nothing."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"firmware_export.{_MODULES[name]}"), name)
