"""From a planned model to the text of two C files."""

from __future__ import annotations

from collections.abc import Mapping

from firmware_export.codegen.header import header_file
from firmware_export.codegen.model import CodeModel, PlacedLayer
from firmware_export.codegen.share_constants import share_constants
from firmware_export.codegen.sharing import share_functions
from firmware_export.codegen.source import source_file


def generate(model: CodeModel) -> Mapping[str, str]:
    """File name to text."""
    return {f"{model.name}.h": header_file(model), f"{model.name}.c": source_file(model)}


__all__ = ["CodeModel", "PlacedLayer", "generate", "share_constants", "share_functions"]
