"""What the tables and sentences of a report say, written once for the terminal and for the page."""

from tinykd.report.tables.accuracy import accuracy_rows, class_rows, output_headings, output_rows
from tinykd.report.tables.costs import board_rows, layer_rows, per_mac, static_bytes
from tinykd.report.tables.models import (
    CHOSEN,
    MODEL_LABELS,
    SHIPPED,
    device_model,
    find_model,
    flip_difference,
    how_numbers,
    interval,
    model_mark,
    task_of,
)
from tinykd.report.tables.sentences import (
    choices,
    outputs_text,
    shipping_choices,
    threshold_text,
    verdict,
)

__all__ = [
    "CHOSEN",
    "MODEL_LABELS",
    "SHIPPED",
    "accuracy_rows",
    "board_rows",
    "choices",
    "class_rows",
    "device_model",
    "find_model",
    "flip_difference",
    "how_numbers",
    "interval",
    "layer_rows",
    "model_mark",
    "output_headings",
    "output_rows",
    "outputs_text",
    "per_mac",
    "shipping_choices",
    "static_bytes",
    "task_of",
    "threshold_text",
    "verdict",
]
