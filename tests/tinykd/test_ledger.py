"""The ledger: intervals and exact tests against hand-computed values, and what a build keeps."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_rel

from tinykd.config import DataConfig
from tinykd.datasets import load_dataset
from tinykd.ledger import PAIRS, PREDICTIONS_FILE, compare_predictions, save_predictions
from tinykd.report import FORMATS
from tinykd.report.ledger import PAIR_LABELS, flip_shown
from tinykd.statistics import judge, mcnemar_exact, paired_interval

MODELS = ("teacher", "scratch", "student", "ptq", "qat", "tflm", "c")


def test_the_interval_by_hand():
    """Mean 2, deviation 1, three seeds: 4.30265 / sqrt(3) on both sides."""
    mean, low, high = paired_interval([1.0, 2.0, 3.0])
    assert mean == 2.0
    assert low == pytest.approx(2.0 - 4.3026527 / math.sqrt(3.0))
    assert high == pytest.approx(2.0 + 4.3026527 / math.sqrt(3.0))


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=12).filter(lambda d: np.std(d) > 1e-6))
def test_the_interval_is_that_of_the_paired_t_test(differences):
    expected = ttest_rel(differences, np.zeros(len(differences))).confidence_interval(0.95)
    assert paired_interval(differences)[1:] == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_two_seeds_that_happen_to_gain_one_sample_each_show_nothing():
    """A deviation of zero is one that 80 samples are too few to see."""
    _mean, low, high = paired_interval([1 / 80, 1 / 80], resolution=1 / 80)
    assert judge(low, high) == "no difference shown"
    half = 12.7062047 * (1 / 80 / math.sqrt(12)) / math.sqrt(2)
    assert (low, high) == pytest.approx((1 / 80 - half, 1 / 80 + half))


@pytest.mark.parametrize(
    ("gained", "lost", "p_value"),
    [
        (0, 0, 1.0),
        (1, 0, 1.0),
        (6, 0, 2 / 2**6),
        (1, 7, 2 * (1 + 8) / 2**8),
        (10, 2, 2 * (1 + 12 + 66) / 2**12),
        (4, 4, 1.0),
    ],
)
def test_mcnemars_exact_p_by_hand(gained, lost, p_value):
    """Twice the smaller tail of a fair coin, at most 1."""
    assert mcnemar_exact(gained, lost) == pytest.approx(p_value)
    assert mcnemar_exact(lost, gained) == pytest.approx(p_value)


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        ((0.1, 0.3), "better"),
        ((-0.3, -0.1), "worse"),
        ((-0.1, 0.3), "no difference shown"),
        ((0.0, 0.3), "no difference shown"),
    ],
)
def test_an_interval_that_holds_zero_shows_nothing(interval, said):
    assert judge(*interval) == said


LABELS = np.array([0, 1, 2, 0, 1, 2])

PREDICTIONS = {
    "scratch": np.array([0, 1, 0, 1, 0, 2]),  # right on 1, 2, 6
    "student": np.array([0, 1, 2, 0, 0, 1]),  # right on 1, 2, 3, 4
    "ptq": np.array([0, 1, 2, 0, 1, 2]),  # right on all
}


def test_gained_and_lost_are_the_samples_that_one_of_two_gets_right():
    tests = {
        test.name: test for test in compare_predictions(PREDICTIONS, LABELS, reference="student")
    }
    assert tests.keys() == {"distillation", "ptq"}  # the pairs that are there
    helped = tests["distillation"]
    assert (helped.gained, helped.lost, helped.samples) == (2, 1, 6)
    assert helped.difference == pytest.approx(1 / 6)
    assert helped.p_value == 1.0
    assert (tests["ptq"].baseline, tests["ptq"].gained, tests["ptq"].lost) == ("student", 2, 0)


def test_int8_is_compared_with_the_float_model_that_it_comes_from():
    _, ptq = compare_predictions(PREDICTIONS, LABELS, reference="scratch")
    assert (ptq.baseline, ptq.gained, ptq.lost) == ("scratch", 3, 0)


@pytest.mark.parametrize(("classes", "dtype"), [(10, np.uint8), (256, np.uint8), (257, np.uint16)])
def test_predictions_take_the_smallest_type_that_holds_them(tmp_path, classes, dtype):
    labels = np.arange(classes)
    save_predictions(tmp_path / "p.npz", {"c": labels[::-1]}, labels, classes=classes)
    with np.load(tmp_path / "p.npz", allow_pickle=False) as saved:
        assert saved["labels"].dtype == dtype
        assert (saved["c"] == labels[::-1]).all()


def test_a_build_keeps_what_each_model_said_of_each_sample(digits_build):
    file = digits_build.folder / PREDICTIONS_FILE
    assert PREDICTIONS_FILE in [artifact["path"] for artifact in digits_build.report["artifacts"]]
    with np.load(file, allow_pickle=False) as saved:
        labels = saved["labels"]
        predictions = {name: saved[name] for name in MODELS}
    assert (labels == load_dataset(DataConfig()).y_test).all()
    for model in digits_build.report["models"]:
        assert (predictions[model["name"]] == labels).mean() == model["top1_accuracy"]
    shipped = digits_build.report["distill"]["shipped"]
    tests = compare_predictions(predictions, labels, reference=shipped)
    assert [test.model_dump() for test in tests] == digits_build.report["ledger"]
    assert [test["name"] for test in digits_build.report["ledger"]] == list(PAIRS)


def test_the_report_of_a_build_says_what_each_pair_shows(digits_build):
    assert "In pairs, on the same samples" in digits_build.outcome.out
    for label in PAIR_LABELS.values():
        assert label in digits_build.outcome.out


def test_a_report_says_that_nothing_was_shown_and_when_something_was(example_report):
    first = example_report.ledger[0]
    assert flip_shown(first) == "no difference shown"
    sure = first.model_copy(update={"p_value": 0.01})
    assert flip_shown(sure) == "better"
    other_way = {"difference": -0.01, "gained": sure.lost, "lost": sure.gained}
    assert flip_shown(sure.model_copy(update=other_way)) == "worse"
    report = example_report.model_copy(update={"ledger": (sure,)})
    assert "Distilled, against scratch  better" in FORMATS["terminal"](report)
    assert "<td>better</td>" in FORMATS["html"](report)


def test_a_report_without_the_ledger_is_still_shown(example_report):
    report = example_report.model_copy(update={"ledger": ()})
    assert "In pairs" not in FORMATS["terminal"](report)
    assert "In pairs" not in FORMATS["html"](report)
