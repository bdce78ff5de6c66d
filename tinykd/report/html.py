"""The report as one HTML file that opens offline: no script, no font, nothing to fetch."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from tinykd.report import chain, ledger, race, tables, wording
from tinykd.report.plots import PLOTS
from tinykd.report.plots.training import training_runs
from tinykd.results import Report


def to_html(report: Report) -> str:
    """Render ``report`` as a page; the same report gives the same bytes."""
    return template("report.html.j2").render(
        report=report,
        how=tables.how_numbers(report),
        plots={name: plot(report) for name, plot in PLOTS.items()},
        task=tables.task_of(report),
        runs=training_runs(report),
        target=report.latency[report.board],
        device=tables.device_model(report),
    )


def template(name: str) -> Template:
    """A page's template, which escapes what it shows and knows the words and the tables."""
    environment = Environment(
        loader=PackageLoader("tinykd", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["w"] = wording
    environment.globals["t"] = tables
    environment.globals["l"] = ledger
    environment.globals["c"] = chain
    environment.globals["r"] = race
    return environment.get_template(name)
