"""The plots of the HTML report, each a pure function from a ``Report`` to inline SVG."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from markupsafe import Markup

from tinykd.report.plots.accuracy import plot_accuracy
from tinykd.report.plots.confusion import plot_confusion
from tinykd.report.plots.latency import plot_latency
from tinykd.report.plots.layers import plot_layers
from tinykd.report.plots.memory import plot_memory
from tinykd.report.plots.training import plot_training
from tinykd.results import Report

PLOTS: Mapping[str, Callable[[Report], Markup]] = {
    "accuracy": plot_accuracy,
    "training": plot_training,
    "memory": plot_memory,
    "layers": plot_layers,
    "latency": plot_latency,
    "confusion": plot_confusion,
}
