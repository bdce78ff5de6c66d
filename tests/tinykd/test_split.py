"""Validation splits: in order where that serves every class, else drawn so that it does."""

import json
import math

import numpy as np
import pytest

from tinykd.api.data import read_data
from tinykd.config import DataConfig
from tinykd.datasets import hold_out, load_dataset
from tinykd.errors import DataError


def sides(mask, labels):
    """Classes that are trained, and classes in validation."""
    return set(labels[~mask].tolist()), set(labels[mask].tolist())


def test_in_order_where_that_serves_every_class():
    labels = np.arange(100) // 10
    found = hold_out(labels, 4)
    assert found.mask.nonzero()[0].tolist() == list(range(0, 100, 4))
    assert found.rule == "one sample in 4, in the order of the data"


@pytest.mark.parametrize(("period", "every"), [(4, 4), (10, 5), (2, 4), (3, 9)])
def test_classes_in_turn_do_not_alias(period, every):
    """In order, validation would have one class or two, and no training sample of them be left."""
    labels = np.arange(360) % period
    found = hold_out(labels, every)
    assert sides(found.mask, labels) == (set(range(period)), set(range(period)))
    each = np.bincount(labels[found.mask])
    assert set(each.tolist()) == {math.ceil(360 / period / every)}
    assert "of each class, drawn with a fixed seed" in found.rule
    assert np.array_equal(found.mask, hold_out(labels, every).mask)
    steps = np.diff(np.flatnonzero(found.mask & (labels == 0)))
    assert len(set(steps.tolist())) > 1  # no other period takes the place of this one


def test_a_rare_class_is_on_both_sides_and_a_single_sample_is_trained_on():
    labels = np.zeros(80, int)
    labels[[8, 40]], labels[16] = 1, 2
    found = hold_out(labels, 8)
    assert sides(found.mask, labels) == ({0, 1, 2}, {0, 1})


def test_no_classes_ask_for_nothing():
    assert np.array_equal(hold_out(np.zeros(9), 3).mask, np.arange(9) % 3 == 0)


def test_groups_are_drawn_where_their_order_leaves_a_class_out():
    groups = np.arange(120) // 10
    labels = groups % 2  # speakers take turns with the class
    found = hold_out(labels, 2, groups=groups)
    assert sides(found.mask, labels) == ({0, 1}, {0, 1})
    assert all(len(set(found.mask[groups == group])) == 1 for group in range(12))
    assert len(set(groups[found.mask])) == 6
    assert found.rule.startswith("one group in 2, drawn: ")
    in_order = hold_out(np.arange(120) % 2, 2, groups=groups)
    assert in_order.rule == "one group in 2, in their order"
    assert set(groups[in_order.mask]) == {0, 2, 4, 6, 8, 10}


def test_a_class_of_one_group_is_trained_on_if_it_can_be():
    groups = np.arange(60) // 10
    labels = np.where(groups == 0, 1, 0)  # in order, the first group is kept for validation
    found = hold_out(labels, 3, groups=groups)
    assert sides(found.mask, labels) == ({0, 1}, {0})
    with pytest.raises(DataError, match="a class has no training sample left: its samples are of"):
        hold_out(np.arange(2), 2, groups=np.arange(2))


def test_logits_of_samples_in_groups_belong_to_their_samples(blobs, tmp_path):
    """An array has a row for each sample as it was given, whatever the split."""
    from tinykd.config import TeacherConfig
    from tinykd.teachers.ensemble import open_given

    content = blobs | {"day": np.arange(160) // 40, "y_train": np.arange(160) % 4}
    np.savez(tmp_path / "data.npz", **content)
    np.save(tmp_path / "logits.npy", np.float32(np.arange(640)).reshape(160, 4))
    for settings in ({"group_by": "day", "validation_every": 2}, {"validation_every": 4}):
        dataset = load_dataset(DataConfig(source=str(tmp_path / "data.npz"), **settings))
        (teacher,) = open_given(TeacherConfig(path=str(tmp_path / "logits.npy")), dataset).members
        kept = dataset.held_out.mask
        for x, rows in ((dataset.x_train, ~kept), (dataset.x_validation, kept)):
            assert np.array_equal(x, blobs["x_train"][rows])
            assert np.array_equal(teacher.answer(x)[:, 0] / 4, np.flatnonzero(rows))


def test_from_python_every_class_is_kept_too():
    labels = np.arange(100) % 5
    split = read_data((np.zeros((100, 3)), labels), validation_every=5)
    assert set(split.y) == set(split.y_validation) == set(range(5))
    assert np.array_equal(labels[split.kept], split.y)


def test_reports_say_how_the_split_was_made(example_report):
    from tinykd.report import FORMATS

    data = example_report.data.model_copy(update={"validation_rule": "one sample in 7, drawn"})
    report = example_report.model_copy(update={"data": data})
    assert "288 samples: one sample in 7, drawn." in FORMATS["terminal"](report)
    assert "288 validation samples (one sample in 7, drawn)" in FORMATS["html"](report)
    assert json.loads(FORMATS["json"](report))["data"]["validation_rule"] == data.validation_rule
