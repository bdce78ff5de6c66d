"""Tasks without classes: what is read, what is refused, and what is measured."""

import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, r2_score, roc_auc_score

from tinykd.config import DataConfig, DistillConfig, LossName, TaskName
from tinykd.datasets import load_dataset
from tinykd.errors import ConfigError, DataError
from tinykd.ledger import save_predictions
from tinykd.losses import LOSSES, choose_objective, find_candidates
from tinykd.tasks import TASKS
from tinykd.tasks.ranking import auc, average_precision

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5)).astype(np.float32)
XT = RNG.normal(size=(30, 5)).astype(np.float32)
Y = 40.0 * X[:, 0] + 300.0
YT = 40.0 * XT[:, 0] + 300.0
LABELS = (X[:, :3] > 0).astype(np.int64)
LABELS_T = (XT[:, :3] > 0).astype(np.int64)
MARKS = (np.arange(30) % 3 == 0).astype(np.int64)


def load(folder, task, **arrays):
    file = folder / "data.npz"
    np.savez(file, **{key: value for key, value in arrays.items() if value is not None})
    return load_dataset(DataConfig(task=task, source=str(file)))


def regression(folder, **changes):
    arrays = {"x_train": X, "y_train": Y, "x_test": XT, "y_test": YT} | changes
    return load(folder, "regression", **arrays)


def multi_label(folder, **changes):
    arrays = {"x_train": X, "y_train": LABELS, "x_test": XT, "y_test": LABELS_T} | changes
    return load(folder, "multi_label", **arrays)


def anomaly(folder, **changes):
    return load(folder, "anomaly", **{"x_train": X, "x_test": XT, "y_test": MARKS} | changes)


def with_nan(targets):
    return np.where(np.arange(len(targets)) == 7, np.nan, targets)


REFUSED = {
    "not a number": (regression, {"y_train": with_nan(Y)}, "y_train holds NaN, .*in sample 7. R"),
    "infinite in the test": (regression, {"y_test": YT * np.inf}, "y_test holds NaN, infinity"),
    "too few targets": (regression, {"y_train": Y[:59]}, r"y_train has shape \(59,\); needed"),
    "targets of three axes": (regression, {"y_train": Y[:, None, None]}, "y_train has shape"),
    "words": (regression, {"y_train": Y.astype(str)}, "y_train is <U.*; real targets are needed"),
    "a constant target": (regression, {"y_train": Y * 0}, "'target' is the same in every sample"),
    "other targets": (regression, {"y_test": np.c_[YT, YT]}, "y_train has 1 targets, y_test 2"),
    "units far apart": (
        regression,
        {"y_train": np.c_[Y, Y / 1000], "y_test": np.c_[YT, YT]},
        "'target 0' spreads 1000 times as far as 'target 1'. An int8 output has one scale",
    ),
    "names": (regression, {"class_names": ["a", "b"]}, "class_names has 2 names for 1 targets"),
    "labels above 1": (multi_label, {"y_train": LABELS * 2}, "other values than 0 and 1"),
    "one axis": (multi_label, {"y_train": LABELS[:, 0]}, r"needed: \(60, labels\)"),
    "a constant label": (
        multi_label,
        {"y_train": np.c_[LABELS, np.ones(60, int)], "y_test": np.c_[LABELS_T, LABELS_T[:, 0]]},
        "'label 3' holds in every sample",
    ),
    "a label that no sample has": (
        multi_label,
        {"y_train": LABELS * [1, 0, 1]},
        "'label 1' holds in no sample",
    ),
    "other labels": (multi_label, {"y_test": LABELS_T[:, :2]}, "y_train has 3 labels, y_test 2"),
    "a normal test split": (anomaly, {"y_test": MARKS * 0}, "y_test has normal samples alone"),
    "an anomalous one": (anomaly, {"y_test": MARKS * 0 + 1}, "y_test has anomalous samples alone"),
    "marks above 1": (anomaly, {"y_test": MARKS + 1}, "y_test holds other values than 0"),
    "anomalies to train on": (
        anomaly,
        {"y_train": np.arange(60) < 3},
        "y_train marks 3 samples as anomalous. Training is on normal samples alone",
    ),
    "a pool": (regression, {"x_unlabelled": X}, "without labels are learned from in a classific"),
}


@pytest.mark.parametrize(("kind", "changes", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_data_that_does_not_make_the_task_is_refused(tmp_path, kind, changes, message):
    with pytest.raises(DataError, match=message) as caught:
        kind(tmp_path, **changes)
    assert str(tmp_path / "data.npz") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_labels_of_another_task_name_it(tmp_path):
    with pytest.raises(DataError, match=r'For real targets set data\.task = "regression"'):
        load(tmp_path, "classification", x_train=X, y_train=Y, x_test=XT, y_test=YT)
    with pytest.raises(DataError, match=r'several labels may hold, set data\.task = "multi_label"'):
        load(tmp_path, "classification", x_train=X, y_train=LABELS, x_test=XT, y_test=LABELS_T)


def test_a_label_that_validation_took_away_is_noticed(tmp_path):
    rare = np.c_[LABELS, np.arange(60) == 8]
    with pytest.raises(DataError, match="label 3 is the same in all samples left"):
        multi_label(tmp_path, y_train=rare, y_test=np.c_[LABELS_T, MARKS])


def test_targets_are_divided_by_a_power_of_two_near_their_deviation(tmp_path):
    data = regression(tmp_path)
    assert data.output_scale in {32.0, 64.0}
    held_out = np.arange(60) % 4 == 0
    restored = data.y_validation[:, 0] * data.output_scale
    np.testing.assert_allclose(restored, Y[held_out], rtol=1e-6)
    given = np.float32([[data.output_scale], [0.0]])
    assert data.task.as_logits(given, data.output_scale).tolist() == [[1.0], [0.0]]
    assert (data.classes, data.class_names, data.labels) == (1, ("target",), ())
    assert data.start == pytest.approx((Y[~held_out].mean() / data.output_scale,), rel=1e-5)
    summary = data.summary()
    assert (summary.task, summary.output_scale) == ("regression", data.output_scale)


def test_errors_have_the_unit_of_the_targets():
    task = TASKS["regression"]
    labels = RNG.normal(size=(40, 2)).astype(np.float32)
    values = labels + RNG.normal(0, 0.3, (40, 2)).astype(np.float32)
    found = task.measure(values, labels, 8.0)
    error = 8.0 * (np.float64(values) - labels)
    assert found["rmse"] == pytest.approx(math.sqrt((error**2).mean()))
    assert found["mae"] == pytest.approx(np.abs(error).mean())
    assert found["r2"] == pytest.approx(r2_score(labels, values), rel=1e-6)
    each = task.measure_each(values, labels, 8.0)
    assert [row["mae"] for row in each] == pytest.approx(np.abs(error).mean(axis=0))
    low, high = task.interval(values, labels, 8.0)
    assert low < found["rmse"] < high


def test_nearer_is_gained_and_farther_is_lost():
    task = TASKS["regression"]
    labels = np.zeros((5, 1), np.float32)
    model, baseline = (np.float32(v)[:, None] for v in ([1, -1, 3, 0, 2], [2, 1, 1, 0, -3]))
    duel = task.duel(model, baseline, labels)
    assert (duel.gained, duel.lost, duel.cases) == (2, 1, 5)
    assert task.same(model, baseline) is None


def test_ranking_is_that_of_scikit_learn_with_equal_scores_and_without():
    for levels in (3, 20, 10_000):
        for _ in range(20):
            scores = RNG.integers(0, levels, 50) / levels
            positive = RNG.random(50) < 0.3
            if positive.all() or not positive.any():
                continue
            assert auc(scores, positive) == pytest.approx(roc_auc_score(positive, scores))
            assert auc(scores, positive, 0.1) == pytest.approx(
                roc_auc_score(positive, scores, max_fpr=0.1)
            )
            assert average_precision(scores, positive) == pytest.approx(
                average_precision_score(positive, scores)
            )
    one_kind = np.zeros(5, bool)
    assert math.isnan(auc(np.arange(5.0), one_kind))
    assert math.isnan(average_precision(np.arange(5.0), one_kind))


def test_several_labels_are_measured_one_by_one_and_together():
    task = TASKS["multi_label"]
    labels = np.float32(RNG.random((50, 4)) < 0.4)
    values = (labels - 0.5 + RNG.normal(0, 0.6, labels.shape)).astype(np.float32)
    found = task.measure(values, labels, 1.0)
    says = values > 0
    assert found["mean_average_precision"] == pytest.approx(average_precision_score(labels, values))
    assert found["micro_f1"] == pytest.approx(f1_score(labels, says, average="micro"))
    assert found["exact_match"] == np.mean((says == labels).all(axis=1))
    duel = task.duel(says, ~says, labels)
    assert duel.cases == 200
    assert duel.gained == np.sum(says == labels) == 200 - duel.lost
    assert len(task.measure_each(values, labels, 1.0)) == 4


def test_probabilities_of_labels_are_recognised_and_logits_left_alone():
    task = TASKS["multi_label"]
    logits = np.float32(RNG.normal(0, 3, (20, 3)))
    probabilities = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(task.as_logits(probabilities, 1.0), logits, atol=1e-4)
    assert task.as_logits(logits, 1.0) is logits
    both = task.combine([logits, -logits], "probabilities", None)
    np.testing.assert_allclose(both, np.zeros_like(both), atol=1e-5)


def test_an_autoencoder_learns_its_own_samples_in_every_view(tmp_path):
    images = np.uint8(RNG.integers(0, 200, (60, 4, 4, 1)))
    data = anomaly(tmp_path, x_train=images, x_test=images[:30])
    assert (data.classes, data.input_scale, data.output_scale) == (16, 1 / 256, 256.0)
    np.testing.assert_array_equal(data.y_train * 256, data.x_train.reshape(45, 16))
    views = [data.x_train, data.x_train[::-1]]
    np.testing.assert_array_equal(data.labels_of(views)[45:], data.y_train[::-1])
    assert data.y_test.tolist() == MARKS.tolist()


def test_scores_are_multiples_of_each_models_own_threshold(tmp_path):
    data = anomaly(tmp_path)
    shift = 0.5

    def ask(x):
        return x * data.input_scale + shift

    scores = data.understand(ask(data.x_test) + 0.5 * data.y_test[:, None], ask)
    normal, anomalous = scores[MARKS == 0], scores[MARKS == 1]
    np.testing.assert_allclose(normal, 1.0, rtol=1e-4)  # all errors are those of validation
    np.testing.assert_allclose(anomalous, 4.0, rtol=1e-4)
    assert data.task.measure(scores, data.y_test, 1.0)["auc"] == 1.0
    in_raw_units = (shift * data.output_scale) ** 2
    assert data.threshold(ask) == pytest.approx(in_raw_units, rel=1e-4)
    assert regression(tmp_path).threshold(ask) is None


def test_real_decisions_are_kept_in_the_unit_of_the_targets(tmp_path):
    values = np.float32([[0.5], [2.0]])
    save_predictions(tmp_path / "p.npz", {"c": values}, values + 1, classes=1, output_scale=32.0)
    with np.load(tmp_path / "p.npz") as kept:
        assert kept["c"].tolist() == [[16.0], [64.0]]
        assert kept["labels"].tolist() == [[48.0], [96.0]]


def test_every_task_has_losses_and_a_choice_of_auto():
    assert set(TASKS) == set(TaskName.__args__)
    assert set(LOSSES) == set(LossName.__args__)
    for name, task in TASKS.items():
        (first, *_) = find_candidates(10, task=name)
        objective = choose_objective(first.settle(DistillConfig()), 10, name)
        assert objective.task == name
        assert LOSSES[task.own_loss].task == name
        for row, loss in LOSSES.items():
            if loss.task != name:
                with pytest.raises(ConfigError, match=f"'{row}' is for {loss.task}, not for"):
                    choose_objective(DistillConfig(loss=row), 10, name)
