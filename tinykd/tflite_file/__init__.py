"""What is in a ``.tflite`` file, and changes to it that leave its arithmetic alone."""

from tinykd.tflite_file.check import check_full_integer
from tinykd.tflite_file.facts import Int8ModelFacts, describe
from tinykd.tflite_file.names import LayerNames
from tinykd.tflite_file.objects import TYPE_CODES, pack, unpack
from tinykd.tflite_file.operators import VIEW_OPERATORS, operator_name
from tinykd.tflite_file.scales import fold_input_scale, fold_output_scale
from tinykd.tflite_file.slim import slim

__all__ = [
    "TYPE_CODES",
    "VIEW_OPERATORS",
    "Int8ModelFacts",
    "LayerNames",
    "check_full_integer",
    "describe",
    "fold_input_scale",
    "fold_output_scale",
    "operator_name",
    "pack",
    "slim",
    "unpack",
]
