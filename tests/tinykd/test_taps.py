"""Layers laid open: which are compared, how they are aligned, and a teacher that stays as it is."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tinykd.config import DistillConfig, StudentConfig
from tinykd.distillation.stage import distill_student
from tinykd.errors import ConfigError
from tinykd.losses import choose_objective
from tinykd.progress import Silent
from tinykd.students.architectures import build_student
from tinykd.students.files import load_student
from tinykd.taps import align, averaging_matrix, make_taps, match_layers
from tinykd.training import Rows, Schedule, Trainee, make_deterministic, train

LIBRARIES = pytest.mark.parametrize("library", [keras, tf_keras], ids=["keras 3", "tf_keras"])


def teacher_network(library=keras, pixels=5):
    """Two resolutions, dropout, and statistics that a step in training mode would move."""
    library.utils.set_random_seed(0)
    layers = library.layers
    inputs = layers.Input((pixels, pixels, 1))
    x = layers.BatchNormalization(name="normalize")(inputs)
    x = layers.Conv2D(6, 3, padding="same", activation="relu", name="conv_1")(x)
    x = layers.MaxPooling2D(2, padding="same", name="pool_1")(layers.Dropout(0.5, name="drop_1")(x))
    x = layers.Conv2D(7, 3, padding="same", name="conv_2")(x)
    x = layers.BatchNormalization(name="norm_2")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(layers.ReLU(name="relu_2")(x))
    return library.Model(inputs, layers.Dense(4, name="logits")(x))


def student_network(architecture="ds_cnn", shape=(5, 5, 1)):
    return build_student(StudentConfig(architecture=architecture, width=0.25), shape, 4, seed=0)


def tap(student, teacher, named=(), *, adapt=True, maps=False, scale=1.0):
    settings = {"prepare_teacher": Trainee("teacher", teacher, scale).prepare, "seed": 0}
    return make_taps(student, teacher, dict(named), adapt=adapt, maps=maps, **settings)


@LIBRARIES
def test_left_alone_the_last_layers_of_equal_resolution_are_compared(library):
    pairs = match_layers(student_network(), teacher_network(library), {})
    assert pairs == {"block_1_pointwise_relu": "drop_1", "block_3_pointwise_relu": "relu_2"}


def test_without_a_common_resolution_the_last_maps_are_compared():
    pairs = match_layers(student_network(), teacher_network(pixels=9), {})
    assert pairs == {"block_1_pointwise_relu": "relu_2"}  # 5 pixels in both
    pairs = match_layers(student_network(), teacher_network(pixels=28), {})
    assert pairs == {"block_3_pointwise_relu": "relu_2"}


def test_without_maps_the_last_layers_before_the_logits_are_compared():
    assert match_layers(student_network("mlp"), teacher_network(), {}) == {"hidden_2": "mean"}
    assert match_layers(student_network(), student_network("mlp"), {}) == {"pool": "hidden_2"}


def test_a_layer_that_does_not_exist_is_refused_with_the_nearest_and_the_list():
    for named, message in (
        (
            {"block_1_pointwise_rely": "relu_2"},
            "the student has no layer 'block_1_pointwise_rely'. "
            r"Did you mean 'block_1_pointwise_relu'\? Its layers: stem, stem_bn, ",
        ),
        (
            {"stem": "conv_11"},
            r"the teacher has no layer 'conv_11'. Did you mean 'conv_1'\? Its layers",
        ),
        ({"stem": "xyz"}, "the teacher has no layer 'xyz'. Its layers: normalize, conv_1, "),
    ):
        with pytest.raises(ConfigError, match=message):
            match_layers(student_network(), teacher_network(), named)


def test_networks_that_hide_their_layers_are_refused():
    class Hidden(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ConfigError, match="the teacher is no functional or Sequential model"):
        match_layers(student_network(), Hidden(), {})


def test_what_cannot_be_compared_is_refused():
    student = student_network("cnn1d", (16, 2))
    with pytest.raises(ConfigError, match=r"'conv_1_relu' gives \(8, 1, 4\) and 'conv_1' gives"):
        tap(student, teacher_network(), {"conv_1_relu": "conv_1"})
    with pytest.raises(
        ConfigError, match=r"'attention' compares maps, and 'pool' or 'conv_1' is a"
    ):
        tap(student_network(), teacher_network(), {"pool": "conv_1"}, maps=True)


def test_positions_are_averaged_and_borders_shared():
    np.testing.assert_allclose(averaging_matrix(5, 2)[0], [0.4, 0.4, 0.2, 0, 0], rtol=1e-6)
    for extent, wanted in ((5, 2), (7, 3), (6, 6), (28, 14), (49, 25)):
        rows = averaging_matrix(extent, wanted)
        np.testing.assert_allclose(rows.sum(axis=1), 1.0, rtol=1e-5)
        np.testing.assert_allclose(rows.sum(axis=0), wanted / extent, rtol=1e-5)
    x = np.random.default_rng(0).normal(0, 1, (2, 6, 4, 3)).astype(np.float32)
    blocks = x.reshape(2, 3, 2, 4, 3).mean(axis=2).reshape(2, 12, 3)
    np.testing.assert_allclose(align(x, (3, 4)), blocks, atol=1e-6)
    blocks = x.reshape(2, 3, 2, 2, 2, 3).mean(axis=(2, 4)).reshape(2, 6, 3)
    np.testing.assert_allclose(align(x, (3, 2)), blocks, atol=1e-6)
    np.testing.assert_allclose(align(x, ()), x.mean(axis=(1, 2))[:, None], atol=1e-6)
    np.testing.assert_array_equal(align(x[:, 0, 0], ()), x[:, None, 0, 0])


@LIBRARIES
def test_the_taps_give_what_the_networks_give(library):
    student, teacher = student_network(), teacher_network(library)
    taps = tap(student, teacher)
    x = np.random.default_rng(0).normal(0, 1, (3, 5, 5, 1)).astype(np.float32)
    outputs, taught, features = taps.answer(x, x, training=False)
    np.testing.assert_array_equal(outputs, student(x, training=False))
    np.testing.assert_array_equal(taught, teacher(x, training=False))
    assert [tuple(pair.student.shape) for pair in features] == [(3, 25, 8), (3, 9, 16)]
    assert [tuple(pair.teacher.shape)[2] for pair in features] == [6, 7]
    assert [tuple(pair.adapted.shape) == tuple(pair.teacher.shape) for pair in features] == [
        True
    ] * 2
    again = taps.answer(x, x, training=True)
    np.testing.assert_array_equal(again[1], taught)  # no dropout, no statistics of the batch


def weights(model):
    return [np.array(array) for array in model.get_weights()]


@pytest.fixture
def distill(dataset, tmp_path):
    """The stage with a loss that compares features; returns both students."""

    def run(teacher, epochs=3, **settings):
        config = DistillConfig(epochs=epochs, batch_size=16, learning_rate=0.01, **settings)
        folder = tmp_path / "stage"
        folder.mkdir()
        soft_targets = np.zeros((len(dataset.x_train) * 9, 4), np.float32)
        result = distill_student(
            config,
            StudentConfig(architecture="mlp", width=0.25),
            dataset,
            soft_targets,
            open_teacher=lambda: Trainee("teacher", teacher, 1 / 256),
            seed=0,
            folder=folder,
            progress=Silent(),
        )
        students = {key: load_student(folder / f"{key}.h5") for key in ("scratch", "student")}
        return result, students

    return run


def test_the_student_learns_from_features_and_the_teacher_stays_bit_for_bit(distill):
    teacher = teacher_network()
    before = weights(teacher)
    losses = {"hint": 1.0, "rkd": 0.1, "labels": 1.0}
    result, students = distill(teacher, losses=losses)
    assert all(map(np.array_equal, before, weights(teacher)))
    assert not any(map(np.array_equal, weights(students["scratch"]), weights(students["student"])))
    fresh = student_network("mlp")
    assert [v.shape for v in students["student"].weights] == [v.shape for v in fresh.weights]
    assert result.loss == "hint + rkd"
    assert result.weights == {"labels": 1.0, "hint": 1.0, "rkd": 0.1}


@LIBRARIES
@pytest.mark.parametrize("name", ["hint", "attention", "rkd"])
def test_features_come_closer_and_only_the_student_moves(dataset, name, library):
    student, teacher = student_network(), teacher_network(library)
    before = weights(teacher)
    taps = tap(student, teacher, {"stem_relu": "conv_1"}, scale=1 / 256)
    trainee = Trainee("student", student, dataset.input_scale, taps=taps)
    objective = choose_objective(DistillConfig(losses={name: 1.0}), 4)
    optimizer = tf_keras.optimizers.Adam(0.02)
    rows = tf.constant(dataset.x_train[:16])
    losses = []
    for _ in range(8):
        with tf.GradientTape() as tape:
            loss = objective(trainee.learn(rows, tf.zeros((16, 4)), tf.zeros(16, tf.int32), 0.0))
        used = student.trainable_variables[:3] + taps.adaptor_variables * (name == "hint")
        optimizer.apply_gradients(zip(tape.gradient(loss, used), used, strict=True))
        losses.append(float(loss))
    assert losses[-1] < 0.9 * losses[0]
    assert all(map(np.array_equal, before, weights(teacher)))


def test_a_stopped_training_goes_on_with_its_adaptors(dataset, tmp_path):
    """Their weights and the optimizer's state of them are in the checkpoint, too."""

    def learn(checkpoint, stop_at=0):
        make_deterministic(0)
        student, teacher = student_network("mlp"), teacher_network()
        trainee = Trainee("student", student, dataset.input_scale, taps=tap(student, teacher))

        def advance(done):
            if done == stop_at:
                raise KeyboardInterrupt

        train(
            trainee,
            choose_objective(DistillConfig(losses={"hint": 1.0}), 4),
            Rows.of_views([dataset.x_train], dataset.y_train, np.zeros((120, 4), np.float32)),
            validation=(dataset.x_validation, dataset.y_validation),
            schedule=Schedule(epochs=4, batch_size=40, learning_rate=0.01),
            seed=0,
            checkpoint=tmp_path / checkpoint,
            advance=advance,
        )
        return weights(student) + [v.numpy() for v in trainee.taps.adaptor_variables]

    whole = learn("whole.npz")
    with pytest.raises(KeyboardInterrupt):
        learn("stopped.npz", stop_at=2)
    assert all(map(np.array_equal, whole, learn("stopped.npz")))


def test_names_are_checked_before_anything_is_trained(distill, tmp_path):
    with pytest.raises(ConfigError, match="has no layer 'conv_9'"):
        distill(teacher_network(), loss="hint", features={"hidden_1": "conv_9"})
    assert list((tmp_path / "stage").iterdir()) == []


def test_no_gradient_goes_into_the_teacher_and_one_goes_into_all_of_the_student():
    student, teacher = student_network(), teacher_network(tf_keras)
    trainee = Trainee("student", student, 1.0, taps=tap(student, teacher))
    objective = choose_objective(DistillConfig(losses={"hint": 1.0, "kd": 1.0}), 4)
    rows = tf.random.stateless_normal((6, 5, 5, 1), (0, 1))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(teacher.trainable_variables)
        loss = objective(trainee.learn(rows, tf.eye(6, 4), tf.zeros(6, tf.int32), 0.0))
    assert all(g is None for g in tape.gradient(loss, teacher.trainable_variables))
    assert all(g is not None for g in tape.gradient(loss, trainee.trainable_variables))
