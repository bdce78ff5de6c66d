"""Views: shifted as they say, and the same for the teacher as for the student."""

import numpy as np
import pytest
import tf_keras

from tinykd.config import DistillConfig
from tinykd.distillation.rows import training_rows
from tinykd.progress import Silent
from tinykd.teachers.soft_targets import compute_soft_targets
from tinykd.teachers.teacher import Teacher
from tinykd.training import Trainee, predict
from tinykd.views import VIEWS, shifted_views


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
    views = shifted_views(x)
    assert np.array_equal(views[0], x)
    steps = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]
    assert len(views) == 9
    for view, step in zip(views[1:], steps, strict=True):
        assert np.array_equal(view, moved(x, step)), step
        assert view.dtype == np.uint8


def test_signals_move_by_up_to_two_steps_in_time():
    x = np.arange(12, dtype=np.float32).reshape(1, 6, 2)
    views = shifted_views(x)
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
    (view,) = VIEWS["none"](x)
    assert np.array_equal(view, x)


def test_features_have_no_neighbours_and_stay():
    x = np.arange(21).reshape(3, 7)
    (view,) = shifted_views(x)
    assert np.array_equal(view, x)


def test_a_view_changes_nothing_in_the_samples():
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 1))
    before = x.copy()
    for view in shifted_views(x)[1:]:
        view += 1
    assert np.array_equal(x, before)


@pytest.mark.parametrize("augment", VIEWS)
def test_the_teacher_is_asked_about_the_very_rows_that_the_student_sees(dataset, augment):
    inputs = tf_keras.layers.Input((5, 5, 1))
    outputs = tf_keras.layers.Dense(4)(tf_keras.layers.Flatten()(inputs))
    model = tf_keras.Model(inputs, outputs)
    teacher = Teacher(model, 1 / 256, "teacher")
    targets = compute_soft_targets(teacher, dataset, augment=augment, progress=Silent())
    rows = training_rows(dataset, DistillConfig(augment=augment), targets)
    assert len(rows.x) == len(rows.labels) == len(rows.teacher_logits)
    assert rows.samples == 120
    chosen = rows.order(batch_size=60, seed=0, epoch=0).ravel()
    asked_again = predict(Trainee("teacher", model, 1 / 256), rows.x[chosen])
    # The batches are others, and so may be the order of a float32 sum.
    np.testing.assert_allclose(rows.teacher_logits[chosen], asked_again, rtol=1e-4, atol=1e-5)
    assert np.array_equal(rows.labels[chosen], dataset.y_train[chosen % 120])
