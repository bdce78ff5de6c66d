"""A training that is stopped, wherever that is, goes on to the very same weights."""

from dataclasses import dataclass

import keras
import numpy as np
import pytest
import tf_keras

from tinykd.training import Rows, Schedule, Trainee, cross_entropy, loop, make_deterministic, train

EPOCHS = 6


def network(library, units=8):
    make_deterministic(0)
    library.utils.set_random_seed(0)
    layers = library.layers
    inputs = layers.Input((5, 5, 1))
    x = layers.Dense(units, activation="relu")(layers.Flatten()(inputs))
    return library.Model(inputs, layers.Dense(4)(layers.BatchNormalization()(x)))


@dataclass(frozen=True)
class Run:
    """A training that can be started again and again from one checkpoint."""

    dataset: object
    checkpoint: object
    which_keras: object = tf_keras
    patience: int | None = None

    def go(self, advance=lambda _done: None, units=8):
        model = network(self.which_keras, units)
        curve = train(
            Trainee("student", model, self.dataset.input_scale),
            lambda lesson: cross_entropy(lesson.student_logits, lesson.labels),
            Rows.of_views([self.dataset.x_train], self.dataset.y_train),
            validation=(self.dataset.x_validation, self.dataset.y_validation),
            schedule=Schedule(EPOCHS, 16, 0.02, weight_decay=1e-3, patience=self.patience),
            seed=3,
            checkpoint=self.checkpoint,
            advance=advance,
        )
        return curve, model.get_weights()


@pytest.fixture
def run(dataset, tmp_path):
    return Run(dataset, tmp_path / "checkpoint.npz")


@pytest.fixture(scope="module")
def whole(dataset, tmp_path_factory):
    """Curve and weights of a training that nobody stopped."""
    return Run(dataset, tmp_path_factory.mktemp("whole") / "checkpoint.npz").go()


def assert_same(a, b):
    (curve_a, weights_a), (curve_b, weights_b) = a, b
    assert curve_a == curve_b
    assert all(np.array_equal(x, y) for x, y in zip(weights_a, weights_b, strict=True))


def stop_after(epoch, error=KeyboardInterrupt):
    def advance(done):
        if done == epoch:
            raise error

    return advance


@pytest.mark.parametrize("epoch", [1, EPOCHS])
def test_ctrl_c_between_two_epochs(run, whole, epoch):
    with pytest.raises(KeyboardInterrupt):
        run.go(stop_after(epoch))
    assert_same(run.go(), whole)


@pytest.mark.parametrize("library", [keras, tf_keras], ids=["keras 3", "tf_keras"])
def test_early_stopping_goes_on_as_well(dataset, tmp_path, library):
    unbroken = Run(dataset, tmp_path / "a.npz", library, patience=2).go()
    run = Run(dataset, tmp_path / "b.npz", library, patience=2)
    with pytest.raises(KeyboardInterrupt):
        run.go(stop_after(3))
    assert_same(run.go(), unbroken)


@pytest.mark.parametrize("epoch", [1, 3])
def test_ctrl_c_in_the_middle_of_an_epoch(run, whole, epoch, monkeypatch):
    """The steps of the epoch have changed the weights, and the epoch is not counted yet."""
    real, calls = loop.validate, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == epoch:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(loop, "validate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.go()
    monkeypatch.setattr(loop, "validate", real)
    assert_same(run.go(), whole)


def test_a_kill_loses_what_came_after_the_last_checkpoint_and_nothing_else(run, whole, monkeypatch):
    """A kill runs no handler: only the checkpoints that were written on the way are there."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)

    class Killed(BaseException):
        pass

    with pytest.raises(Killed):
        run.go(stop_after(4, Killed))
    epochs = []
    assert_same(run.go(epochs.append), whole)
    assert epochs == [4, 5, 6, 6]  # the fourth again: the kill came before its checkpoint


def test_what_is_finished_is_not_trained_again(run, whole):
    run.go()
    epochs = []
    assert_same(run.go(epochs.append), whole)
    assert epochs == [EPOCHS]


@pytest.mark.parametrize("length", [0, 3000])
def test_a_damaged_checkpoint_is_as_good_as_none(run, whole, length):
    with pytest.raises(KeyboardInterrupt):
        run.go(stop_after(3))
    content = run.checkpoint.read_bytes()
    assert len(content) > 3000
    run.checkpoint.write_bytes(content[:length])
    assert_same(run.go(), whole)


def test_the_checkpoint_of_another_network_is_as_good_as_none(run, whole):
    with pytest.raises(KeyboardInterrupt):
        run.go(stop_after(3), units=16)
    assert_same(run.go(), whole)


def test_a_full_disk_leaves_the_last_checkpoint_whole(run, whole, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    real = np.savez

    def savez(file, **arrays):
        if '"epoch": 3' in str(arrays["history"]):
            file.write(b"half a checkpoint")
            raise OSError(28, "No space left on device")
        real(file, **arrays)

    monkeypatch.setattr(np, "savez", savez)
    with pytest.raises(OSError, match="No space left"):
        run.go()
    monkeypatch.setattr(np, "savez", real)
    epochs = []
    assert_same(run.go(epochs.append), whole)
    assert epochs[0] == 3
