"""What the tables of benchmarks/ rest on: paired intervals, and runs that are not repeated."""

import math

import pytest

from benchmarks.paired import compare
from benchmarks.runs import Runs


def test_an_interval_of_paired_differences_is_that_of_student():
    found = compare([0.91, 0.93, 0.95], [0.90, 0.90, 0.90])
    assert found.points == pytest.approx(3.0)
    half = 4.302653 * 2.0 / math.sqrt(3)  # t of two degrees of freedom, deviation of 1, 3 and 5
    assert (found.low, found.high) == pytest.approx((3.0 - half, 3.0 + half), rel=1e-6)
    assert (found.wins, found.pairs) == (3, 3)


def test_one_pair_has_no_interval():
    found = compare([0.9], [0.8])
    assert (found.low, found.high) == (-math.inf, math.inf)
    assert str(found) == "+10.00 (one seed)"


def test_a_run_is_repeated_only_when_what_it_depends_on_changes(tmp_path):
    runs, done = Runs(tmp_path / "runs.json"), []

    def compute():
        done.append(1)
        return {"accuracy": 0.5}

    for depends_on in ("a", "a", "b"):
        assert runs.get("one", depends_on, compute)["accuracy"] == 0.5
    runs.get("two", "b", compute)
    assert len(done) == 3
    assert set(Runs(tmp_path / "runs.json").read()) == {"one", "two"}
