"""Instructions of each layer of the generated C."""

from __future__ import annotations

from markupsafe import Markup

from tinykd.report import tables, wording
from tinykd.report.plots.bars import Bar, plot_bars
from tinykd.results import LayerCost, Report


def plot_layers(report: Report) -> Markup:
    """Draw one bar for each layer, with its instructions per multiply-accumulate behind it."""
    return plot_bars(
        [_bar(layer) for layer in report.layers],
        f"Instructions of each layer on {report.footprint.core}, in the order they run.",
    )


def _bar(layer: LayerCost) -> Bar:
    text = wording.short_count(layer.instructions)
    if layer.macs:
        text += f" · {tables.per_mac(layer)}/MAC"
    hint = f"{layer.name} ({layer.op}): {layer.instructions:,} instructions, {layer.macs:,} MACs"
    return Bar(name=wording.layer_name(layer.name), value=layer.instructions, text=text, hint=hint)
