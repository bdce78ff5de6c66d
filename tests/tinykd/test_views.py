"""Views: made as they say, and the same for the teacher as for the student."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tinykd.api.data import read_data
from tinykd.api.lessons import learn_from
from tinykd.api.teacher import as_list
from tinykd.artifacts import RunDirectory
from tinykd.config import Config, DataConfig, DistillConfig, TeacherConfig
from tinykd.distillation.rows import training_rows
from tinykd.errors import ConfigError
from tinykd.lesson import Lesson, Mixture
from tinykd.losses import choose_objective
from tinykd.pipeline import Build
from tinykd.progress import Silent
from tinykd.teachers.soft_targets import compute_soft_targets
from tinykd.teachers.teacher import Teacher
from tinykd.training import (
    Rows,
    Schedule,
    Trainee,
    cross_entropy,
    make_deterministic,
    predict,
    train,
)
from tinykd.views import FEWEST, LOUDNESS, NOISE, VIEWS, make_views

OF_IMAGES = [name for name in VIEWS if name != "jitter"]


def images(samples=6, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, 255, (samples, 8, 12, 3)).astype(dtype)


def moved(x, steps):
    """The same in another way: every pixel is fetched from its clipped source."""
    out = np.empty_like(x)
    for target in np.ndindex(x.shape[1 : 1 + len(steps)]):
        source = tuple(
            min(max(t - s, 0), extent - 1)
            for t, s, extent in zip(target, steps, x.shape[1:], strict=False)
        )
        out[(slice(None), *target)] = x[(slice(None), *source)]
    return out


def test_images_move_by_one_pixel_in_each_of_eight_directions():
    x = np.random.default_rng(0).integers(0, 255, (2, 4, 5, 3)).astype(np.uint8)
    views = make_views(x, ["shift"]).x
    assert np.array_equal(views[0], x)
    steps = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]
    assert len(views) == 9
    for view, step in zip(views[1:], steps, strict=True):
        assert np.array_equal(view, moved(x, step)), step
        assert view.dtype == np.uint8


def test_signals_move_by_up_to_two_steps_in_time():
    x = np.arange(12, dtype=np.float32).reshape(1, 6, 2)
    views = make_views(x, ["shift"]).x
    assert np.array_equal(views[0], x)
    assert [view[0, :, 0].tolist() for view in views[1:]] == [
        [4, 6, 8, 10, 10, 10],
        [2, 4, 6, 8, 10, 10],
        [0, 0, 2, 4, 6, 8],
        [0, 0, 0, 2, 4, 6],
    ]
    for view, step in zip(views[1:], (-2, -1, 1, 2), strict=True):
        assert np.array_equal(view, moved(x, (step,)))


def test_no_views_are_the_samples_alone():
    x = np.arange(32).reshape(2, 4, 4, 1)
    (view,) = make_views(x, []).x
    assert np.array_equal(view, x)


def test_features_have_no_neighbours_and_stay():
    x = np.arange(21).reshape(3, 7)
    (view,) = make_views(x, ["shift"]).x
    assert np.array_equal(view, x)
    assert len(make_views(x, ["mixup"]).x) == 1 + FEWEST  # pairs need none


def test_a_mirror_image_has_left_and_right_exchanged():
    x = images()
    views = make_views(x, ["flip"]).x
    assert np.array_equal(views[0], x)
    assert np.array_equal(views[1][:, :, 0], x[:, :, 11])
    assert np.array_equal(views[1][:, 3], x[:, 3, ::-1])


@pytest.mark.parametrize(
    ("augment", "shape", "message"),
    [
        (["shift", "flip"], (3, 28, 6), r"'flip' mirrors images, .* has the shape \(28, 6\)"),
        (["flip"], (3, 7), r"'flip' mirrors images, .* has the shape \(7,\)"),
        (["jitter"], (3, 8, 8, 1), r"'jitter' adds noise to signals, .* \(8, 8, 1\)"),
        (["cutout"], (3, 7), r"'cutout' erases a part of images or signals, .* \(7,\)"),
    ],
)
def test_a_view_that_would_change_nothing_is_refused(augment, shape, message):
    with pytest.raises(ConfigError, match=f"distill.augment: {message}"):
        make_views(np.zeros(shape), augment)


def test_every_moved_image_has_its_mirror_image():
    x = images()
    moves, both = make_views(x, ["shift"]).x, make_views(x, ["flip", "shift"]).x
    assert len(both) == 2 * len(moves) == 18
    for move, mirrored in zip(moves, both[9:], strict=True):
        assert np.array_equal(mirrored[:, :, ::-1], move)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_square_is_erased_and_has_the_mean_of_its_sample(dtype):
    x = images(200, dtype)
    views = make_views(x, ["cutout"]).x
    assert len(views) == 1 + FEWEST
    assert np.array_equal(views[0], x)
    mean = x.mean(axis=(1, 2), dtype=np.float32)
    mean = np.rint(mean).astype(dtype) if dtype == np.uint8 else mean
    for view in views[1:]:
        assert view.dtype == dtype
        for sample, cut, colour in zip(x, view, mean, strict=True):
            rows, columns, _ = np.nonzero(sample != cut)
            assert np.ptp(rows) < 2  # a quarter of 8
            assert np.ptp(columns) < 3
            assert (cut[rows, columns] == colour).all()
    erased = np.mean([view != x for view in views[1:]], axis=(0, 1, 4))
    assert (erased > 0).all()  # anywhere
    assert not np.array_equal(views[1], views[2])  # another place in each view


def test_of_a_signal_a_stretch_of_time_is_erased():
    x = np.random.default_rng(0).normal(size=(50, 16, 2)).astype(np.float32)
    for view in make_views(x, ["cutout"]).x[1:]:
        for sample, cut in zip(x, view, strict=True):
            changed = np.flatnonzero((sample != cut).all(axis=1))
            assert 1 <= len(changed) <= 4
            assert np.array_equal(changed, np.arange(changed[0], changed[-1] + 1))


def test_a_noisy_signal_differs_by_noise_and_loudness():
    rng = np.random.default_rng(0)
    x = (rng.normal(5.0, [1.0, 10.0], (300, 40, 2))).astype(np.float32)
    views = make_views(x, ["jitter"]).x
    assert len(views) == 1 + FEWEST
    assert np.array_equal(views[0], x)
    assert not np.array_equal(views[1], views[2])
    around = x - x.mean(axis=1, keepdims=True)
    for view in views[1:]:
        other = view - view.mean(axis=1, keepdims=True)
        factor = np.sum(around * other, axis=1) / np.sum(around**2, axis=1)
        assert factor.mean() == pytest.approx(1.0, abs=0.02)
        assert factor.std() == pytest.approx(LOUDNESS, rel=0.15)
        rest = (other - factor[:, None] * around).std(axis=(0, 1))
        assert rest == pytest.approx(NOISE * x.std(axis=(0, 1)), rel=0.05)


def test_noise_stays_within_the_range_of_the_sensor():
    x = np.random.default_rng(0).choice(np.uint8([0, 255]), (20, 30, 2))
    for view in make_views(x, ["jitter"]).x[1:]:
        assert view.dtype == np.uint8
        assert np.abs(view.astype(int) - x.astype(int)).max() < 128  # nothing wraps around


def test_mixed_samples_are_what_their_shares_say():
    x = np.random.default_rng(0).normal(size=(40, 5, 5, 1)).astype(np.float32)
    views = make_views(x, ["mixup"])
    rows, (labels, share) = np.concatenate(views.x), (views.mixture.labels, views.mixture.share)
    assert len(rows) == len(labels) == len(share) == (1 + FEWEST) * 40
    own = np.tile(np.arange(40), 1 + FEWEST)
    weight = share[:, None, None, None]
    np.testing.assert_allclose(rows, weight * x[own] + (1 - weight) * x[labels], atol=1e-6)
    assert (share[:40] == 1).all()  # the samples themselves
    assert (share >= 0.5).all()
    assert 0.05 < np.mean(share[40:] < 0.9) < 0.5  # most have a little of another
    assert np.mean(labels[40:] == own[40:]) < 0.1
    pairs = labels.reshape(-1, 40)
    assert all(sorted(view) == list(range(40)) for view in pairs)
    assert not np.array_equal(pairs[1], pairs[2])  # other pairs in each view
    whole = make_views(images(dtype=np.uint8), ["mixup"]).x[1]
    assert whole.dtype == np.uint8


def test_views_are_the_same_for_every_build():
    first, again = make_views(images(), OF_IMAGES), make_views(images(), OF_IMAGES)
    assert len(first.x) == 72  # 9 moves, mirrored, as many erased, as many mixed
    assert all(np.array_equal(a, b) for a, b in zip(first.x, again.x, strict=True))
    assert np.array_equal(first.mixture.share, again.mixture.share)


def test_a_view_changes_nothing_in_the_samples():
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 1))
    before = x.copy()
    for view in make_views(x, OF_IMAGES).x[1:]:
        view += 1
    assert np.array_equal(x, before)


def flat_network():
    inputs = tf_keras.layers.Input((5, 5, 1))
    outputs = tf_keras.layers.Dense(4)(tf_keras.layers.Flatten()(inputs))
    return tf_keras.Model(inputs, outputs)


@pytest.mark.parametrize("augment", OF_IMAGES)
def test_the_teacher_is_asked_about_the_very_rows_that_the_student_sees(dataset, augment):
    model = flat_network()
    teacher = Teacher(model, 1 / 256, "teacher")
    targets = compute_soft_targets(teacher, dataset, augment=(augment,), progress=Silent())
    rows = training_rows(dataset, DistillConfig(augment=augment), targets)
    assert len(rows.x) == len(rows.labels) == len(rows.teacher_logits)
    assert rows.samples == 120
    chosen = rows.order(batch_size=60, seed=0, epoch=0).ravel()
    asked_again = predict(Trainee("teacher", model, 1 / 256), rows.x[chosen])
    # The batches are others, and so may be the order of a float32 sum.
    np.testing.assert_allclose(rows.teacher_logits[chosen], asked_again, rtol=1e-4, atol=1e-5)
    assert np.array_equal(rows.labels[chosen], dataset.y_train[chosen % 120])


def test_the_label_of_a_mixed_row_is_of_both_in_proportion():
    logits = tf.constant([[2.0, -1.0, 0.5], [0.0, 1.0, 0.0]])
    soft = np.float32([[0.75, 0.0, 0.25], [0.0, 1.0, 0.0]])
    mixture = Mixture(tf.constant([2, 0]), tf.constant([0.75, 1.0]))
    expected = -np.mean(np.sum(soft * tf.nn.log_softmax(logits).numpy(), axis=1))
    assert float(cross_entropy(logits, tf.constant([0, 1]), mixture)) == pytest.approx(expected)
    lesson = Lesson(logits, logits, tf.constant([0, 1]), mixture=mixture)
    objective = choose_objective(DistillConfig(losses={"labels": 2.0}), 3)
    assert float(objective(lesson)) == pytest.approx(2 * expected)


def test_a_training_step_has_the_second_labels_of_its_rows(dataset, tmp_path):
    """With a pool in every step too: its rows have no label, and stand last."""
    seen = []

    def objective(lesson):
        mixture = lesson.mixture
        tf.numpy_function(
            lambda *arrays: seen.append(arrays) or np.float32(0),
            [
                *(part[: lesson.labelled] for part in (lesson.teacher_logits, lesson.labels)),
                mixture.labels,
                mixture.share,
            ],
            tf.float32,
        )
        return tf.reduce_sum(lesson.student_logits)

    views = make_views(dataset.x_train, ["mixup"])
    numbers = np.arange(len(views.x) * len(dataset.y_train), dtype=np.float32)[:, None]
    rows = Rows.of_views(views.x, dataset.y_train, numbers, views.mixture)
    rows = rows.with_pool([dataset.x_train[:20]], np.full((20, 1), -1, np.float32))
    make_deterministic(0)
    model = tf_keras.Sequential([tf_keras.layers.Flatten(), tf_keras.layers.Dense(4)])
    model.build((None, *dataset.input_shape))
    train(
        Trainee("student", model, dataset.input_scale),
        objective,
        rows,
        validation=(dataset.x_validation, dataset.y_validation),
        schedule=Schedule(1, 30, 1e-3),
        seed=0,
        checkpoint=tmp_path / "c.npz",
        advance=lambda _epoch: None,
    )
    assert len(seen) == 4
    for row, labels, others, share in seen:
        row = row[:, 0].astype(int)
        assert np.array_equal(labels, dataset.y_train[row % 120])
        assert np.array_equal(others, dataset.y_train[views.mixture.labels[row]])
        assert np.array_equal(share, views.mixture.share[row])


def test_mixup_is_refused_with_a_loss_that_takes_one_label():
    config = DistillConfig(loss="dkd", augment=("shift", "mixup"))
    with pytest.raises(ConfigError, match="mixup gives a sample two labels, and loss 'dkd' takes"):
        choose_objective(config, 10)
    mixed = config.model_copy(update={"loss": "ls_kd"})
    assert choose_objective(mixed, 10).name == "ls_kd"
    assert choose_objective(config.model_copy(update={"augment": "cutout"}), 10).name == "dkd"


@pytest.fixture
def pooled(dataset):
    return dataclasses.replace(dataset, x_unlabelled=dataset.x_test[:7])


def mean_of(outputs, samples):
    """Probabilities of each sample, the mean over its views: float64 [samples, classes]."""
    logits = outputs.reshape(-1, samples, outputs.shape[1]).astype(np.float64)
    exponentials = np.exp(logits - logits.max(axis=2, keepdims=True))
    return (exponentials / exponentials.sum(axis=2, keepdims=True)).mean(axis=0)


def test_all_views_of_a_sample_can_have_the_mean_of_the_answers_to_them(pooled):
    teacher = Teacher(flat_network(), 1 / 256, "teacher")
    settings = {"augment": ("shift", "cutout"), "progress": Silent()}
    own = compute_soft_targets(teacher, pooled, **settings)
    mean = compute_soft_targets(teacher, pooled, view_targets="mean", **settings)
    assert own.shape == mean.shape == (18 * 127, 4)
    for part, samples in ((slice(0, 18 * 120), 120), (slice(18 * 120, None), 7)):
        expected = np.tile(np.log(mean_of(own[part], samples)), (18, 1))
        np.testing.assert_allclose(mean[part], expected, rtol=1e-4, atol=1e-5)
        assert not np.allclose(mean[part], own[part], atol=0.1)


def test_a_build_and_python_alike_teach_the_mean(pooled, tmp_path, blobs_file):
    flat_network().save(tmp_path / "teacher.keras")
    np.savez(tmp_path / "pool.npz", x=pooled.x_unlabelled)
    config = Config(
        name="mean",
        data=DataConfig(source=str(blobs_file), unlabelled=str(tmp_path / "pool.npz")),
        teacher=TeacherConfig(path=str(tmp_path / "teacher.keras")),
        distill=DistillConfig(augment="shift", view_targets="mean"),
    )
    with RunDirectory(tmp_path / "mean").locked() as directory:
        kept = np.load(Build(config, directory, Silent()).soft_targets.file("soft_targets.npy"))
    assert np.array_equal(kept[120:240], kept[:120])
    rows = learn_from(
        read_data(pooled, validation_every=4, task=pooled.task),
        as_list(tmp_path / "teacher.keras"),
        config.distill,
        4,
        "probabilities",
        pooled.x_unlabelled,
    )
    for part, samples in ((rows, 120), (rows.pool, 7)):
        first, second = part.teacher_logits[: 2 * samples].reshape(2, samples, 4)
        assert np.array_equal(first, second)
    together = np.concatenate([rows.teacher_logits, rows.pool.teacher_logits])
    np.testing.assert_allclose(together, kept, rtol=1e-4, atol=1e-5)


def test_views_that_show_others_too_have_no_common_answer():
    config = DistillConfig(augment=("shift", "mixup"), view_targets="mean")
    with pytest.raises(ConfigError, match="with mixup the views of a sample show others beside"):
        choose_objective(config, 10)
    assert choose_objective(config.model_copy(update={"augment": "shift"}), 10).name == "ls_kd"


def test_there_is_no_mean_of_nothing():
    config = DistillConfig(augment="none", view_targets="mean")
    with pytest.raises(ConfigError, match="there is nothing to take a mean of, since"):
        choose_objective(config, 10)
