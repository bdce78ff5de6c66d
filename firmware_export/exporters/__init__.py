"""Forms in which a compiled model is handed to firmware.

An exporter is a function from an `ExportRequest` to files; `write_files` and `write_folder` put
them on disk.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from firmware_export.exporters.arduino import export_arduino
from firmware_export.exporters.c_array import export_c_array
from firmware_export.exporters.request import ExportRequest, GoldenVectors
from firmware_export.exporters.standalone_c import export_c
from firmware_export.exporters.writing import write_files, write_folder

Exporter = Callable[[ExportRequest], Mapping[str, str]]

EXPORTERS: Mapping[str, Exporter] = MappingProxyType(
    {
        "c": export_c,  # <name>.h and <name>.c, the product
        "c_array": export_c_array,  # <name>_model_data.h and .cc, for users of TFLM
        "arduino": export_arduino,  # a library folder with a self-testing sketch
    }
)

__all__ = [
    "EXPORTERS",
    "ExportRequest",
    "Exporter",
    "GoldenVectors",
    "write_files",
    "write_folder",
]
