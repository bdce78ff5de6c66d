"""The accuracy table: intervals, agreement, confusion, and the two rows that must be equal."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinykd.errors import TinykdError
from tinykd.evaluate.table import Answers, evaluate
from tinykd.inference import check_identical
from tinykd.statistics import wilson_interval


def test_the_interval_is_wilsons():
    """Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I."""
    for correct, samples, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert wilson_interval(correct, samples) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_bounds_are_the_shares_that_lie_196_deviations_away(counts):
    """The definition: at each bound, the score statistic is the normal quantile."""
    correct, samples = counts
    share = correct / samples
    low, high = wilson_interval(correct, samples)
    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1
    for bound in (low, high):
        if 1e-12 < bound < 1 - 1e-12:  # at 0 and 1 there is no deviation
            deviation = (bound * (1 - bound) / samples) ** 0.5
            # subtracting shares that are close together leaves ten digits
            assert abs(share - bound) / deviation == pytest.approx(1.959964, rel=1e-5)


def one_hot(classes):
    """Outputs whose arg-max is given, int8 [n, 3]."""
    return np.where(np.arange(3) == np.array(classes)[:, None], 100, -100).astype(np.int8)


LABELS = np.array([0, 0, 1, 1, 2, 2], np.int32)


def row(name, classes, reference=None, **facts):
    outputs = one_hot(classes)
    return Answers(name, f"about {name}", outputs, "by hand", reference=reference, **facts)


def table(**changes):
    rows = {
        "student": row("student", [0, 0, 1, 1, 2, 0], size_bytes=400, parameters=100),
        "qat": row("qat", [0, 1, 1, 1, 2, 2], "student", size_bytes=150),
        "tflm": row("tflm", [0, 1, 1, 1, 2, 2], "student"),
        "c": row("c", [0, 1, 1, 1, 2, 2], "student"),
    } | changes
    return evaluate(list(rows.values()), LABELS, classes=3, shipped="qat")


def test_every_row_is_scored_on_the_same_samples():
    result = table()
    student, qat, *_ = result.models
    assert [model.name for model in result.models] == ["student", "qat", "tflm", "c"]
    assert {model.samples for model in result.models} == {6}
    assert student.top1_accuracy == qat.top1_accuracy == 5 / 6
    assert student.ci95 == wilson_interval(5, 6)
    assert (student.size_bytes, student.parameters, qat.size_bytes) == (400, 100, 150)
    assert (student.description, student.how) == ("about student", "by hand")


def test_agreement_is_with_the_float_model_and_not_with_the_labels():
    student, qat, *_ = table().models
    assert student.agreement is None
    assert qat.agreement == 4 / 6
    assert table().flipped == 2


def test_confusion_has_true_classes_in_rows():
    assert table().confusion == ((1, 1, 0), (0, 2, 0), (0, 0, 2))


def test_the_shipped_row_decides_confusion_and_flips():
    rows = [
        row("student", LABELS),
        row("ptq", (LABELS + 1) % 3, "student"),
        row("tflm", LABELS),
        row("c", LABELS),
    ]
    result = evaluate(rows, LABELS, classes=3, shipped="ptq")
    assert result.confusion == ((0, 2, 0), (0, 0, 2), (2, 0, 0))
    assert result.flipped == 6


def test_generated_c_that_differs_in_one_byte_is_never_shipped():
    assert table().c_equals_tflm
    differing = row("c", [0, 1, 1, 1, 2, 2], "student")
    differing.outputs[4, 1] += 1  # not even the class changes
    with pytest.raises(TinykdError, match=r"differs from TFLM on 1 of 6 .*first on number 4"):
        table(c=differing)


def test_identical_means_every_byte_of_every_sample():
    outputs = np.arange(12, dtype=np.int8).reshape(4, 3)
    check_identical(outputs, outputs.copy())
    check_identical(outputs, outputs.reshape(4, 1, 3))
    with pytest.raises(TinykdError, match="4 samples and the generated C 3"):
        check_identical(outputs, outputs[:3])
    with pytest.raises(TinykdError, match="4 samples and the generated C 1"):
        check_identical(np.repeat(outputs[:1], 4, axis=0), outputs[:1])
