"""`tinykd compare`: two seeds end to end, resumed, and what its pages say."""

import json
import math

import numpy as np
import pytest

from tests.tinykd.test_report_html import Page
from tinykd import compare, load_config
from tinykd.comparison import summarize
from tinykd.ledger import PAIRS
from tinykd.progress import Silent
from tinykd.report.comparison import COMPARISON_FORMATS, headline
from tinykd.study_results import Comparison

CONFIG = """
name = "tiny"
data.source = "blobs.npz"
[teacher]
width = 4
epochs = 6
batch_size = 16
[student]
architecture = "mlp"
width = 0.25
[distill]
epochs = 8
batch_size = 16
[quantize]
qat = "if_needed"
ptq_may_lose = 100
epochs = 1
calibration_samples = 64
[target]
emulated_samples = 1
"""


class Interrupts(Silent):
    """Ctrl-C when a task whose name holds ``at`` begins; notes all tasks."""

    def __init__(self, at=None):
        self.at, self.tasks = at, []

    def task(self, description, total=None):
        self.tasks.append(description)
        if self.at is not None and self.at in description:
            raise KeyboardInterrupt
        return super().task(description, total)


@pytest.fixture(scope="module")
def config(tmp_path_factory, blobs):
    folder = tmp_path_factory.mktemp("compare")
    np.savez(folder / "blobs.npz", **blobs)
    (folder / "tiny.toml").write_text(CONFIG)
    return folder / "tiny.toml"


@pytest.fixture(scope="module")
def compared(config):
    """Two seeds, stopped in the second one and started again; what each run did."""
    out = config.parent / "build"
    stopped, resumed = Interrupts(at="2/2 student: with its teacher"), Interrupts()
    with pytest.raises(KeyboardInterrupt):
        compare(load_config(config), seeds=2, out=out, progress=stopped)
    assert not (out / "tiny_compare" / "compare.json").exists()
    comparison = compare(load_config(config), seeds=2, out=out, progress=resumed)
    return comparison, out / "tiny_compare", stopped.tasks, resumed.tasks


def test_it_goes_on_where_it_was_stopped(compared):
    _comparison, _folder, stopped, resumed = compared
    assert sum("teacher: training" in task for task in stopped) == 1
    assert any("1/2 student: with its teacher" in task for task in stopped)
    assert not any(task.startswith(("1/2", "teacher")) for task in resumed)
    assert any(task.startswith("2/2 student: with its teacher") for task in resumed)


def test_the_teacher_is_shared_and_the_students_differ(compared):
    comparison, folder, *_ = compared
    reports = [json.loads((folder / f"seed_{s}/report.json").read_bytes()) for s in (0, 1)]
    assert [report["seeds"] for report in reports] == [
        {"build": 0, "teacher": 0},
        {"build": 1, "teacher": 0},
    ]
    assert reports[0]["teacher"] == reports[1]["teacher"]
    assert reports[0]["distill"]["curves"] != reports[1]["distill"]["curves"]
    assert not comparison.new_teacher


def test_its_figures_are_those_of_the_builds(compared):
    comparison, folder, *_ = compared
    answers = []
    for row in comparison.seeds:
        with np.load(folder / f"seed_{row.seed}/predictions.npz") as saved:
            right = {name: saved[name] == saved["labels"] for name in saved.files}
        for name, accuracy in row.top1_accuracy.items():
            assert accuracy == right[name].mean()
        answers.append(right)
    helped = comparison.differences[0]
    expected = [right["student"].mean() - right["scratch"].mean() for right in answers]
    assert helped.differences == pytest.approx(expected)
    assert helped.mean == pytest.approx(np.mean(expected))
    half = 12.7062047 * max(np.std(expected, ddof=1), 1 / 80 / math.sqrt(12)) / math.sqrt(2)
    assert helped.ci95 == pytest.approx((helped.mean - half, helped.mean + half))
    assert helped.gained == sum((r["student"] & ~r["scratch"]).sum() for r in answers)
    assert [difference.name for difference in comparison.differences] == list(PAIRS)
    assert all("qat" in row.top1_accuracy for row in comparison.seeds)  # whatever [quantize] says


def test_the_json_is_the_result(compared):
    comparison, folder, *_ = compared
    text = (folder / "compare.json").read_text()
    assert Comparison.model_validate_json(text) == comparison
    assert json.loads(text)["schema_version"] == 1


def test_the_page_opens_offline_and_shows_every_seed(compared):
    comparison, folder, *_ = compared
    html = (folder / "compare.html").read_text()
    page = Page(html)
    assert {"script", "link", "img", "iframe"}.isdisjoint(page.tags)
    assert not page.addresses
    assert html.count('class="dot hollow"') == 2 * len(PAIRS)
    assert headline(comparison) in page.text
    assert html == COMPARISON_FORMATS["html"](comparison)


def differing(report, name, difference, seed):
    ledger = [test.model_copy(update={"difference": difference}) for test in report.ledger]
    ledger = tuple(t if t.name == name else report.ledger[i] for i, t in enumerate(ledger))
    return report.model_copy(update={"ledger": ledger, "seeds": {"build": seed, "teacher": 0}})


@pytest.mark.parametrize(
    ("differences", "said"),
    [
        ((0.010, 0.012, 0.011), "Distillation helped: +1.10 points, 95 % +0.85..+1.35"),
        ((-0.010, -0.012, -0.011), "Distillation hurt: −1.10 points, 95 % −1.35..−0.85"),
        (
            (0.02, -0.016, 0.002),
            "Distillation: no difference shown: +0.20 points, 95 % −4.27..+4.67",
        ),
    ],
)
def test_distillation_helped_can_come_out_false(example_report, differences, said):
    """By hand: 4.30265 deviations, of 0.1, 0.1 and 1.8 points, over the root of three seeds."""
    reports = [
        differing(example_report, "distillation", difference, seed)
        for seed, difference in enumerate(differences)
    ]
    comparison = summarize(reports, new_teacher=False)
    text = " ".join(COMPARISON_FORMATS["terminal"](comparison).split())
    assert said in text
    assert "the pooled p is smaller than it should be" in text
    assert "One teacher taught all seeds" in text
    alone = summarize(reports, new_teacher=True)
    assert "a teacher of its own" in COMPARISON_FORMATS["terminal"](alone)


@pytest.mark.parametrize("output", ["terminal", "html"])
def test_names_stay_words(example_report, output):
    report = example_report.model_copy(update={"name": "<b>[red]x", "seeds": {"build": 0}})
    comparison = summarize([report, report], new_teacher=False)
    shown = COMPARISON_FORMATS[output](comparison)
    assert "<b>" not in shown if output == "html" else "<b>[red]x" in shown
    widest = max(len(line) for line in COMPARISON_FORMATS["terminal"](comparison).splitlines())
    assert widest <= 80


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--seeds", "1"), "seeds: an interval needs at least 2, got 1."),
        (("--seed", "2147483647"), "seed: 5 seeds from 2147483647 on go beyond 2147483647."),
        (("absent.toml",), "absent.toml: cannot be read"),
        (("--teacher", "absent.keras"), "absent.keras"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_before_anything_is_written(
    cli, tmp_path, arguments, message
):
    outcome = cli("compare", *arguments, "--out", tmp_path / "build")
    assert outcome.code == 1
    assert outcome.err.startswith("Error: ")
    assert outcome.err.count("\n") == 1
    assert message in outcome.err
    assert not list(tmp_path.rglob("*.json"))


def test_the_command_shows_what_is_there_and_adds_json(cli, compared, config):
    comparison, folder, *_ = compared
    outcome = cli("compare", config, "--seeds", "2", "--out", folder.parent, "--quiet", "--json")
    assert outcome.code == 0
    assert Comparison.model_validate_json(outcome.out) == comparison
    assert "scratch" in outcome.out
