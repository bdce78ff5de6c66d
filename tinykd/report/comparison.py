"""A comparison over seeds, for people and for machines: the terminal, JSON and HTML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from rich.console import Console, Group
from rich.table import Table

from tinykd.report import layout, ledger, wording
from tinykd.report.html import template
from tinykd.report.plots.differences import plot_differences
from tinykd.report.tables import MODEL_LABELS
from tinykd.report.wording import MINUS
from tinykd.results import ModelName
from tinykd.study_results import Comparison, PairedDifference
from tinykd.tasks import TASKS, Metric

HEADLINES = {
    "better": "Distillation helped",
    "worse": "Distillation hurt",
    "no difference shown": "Distillation: no difference shown",
}

HOW = (
    "Every {measure} is on the same test split. Intervals are Student's t over the seeds, 95 % for "
    "each pair by itself: they say what another seed would do, not what other test samples would.",
    "p is {test} on the {case}, with all seeds pooled. The seeds share their test samples, so the "
    "pooled p is smaller than it should be: go by the interval, and by the p of each seed.",
)


def how_sentences(comparison: Comparison) -> tuple[str, ...]:
    """Say what the figures are, and what they are not."""
    task = TASKS[comparison.task]
    words = {
        "measure": "accuracy" if task.says_class else task.headline.label,
        "test": "the exact sign test" if task.nearer else "McNemar's exact test",
        "case": (
            "samples on which one of two models is nearer to the truth"
            if task.nearer
            else f"{task.case} that only one of two models gets right"
        ),
    }
    return tuple(sentence.format(**words) for sentence in HOW)


def headline(comparison: Comparison) -> str:
    """Say in one line whether distillation helped."""
    first = comparison.differences[0]
    seeds = len(comparison.seeds)
    return f"{HEADLINES[first.verdict]}: {finding(comparison, first)} over {seeds} seeds."


def finding(comparison: Comparison, difference: PairedDifference) -> str:
    """Write a mean difference with its interval."""
    metric = headline_metric(comparison)
    mean, low, high = (signed_in(comparison, v) for v in (difference.mean, *difference.ci95))
    return f"{mean} {metric.unit}, 95 % {low}..{high}"


def headline_metric(comparison: Comparison) -> Metric:
    """What the models are compared by."""
    return TASKS[comparison.task].headline


def signed_in(comparison: Comparison, difference: float) -> str:
    """Write a difference of two metrics with its sign; of shares in points, two decimals."""
    metric, (first, *_) = headline_metric(comparison), means(comparison).values()
    if metric.is_share:
        return signed(difference)
    return wording.metric_difference(metric, difference, 1, beside=first)


def mean_in(metric: Metric, value: float) -> str:
    """Write a mean over seeds; a share in percent with two decimals."""
    return f"{100 * value:.2f}" if metric.is_share else wording.metric_value(metric, value, 1)


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
    """Model to its mean headline over the seeds."""
    rows = [row.scores for row in comparison.seeds]
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
        layout.section(
            f"{_heading(comparison)} on {samples} test samples", _seed_table(comparison)
        ),
        layout.section("In pairs", _difference_table(comparison)),
        layout.section("Distilled, against scratch, seed by seed", _flip_table(comparison)),
        layout.section(
            "How the figures were obtained", layout.lines([*how_sentences(comparison), *files])
        ),
    )


def _heading(comparison: Comparison) -> str:
    metric = headline_metric(comparison)
    return f"{metric.title} in %" if metric.is_share else metric.title


def _seed_table(comparison: Comparison) -> Table:
    metric, names = headline_metric(comparison), list(comparison.seeds[0].scores)
    rows = layout.table([">seed", *(f">{_short(name)}" for name in names)])
    for row in comparison.seeds:
        samples = comparison.test_samples
        scores = (wording.metric_value(metric, row.scores[n], samples) for n in names)
        layout.add_row(rows, [f"{row.seed}", *scores])
    layout.add_row(rows, ["mean", *(mean_in(metric, v) for v in means(comparison).values())])
    return rows


def _short(name: ModelName) -> str:
    return MODEL_LABELS[name].split(",")[0].lower() if len(name) > 4 else name.upper()


def _difference_table(comparison: Comparison) -> Table:
    metric = headline_metric(comparison)
    rows = layout.table(["pair", "shows", f">{metric.unit}", "95 %", ">pooled p"])
    for difference in comparison.differences:
        low, high = (signed_in(comparison, bound) for bound in difference.ci95)
        cells = [ledger.PAIR_LABELS[difference.name], difference.verdict]
        cells += [signed_in(comparison, difference.mean), f"{low}..{high}"]
        layout.add_row(rows, [*cells, ledger.p_text(difference.pooled_p_value)])
    return rows


def _flip_table(comparison: Comparison) -> Table:
    metric = headline_metric(comparison)
    rows = layout.table([">seed", f">{metric.unit}", ">gained", ">lost", ">p"])
    for row in comparison.seeds:
        test = next(test for test in row.ledger if test.name == "distillation")
        difference = signed_in(comparison, test.difference)
        cells = [f"{row.seed}", difference, f"{test.gained}", f"{test.lost}"]
        layout.add_row(rows, [*cells, ledger.p_text(test.p_value)])
    return rows


def _terminal(comparison: Comparison) -> str:
    return layout.plain(lambda _wide: _document(comparison, None), 80)


def _json(comparison: Comparison) -> str:
    return comparison.model_dump_json(indent=2) + "\n"


def _html(comparison: Comparison) -> str:
    metric = headline_metric(comparison)
    return template("compare.html.j2").render(
        c=comparison,
        headline=headline(comparison),
        teacher=teacher_sentence(comparison),
        labels=MODEL_LABELS,
        means=means(comparison),
        signed=partial(signed_in, comparison),
        shown=partial(wording.metric_value, metric),
        mean_shown=partial(mean_in, metric),
        unit="Points" if metric.is_share else metric.unit,
        how=how_sentences(comparison),
        plot=plot_differences(comparison),
    )


COMPARISON_FORMATS: Mapping[str, Callable[[Comparison], str]] = {
    "terminal": _terminal,  # plain text, 80 columns
    "json": _json,  # the value itself
    "html": _html,  # one file that opens offline
}
