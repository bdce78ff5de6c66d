"""Samples without labels: read, checked, mixed into every step, and what they teach."""

import dataclasses

import numpy as np
import pytest
import tf_keras

import tinykd
from tinykd.config import DataConfig, DistillConfig, load_config
from tinykd.datasets import fingerprint_source, load_dataset
from tinykd.distillation.rows import training_rows
from tinykd.errors import DataError, TinykdError
from tinykd.lesson import UNLABELLED, Lesson
from tinykd.losses import choose_objective
from tinykd.notes import write_notes
from tinykd.pools import mix_in
from tinykd.progress import Silent
from tinykd.report import read_report
from tinykd.teachers.soft_targets import compute_soft_targets
from tinykd.teachers.teacher import Teacher
from tinykd.training import Rows


def network(units=8, *, seed=0):
    tf_keras.utils.set_random_seed(seed)
    layers = tf_keras.layers
    inputs = layers.Input((5, 5, 1))
    x = layers.Dense(units, activation="relu")(layers.Flatten()(inputs))
    return tf_keras.Model(inputs, layers.Dense(4)(x))


def rows_with_pool(samples=40, pool=15, *, views=3, ratio=1.0):
    def numbered(count, first):
        return [np.arange(count)[:, None] + first + 100 * view for view in range(views)]

    labelled = numbered(samples, 0)
    rows = Rows.of_views(labelled, np.zeros(samples, np.int32), np.zeros((samples * views, 4)))
    return rows.with_pool(numbered(pool, 1000), np.zeros((pool * views, 4)), ratio=ratio)


@pytest.mark.parametrize(("pool", "ratio", "drawn"), [(15, 1.0, 8), (500, 2.0, 16), (3, 0.01, 1)])
def test_every_step_has_labelled_rows_first_and_then_those_of_the_pool(pool, ratio, drawn):
    rows = rows_with_pool(pool=pool, ratio=ratio)
    order = rows.order(batch_size=8, seed=0, epoch=3)
    assert order.shape == (5, 8 + drawn)
    assert rows.labelled_in(8) == 8
    assert np.array_equal(order[:, :8], rows.without_pool().order(batch_size=8, seed=0, epoch=3))
    assert order[:, :8].max() < 120 <= order[:, 8:].min()
    samples, counts = np.unique((order[:, 8:] - 120) % pool, return_counts=True)
    assert counts.max() - counts.min() <= 1  # none again before all have been drawn
    assert len(samples) == min(pool, 5 * drawn)
    assert order[:, 8:].max() < 120 + 3 * pool


def test_without_a_pool_nothing_changes():
    rows = rows_with_pool().without_pool()
    assert rows.labelled_in(8) is None
    assert rows.order(batch_size=8, seed=0, epoch=0).shape == (5, 8)


def test_rows_without_labels_have_no_label_term_and_all_have_a_teacher():
    rng = np.random.default_rng(0)
    student, teacher = np.float32(rng.normal(size=(2, 6, 4)))
    labels = np.int32([0, 1, 2, UNLABELLED, UNLABELLED, UNLABELLED])
    lesson = Lesson(student, teacher, labels, labelled=3)
    front = Lesson(student[:3], teacher[:3], labels[:3])
    for name in ("kd", "dkd"):
        sums = [
            choose_objective(DistillConfig(losses={"labels": weight, name: 1.0}), 4)
            for weight in (0.0, 1.0)
        ]
        alone = choose_objective(DistillConfig(losses={"labels": 1.0}), 4)
        label_term = float(sums[1](lesson)) - float(sums[0](lesson))
        assert label_term == pytest.approx(float(alone(front)), rel=1e-5)
    supposed = np.concatenate([labels[:3], teacher[3:].argmax(axis=1)])
    assert np.array_equal(lesson.supposed_labels, supposed)


def test_a_confidence_leaves_out_what_the_teacher_is_unsure_of():
    rows = Rows.of_views([np.zeros((4, 2))] * 2, np.zeros(4, np.int32), np.zeros((8, 2)))
    views = [np.arange(3)[:, None] + 10 * view for view in range(2)]
    p = np.float32([[0.5, 0.5], [0.2, 0.8], [0.3, 0.7]])
    logits = np.log(np.concatenate([p, p[::-1]]))  # the samples themselves decide, not the views
    mixed = mix_in(rows, views, logits, DistillConfig(unlabelled_confidence=0.75))
    assert mixed.pool.x.ravel().tolist() == [1, 11]
    assert np.array_equal(mixed.pool.teacher_logits, logits[[1, 4]])
    with pytest.raises(DataError, match=r"of none of 3 samples .* at most 0\.80\. Lower distill\."):
        mix_in(rows, views, logits, DistillConfig(unlabelled_confidence=0.9))


@pytest.fixture(scope="module")
def pool_file(blobs, tmp_path_factory):
    """Ten new samples, and two of the test split."""
    new = np.random.default_rng(1).integers(0, 200, (10, 5, 5, 1))
    file = tmp_path_factory.mktemp("pool") / "pool.npz"
    np.savez(file, x=np.concatenate([new, blobs["x_test"][:2]]).astype(float))
    return file


def test_a_pool_stands_in_a_file_of_its_own_or_beside_the_data(blobs, blobs_file, pool_file):
    config = DataConfig(source=str(blobs_file), unlabelled=str(pool_file))
    dataset = load_dataset(config)
    summary = dataset.summary()
    assert (summary.unlabelled_samples, summary.unlabelled_in_test) == (12, 2)
    plain = DataConfig(source=str(blobs_file))
    assert fingerprint_source(config).startswith(fingerprint_source(plain) + " ")
    assert summary.sha256 != load_dataset(plain).summary().sha256
    together = pool_file.with_name("together.npz")
    np.savez(together, **blobs, x_unlabelled=dataset.x_unlabelled)
    beside = load_dataset(DataConfig(source=str(together)))
    assert beside.summary().sha256 == summary.sha256
    both = DataConfig(source=str(together), unlabelled=str(pool_file))
    with pytest.raises(DataError, match=r"x_unlabelled: data\.unlabelled names another pool"):
        load_dataset(both)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones((3, 4, 4, 1)), r"x has samples of \(4, 4, 1\), the data of \(5, 5, 1\)"),
        (np.ones((0, 5, 5, 1)), "x is empty"),
        (np.full((3, 5, 5, 1), np.nan), "x holds NaN"),
        (np.full((3, 5, 5, 1), "a"), "x is <U1; numbers are needed"),
    ],
)
def test_a_bad_pool_is_refused(blobs_file, tmp_path, x, message):
    np.savez(tmp_path / "pool.npz", x=x)
    with pytest.raises(DataError, match=message):
        load_dataset(DataConfig(source=str(blobs_file), unlabelled=str(tmp_path / "pool.npz")))


def test_a_pool_that_is_not_there_or_has_another_name_is_refused(blobs_file, tmp_path):
    config = DataConfig(source=str(blobs_file), unlabelled="nowhere.npz")
    with pytest.raises(DataError, match=r"data\.unlabelled: there is no file 'nowhere\.npz'"):
        fingerprint_source(config)
    np.savez(tmp_path / "pool.npz", samples=np.ones(3))
    with pytest.raises(DataError, match=r"lacks x\. Needed: x"):
        load_dataset(config.model_copy(update={"unlabelled": str(tmp_path / "pool.npz")}))


def test_its_path_is_relative_to_the_configuration(tmp_path):
    (tmp_path / "c.toml").write_text('[data]\nunlabelled = "pool.npz"\n')
    assert load_config(tmp_path / "c.toml").data.unlabelled == str(tmp_path / "pool.npz")


def test_the_teacher_answers_for_the_same_views_of_the_pool(dataset):
    pooled = dataclasses.replace(dataset, x_unlabelled=dataset.x_test[:7])
    teacher = Teacher(network(), 1.0, "teacher")
    config = DistillConfig(augment="shift")
    asked = compute_soft_targets(teacher, pooled, augment=("shift",), progress=Silent())
    rows = training_rows(pooled, config, asked)
    for part in (rows, rows.pool):
        answers = np.asarray(teacher.model(np.float32(part.x), training=False))
        np.testing.assert_allclose(part.teacher_logits, answers, rtol=1e-4, atol=1e-3)
    assert (len(rows.x), len(rows.pool.x)) == (9 * 120, 9 * 7)


def test_a_pool_in_the_test_split_is_said(digits_build):
    report = read_report(digits_build.folder / "report.json")
    assert not any("unlabelled" in note for note in report.notes)
    data = report.data.model_copy(update={"unlabelled_samples": 12, "unlabelled_in_test": 2})
    notes = write_notes(report.model_copy(update={"data": data}))
    assert any(note.startswith("2 of 12 unlabelled samples are test samples") for note in notes)


@pytest.fixture(scope="module")
def teacher(dataset):
    """A linear classifier: the patterns themselves, less what they have in common."""
    x, y = np.float32(dataset.x_train) / 255, dataset.y_train
    means = np.stack([x[y == label].mean(axis=0).ravel() for label in range(4)])
    model = tf_keras.Sequential([tf_keras.layers.Flatten(), tf_keras.layers.Dense(4)])
    model.build((None, 5, 5, 1))
    model.set_weights([10 * means.T, -5 * (means**2).sum(axis=1)])
    return model


def test_they_teach_what_few_labels_do_not(dataset, teacher):
    x, y = np.float32(dataset.x_train) / 255, dataset.y_train
    test = (np.float32(dataset.x_validation) / 255, dataset.y_validation)
    few = (x[:8], y[:8], *test)
    settings = {"epochs": 60, "learning_rate": 0.01, "batch_size": 8, "loss": "kd"}
    pooled = tinykd.distill(teacher, network(), few, unlabelled=x[8:], **settings)
    found = pooled.distillation
    assert found.student_validation_accuracy > found.scratch_validation_accuracy + 0.05
    assert found.shipped == "student"
    plain = tinykd.distill(teacher, network(), few, **settings).distillation
    assert plain.curves[1] == found.curves[1]  # without a teacher the pool changes nothing


@pytest.mark.parametrize(
    ("unlabelled", "message"),
    [
        (np.ones((3, 7)), r"unlabelled has samples of \(7,\), the data of \(5, 5, 1\)"),
        (np.ones((0, 5, 5, 1)), "unlabelled is empty"),
    ],
)
def test_a_bad_pool_is_refused_from_python(dataset, teacher, unlabelled, message):
    with pytest.raises(TinykdError, match=message):
        tinykd.distill(teacher, network(), dataset, unlabelled=unlabelled)


def test_an_array_has_no_answers_for_a_pool(dataset):
    answers = np.zeros((120, 4))
    with pytest.raises(TinykdError, match="knows nothing of unlabelled samples"):
        tinykd.distill(answers, network(), dataset, unlabelled=dataset.x_test)
