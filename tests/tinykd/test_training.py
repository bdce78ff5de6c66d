"""The training loop: its schedule, its order of samples, its early stop and its seeds."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from hypothesis import given
from hypothesis import strategies as st

from tinykd.errors import TinykdError
from tinykd.training import (
    Rows,
    Schedule,
    Trainee,
    cross_entropy,
    loop,
    make_deterministic,
    predict,
    train,
)

SCHEDULE = Schedule(epochs=6, batch_size=16, learning_rate=0.01)


def network(library, seed=0):
    """Batch normalization has statistics to keep, too."""
    make_deterministic(seed)
    library.utils.set_random_seed(seed)
    layers = library.layers
    inputs = layers.Input((5, 5, 1))
    x = layers.Dense(8, activation="relu")(layers.Flatten()(inputs))
    return library.Model(inputs, layers.Dense(4)(layers.BatchNormalization()(x)))


def supervised(lesson):
    return cross_entropy(lesson.student_logits, lesson.labels)


@pytest.fixture
def learn(dataset, tmp_path):
    """Train a fresh network on the small data; returns it and its curve."""

    def run(
        model=None,
        objective=supervised,
        *,
        schedule=SCHEDULE,
        seed=0,
        freeze=None,
        advance=lambda _done: None,
    ):
        model = model or network(tf_keras)
        curve = train(
            Trainee("student", model, dataset.input_scale, freeze=freeze),
            objective,
            Rows.of_views([dataset.x_train], dataset.y_train),
            validation=(dataset.x_validation, dataset.y_validation),
            schedule=schedule,
            seed=seed,
            checkpoint=tmp_path / "checkpoint.npz",
            advance=advance,
        )
        (tmp_path / "checkpoint.npz").unlink()
        return model, curve

    return run


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights(), strict=True))


@pytest.mark.parametrize("library", [keras, tf_keras], ids=["keras 3", "tf_keras"])
def test_it_learns_and_the_seed_decides_every_bit(learn, library):
    schedule = Schedule(epochs=15, batch_size=16, learning_rate=0.01)
    first, curve = learn(network(library), schedule=schedule)
    assert curve.loss[-1] < 0.5 * curve.loss[0]
    assert curve.validation_accuracy[-1] > 0.8
    assert len(curve.loss) == len(curve.validation_accuracy) == 15
    again, same_curve = learn(network(library), schedule=schedule)
    assert same(first, again)
    assert curve == same_curve
    other_order, _ = learn(network(library), schedule=schedule, seed=1)
    assert not same(first, other_order)


@pytest.fixture
def watched_losses(monkeypatch):
    """Validation losses as they are measured; the curve has accuracies alone."""
    real, losses = loop.validate, []

    def watched(*arguments):
        measured = real(*arguments)
        losses.append(measured[0])
        return measured

    monkeypatch.setattr(loop, "validate", watched)
    return losses


def validation_loss(model, dataset):
    logits = predict(Trainee("student", model, dataset.input_scale), dataset.x_validation)
    return float(cross_entropy(logits, dataset.y_validation))


def test_early_stopping_returns_to_the_best_epoch(learn, dataset, watched_losses):
    """The rate makes training overshoot: the best epoch is neither the first nor the last."""
    hasty = Schedule(epochs=40, batch_size=16, learning_rate=0.05, patience=3)
    model, curve = learn(schedule=hasty)
    best = int(np.argmin(watched_losses))
    assert 0 < best < len(watched_losses) - 1 < 39
    assert len(curve.loss) == best + 1 + 3  # stopped after three epochs without a better one
    assert validation_loss(model, dataset) == watched_losses[best]


def test_without_patience_all_epochs_run_and_the_last_weights_stay(learn, dataset, watched_losses):
    model, _ = learn(schedule=Schedule(epochs=40, batch_size=16, learning_rate=0.05))
    assert len(watched_losses) == 40
    assert watched_losses[-1] > min(watched_losses)
    assert validation_loss(model, dataset) == watched_losses[-1]


def test_a_loss_that_is_no_number_ends_the_training(learn):
    def diverging(lesson):
        return cross_entropy(lesson.student_logits, lesson.labels) * tf.constant(math.nan)

    with pytest.raises(TinykdError, match=r"student: training diverged in epoch 1.*learning_rate"):
        learn(objective=diverging)


def test_weights_are_decayed_and_biases_are_not(learn):
    def nothing(lesson):
        return 0.0 * tf.reduce_sum(lesson.student_logits)

    schedule = Schedule(1, 120, learning_rate=0.5, warmup_fraction=0.0, weight_decay=0.1)
    before = network(tf_keras)
    for weights in before.trainable_variables:
        weights.assign_add(tf.ones_like(weights))  # biases start at zero, where nothing decays
    expected = {w.name: w.numpy() for w in before.trainable_variables}
    after, _ = learn(before, nothing, schedule=schedule)
    for weights in after.trainable_variables:
        decay = 1 - 0.5 * 0.1 if len(weights.shape) == 2 else 1.0
        np.testing.assert_allclose(weights.numpy(), decay * expected[weights.name], rtol=1e-6)


def test_freezing_comes_before_the_last_part(learn):
    frozen_at, epochs = [], []
    schedule = Schedule(epochs=10, batch_size=16, learning_rate=0.01, frozen_fraction=0.25)
    learn(schedule=schedule, freeze=lambda: frozen_at.append(len(epochs)), advance=epochs.append)
    assert frozen_at == [8, 9]  # epochs count from 0; a quarter of ten is two whole ones


@pytest.mark.parametrize("warmup_fraction", [0.0, 0.1, 0.5])
def test_the_learning_rate_rises_to_its_peak_and_falls_along_a_cosine(warmup_fraction):
    steps, peak = 200, 0.003
    schedule = Schedule(epochs=1, batch_size=1, learning_rate=peak, warmup_fraction=warmup_fraction)
    step = np.arange(steps + 1, dtype=np.float32)
    rate = schedule.learning_rate_at(tf.constant(step), steps).numpy()
    warmup = max(1, int(warmup_fraction * steps))
    np.testing.assert_allclose(rate[:warmup], peak * (step[:warmup] + 1) / warmup, rtol=1e-6)
    progress = (step[warmup:] - warmup) / (steps - warmup)
    # float32 cosine near pi: absolute error of a few units in the last place of the peak
    np.testing.assert_allclose(
        rate[warmup:], peak * (1 + np.cos(np.pi * progress)) / 2, rtol=1e-5, atol=1e-9
    )
    assert rate.argmax() in {warmup - 1, warmup}


@given(
    samples=st.integers(1, 50),
    views=st.integers(1, 9),
    batch_size=st.integers(1, 64),
    seed=st.integers(0, 2**31 - 1),
    epoch=st.integers(0, 10_000),
)
def test_an_epoch_shows_no_sample_twice_each_in_one_view(samples, views, batch_size, seed, epoch):
    x = np.zeros((views * samples, 1), np.uint8)
    rows = Rows(x, np.zeros(len(x), np.int32), np.zeros((len(x), 0), np.float32), samples)
    order = rows.order(batch_size=batch_size, seed=seed, epoch=epoch)
    steps, batch = order.shape
    assert batch == min(batch_size, samples)
    assert steps == samples // batch
    assert len(np.unique(order % samples)) == steps * batch
    assert 0 <= order.min() <= order.max() < len(x)
    assert np.array_equal(order, rows.order(batch_size=batch_size, seed=seed, epoch=epoch))


def test_epochs_and_seeds_have_orders_of_their_own_and_every_view_is_shown():
    rows = Rows.of_views([np.zeros((60, 1))] * 9, np.zeros(60, np.int32))
    orders = [
        rows.order(batch_size=20, seed=seed, epoch=epoch).tobytes()
        for seed in range(2)
        for epoch in range(3)
    ]
    assert len(set(orders)) == 6
    shown = np.concatenate([rows.order(batch_size=60, seed=0, epoch=e)[0] for e in range(20)])
    assert set(shown // 60) == set(range(9))


def test_rows_keep_view_label_and_teacher_together():
    x = np.arange(6).reshape(3, 2)
    logits = np.arange(12, dtype=np.float32).reshape(6, 2)
    rows = Rows.of_views([x, x + 100], np.array([0, 1, 0], np.int32), logits)
    assert rows.x.tolist() == [*x.tolist(), *(x + 100).tolist()]
    assert rows.labels.tolist() == [0, 1, 0, 0, 1, 0]
    assert rows.teacher_logits is logits
    assert rows.samples == 3
    assert Rows.of_views([x], np.array([0, 1, 0], np.int32)).teacher_logits.shape == (3, 0)


def test_predictions_come_in_the_order_of_the_samples_and_tell_how_far_they_are():
    model = tf_keras.Sequential([tf_keras.layers.Input((3,)), tf_keras.layers.Dense(2)])
    x = np.random.default_rng(0).integers(0, 255, (1100, 3)).astype(np.uint8)
    done = []
    outputs = predict(Trainee("student", model, 0.5), x, advance=done.append)
    kernel, bias = model.get_weights()
    # float32 sums in another order than NumPy's
    np.testing.assert_allclose(outputs, (x * 0.5) @ kernel + bias, rtol=1e-4, atol=1e-4)
    assert outputs.dtype == np.float32
    assert done == [512, 1024, 1100]


def test_cross_entropy_is_minus_the_log_of_the_softmax_at_the_label():
    logits = np.random.default_rng(0).normal(0, 3, (7, 4)).astype(np.float32)
    labels = np.array([0, 1, 2, 3, 0, 1, 2], np.int32)
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -np.log(softmax[np.arange(7), labels]).mean()
    assert float(cross_entropy(logits, labels)) == pytest.approx(expected, rel=1e-6)
