"""A comparison over seeds, for people and for machines: the terminal, JSON and HTML."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rich.console import Console, Group
from rich.table import Table

from tinykd.report import layout, ledger, wording
from tinykd.report.html import template
from tinykd.report.plots.differences import plot_differences
from tinykd.report.tables import MODEL_LABELS
from tinykd.report.wording import MINUS
from tinykd.results import ModelName
from tinykd.study_results import Comparison, PairedDifference

HEADLINES = {
    "better": "Distillation helped",
    "worse": "Distillation hurt",
    "no difference shown": "Distillation: no difference shown",
}

HOW = (
    "Every accuracy is on the same test split. Intervals are Student's t over the seeds, 95 % for "
    "each pair by itself: they say what another seed would do, not what other test samples would.",
    "p is McNemar's exact test on the samples that only one of two models gets right, with all "
    "seeds pooled. The seeds share their test samples, so the pooled p is smaller than it should "
    "be: go by the interval, and by the p of each seed.",
)


def headline(comparison: Comparison) -> str:
    """Say in one line whether distillation helped."""
    first = comparison.differences[0]
    seeds = len(comparison.seeds)
    return f"{HEADLINES[first.verdict]}: {finding(first)} over {seeds} seeds."


def finding(difference: PairedDifference) -> str:
    """Write a mean difference with its interval."""
    low, high = difference.ci95
    return f"{signed(difference.mean)} points, 95 % {signed(low)}..{signed(high)}"


def signed(difference: float) -> str:
    """Write a difference of two shares in percentage points, two decimals.

    Example:
        >>> signed(0.0021), signed(-0.004), signed(-0.00001)
        ('+0.21', '−0.40', '0.00')
    """
    rounded = round(100 * difference, 2)
    if rounded == 0:
        return "0.00"
    return f"{MINUS if rounded < 0 else '+'}{abs(rounded):.2f}"


def means(comparison: Comparison) -> dict[ModelName, float]:
    """Model to its mean accuracy over the seeds."""
    rows = [row.top1_accuracy for row in comparison.seeds]
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}


def teacher_sentence(comparison: Comparison) -> str:
    """Say what varies from seed to seed."""
    if comparison.new_teacher:
        return "Each seed trained a teacher of its own, and its students."
    return (
        "One teacher taught all seeds: what varies is the student's initial weights and the order "
        "of its samples."
    )


def render_comparison(comparison: Comparison, console: Console, *, directory: str) -> None:
    """Show a comparison on a terminal, and where its files are."""
    layout.show(lambda _wide: _document(comparison, directory), console)


def _document(comparison: Comparison, directory: str | None) -> Group:
    student, samples = comparison.student, f"{comparison.test_samples:,}"
    files = [] if directory is None else [f"{directory}: compare.html, compare.json, seed_*"]
    return Group(
        layout.text(
            f"{comparison.name}   {student.architecture} ×{student.width:g}, "
            f"{student.parameters:,} parameters, loss {comparison.loss}",
            style="bold",
        ),
        layout.lines([headline(comparison), teacher_sentence(comparison)]),
        layout.section(f"Top-1 in % on {samples} test samples", _seed_table(comparison)),
        layout.section("In pairs", _difference_table(comparison)),
        layout.section("Distilled, against scratch, seed by seed", _flip_table(comparison)),
        layout.section("How the figures were obtained", layout.lines([*HOW, *files])),
    )


def _seed_table(comparison: Comparison) -> Table:
    names = list(comparison.seeds[0].top1_accuracy)
    rows = layout.table([">seed", *(f">{_short(name)}" for name in names)])
    for row in comparison.seeds:
        scores = (wording.percent(row.top1_accuracy[n], comparison.test_samples) for n in names)
        layout.add_row(rows, [f"{row.seed}", *scores])
    layout.add_row(rows, ["mean", *(f"{100 * v:.2f}" for v in means(comparison).values())])
    return rows


def _short(name: ModelName) -> str:
    return MODEL_LABELS[name].split(",")[0].lower() if len(name) > 4 else name.upper()


def _difference_table(comparison: Comparison) -> Table:
    rows = layout.table(["pair", "shows", ">points", "95 %", ">pooled p"])
    for difference in comparison.differences:
        low, high = (signed(bound) for bound in difference.ci95)
        cells = [ledger.PAIR_LABELS[difference.name], difference.verdict]
        cells += [signed(difference.mean), f"{low}..{high}"]
        layout.add_row(rows, [*cells, ledger.p_text(difference.pooled_p_value)])
    return rows


def _flip_table(comparison: Comparison) -> Table:
    rows = layout.table([">seed", ">points", ">gained", ">lost", ">p"])
    for row in comparison.seeds:
        test = next(test for test in row.ledger if test.name == "distillation")
        cells = [f"{row.seed}", signed(test.difference), f"{test.gained}", f"{test.lost}"]
        layout.add_row(rows, [*cells, ledger.p_text(test.p_value)])
    return rows


def _terminal(comparison: Comparison) -> str:
    return layout.plain(lambda _wide: _document(comparison, None), 80)


def _json(comparison: Comparison) -> str:
    return comparison.model_dump_json(indent=2) + "\n"


def _html(comparison: Comparison) -> str:
    return template("compare.html.j2").render(
        c=comparison,
        headline=headline(comparison),
        teacher=teacher_sentence(comparison),
        labels=MODEL_LABELS,
        means=means(comparison),
        signed=signed,
        how=HOW,
        plot=plot_differences(comparison),
    )


COMPARISON_FORMATS: Mapping[str, Callable[[Comparison], str]] = {
    "terminal": _terminal,  # plain text, 80 columns
    "json": _json,  # the value itself
    "html": _html,  # one file that opens offline
}
