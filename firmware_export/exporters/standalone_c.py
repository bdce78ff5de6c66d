"""The exporter ``c``: the compiled model as it is, two files without any dependency."""

from __future__ import annotations

from collections.abc import Mapping

from firmware_export.exporters.request import ExportRequest


def export_c(request: ExportRequest) -> Mapping[str, str]:
    """Return ``<name>.h`` and ``<name>.c``."""
    return dict(request.compiled.files)
