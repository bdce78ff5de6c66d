"""``tinykd.quantize``, and the float student as a second teacher."""

from contextlib import contextmanager
from importlib import import_module

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tinykd
from tinykd.errors import ConfigError, QuantizationError
from tinykd.lesson import Lesson
from tinykd.losses import Objective
from tinykd.losses.soft_targets import soft_target_kl
from tinykd.progress import Silent
from tinykd.quantization.two_teachers import TwoTeachers, with_own_logits
from tinykd.tasks.combine import combine_logits
from tinykd.tflite_file import describe
from tinykd.training import Rows

L = tf_keras.layers
quantize_module = import_module("tinykd.api.quantize")  # the function of the same name hides it


def trained_student(x, y):
    tf_keras.utils.set_random_seed(0)
    student = tf_keras.Sequential(
        [
            L.Rescaling(1 / 255, input_shape=x.shape[1:]),
            L.Conv2D(4, 3, activation="relu"),
            L.Flatten(),
            L.Dense(4, activation="softmax"),
        ]
    )
    student.compile(tf_keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy")
    student.fit(x, y, epochs=30, verbose=0)
    return student


def test_a_keras_classifier_becomes_int8_in_one_call(blobs, tmp_path):
    x, y = blobs["x_train"], blobs["y_train"]
    student = trained_student(x.astype(np.float32), y)
    teacher = np.eye(4, dtype=np.float32)[y] * 5
    int8 = tinykd.quantize(student, (x, y), teacher=teacher, epochs=2, calibration_samples=64)
    result = int8.result
    assert result.float_validation_accuracy > 0.7
    best = max(result.ptq_validation_accuracy, result.qat_validation_accuracy)
    assert best >= result.float_validation_accuracy - 0.05
    assert result.shipped == (
        "qat" if result.qat_validation_accuracy > result.ptq_validation_accuracy else "ptq"
    )
    int8.save(tmp_path / "student.tflite")
    facts = describe((tmp_path / "student.tflite").read_bytes())
    assert facts.operators == ("CONV_2D", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX")
    assert facts.input_scale == pytest.approx(x.max() / 255, rel=0.2)  # raw pixels


def test_the_fine_tuned_model_computes_as_its_file_and_is_kept(blobs, tmp_path):
    x, y = blobs["x_train"].astype(np.float32), blobs["y_train"]
    int8 = tinykd.quantize(trained_student(x, y), (x, y), epochs=1, calibration_samples=64)
    outputs = int8.qat_model(x[::5], training=False).numpy()
    found = np.mean(outputs.argmax(axis=1) == y[::5])
    assert found == pytest.approx(int8.result.qat_validation_accuracy, abs=1.01 / len(y[::5]))
    tinykd.save_qat(int8.qat_model, tmp_path / "student.h5")
    again = tinykd.load_qat(tmp_path / "student.h5")
    assert tinykd.convert_qat(again) == tinykd.convert_qat(int8.qat_model)


class Counting(Silent):
    """Notes the epochs of fine-tuning, and raises as Ctrl-C does after so many."""

    def __init__(self, epochs=10**9):
        self.epochs, self.seen = epochs, []

    @contextmanager
    def task(self, description, total=None):
        def advance(done):
            if "quantization-aware" in description:
                self.seen.append(done)
                if done == self.epochs:
                    raise KeyboardInterrupt

        yield advance


def test_interrupted_fine_tuning_goes_on_where_it_was(blobs, tmp_path):
    x, y = blobs["x_train"].astype(np.float32), blobs["y_train"]
    student, settings = trained_student(x, y), {"epochs": 5, "calibration_samples": 64}
    whole = tinykd.quantize(student, (x, y), **settings)
    with pytest.raises(KeyboardInterrupt):
        tinykd.quantize(student, (x, y), folder=tmp_path, progress=Counting(3), **settings)
    assert len(list(tmp_path.iterdir())) == 1
    rest = Counting()
    resumed = tinykd.quantize(student, (x, y), folder=tmp_path, progress=rest, **settings)
    assert set(rest.seen) == {4, 5}
    assert tinykd.convert_qat(resumed.qat_model) == tinykd.convert_qat(whole.qat_model)
    assert resumed.result == whole.result
    assert not list(tmp_path.iterdir())


def test_fine_tuning_learns_what_the_student_learned(blobs, monkeypatch):
    """Several teachers, a weighted sum, views, and a pool: the float student answers for it."""
    x, y = blobs["x_train"].astype(np.float32) / 255, blobs["y_train"]
    given, whole = [], quantize_module.quantize_student

    def looked_at(_config, student, objective, rows, *others, **settings):
        given.extend([objective, rows])
        return whole(_config, student, objective, rows, *others, **settings)

    monkeypatch.setattr(quantize_module, "quantize_student", looked_at)
    teachers = [keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(4)]) for _ in "ab"]
    student = trained_student(x, y)
    settings = {"losses": {"kd": 0.7, "dist": 0.2, "labels": 0.1}, "epochs": 1}
    settings |= {"augment": "shift", "view_targets": "mean"}
    int8 = tinykd.quantize(student, (x, y), teacher=teachers, unlabelled=x[:7], **settings)
    assert len(int8.result.curves[0].loss) == 1
    objective, rows = given
    assert objective.weights == {"labels": 0.1, "kd": 0.7, "dist": 0.2}
    assert (len(rows.x), len(rows.pool.x)) == (9 * 128, 9 * 7)
    for part in (rows, rows.pool):
        answers = [np.asarray(teacher(part.x)) for teacher in teachers]
        views = np.split(combine_logits(answers, "probabilities"), 9)
        together = np.tile(combine_logits(views, "probabilities"), (9, 1))
        np.testing.assert_allclose(part.teacher_logits, together, rtol=1e-4, atol=1e-5)


def test_a_head_does_not_change_what_fine_tuning_minimises(blobs):
    """Labels and the float student speak of logits, whatever the student ends in."""
    x, y = blobs["x_train"].astype(np.float32) / 255, blobs["y_train"]
    inputs = L.Input(x.shape[1:])
    logits = L.Dense(4, kernel_initializer=tf_keras.initializers.GlorotUniform(seed=0))(
        L.Flatten()(inputs)
    )
    losses = [
        tinykd.quantize(tf_keras.Model(inputs, outputs), (x, y), epochs=1).result.curves[0].loss
        for outputs in (logits, L.Softmax()(logits), L.Activation("sigmoid")(logits))
    ]
    np.testing.assert_allclose(losses[1:], [losses[0]] * 2, rtol=1e-5)  # float32 sums


def test_what_does_not_fit_is_refused_before_any_training(blobs):
    data = (blobs["x_train"], blobs["y_train"])
    odd = tf_keras.Sequential([L.Reshape((5, 5), input_shape=(5, 5, 1)), L.LSTM(4, name="odd")])
    with pytest.raises(QuantizationError, match="LSTM at 'odd'"):
        tinykd.quantize(odd, data)
    with pytest.raises(ConfigError, match="quantize: seed: input should be greater"):
        tinykd.quantize(odd, data, seed=-1)
    with pytest.raises(ConfigError, match=r"quantize.epoch.*Did you mean 'quantize.epochs'"):
        tinykd.quantize(odd, data, epoch=3)


def test_nobody_answers_for_a_pool_without_a_teacher(blobs):
    x, y = blobs["x_train"].astype(np.float32), blobs["y_train"]
    student = tf_keras.Sequential([L.Flatten(input_shape=x.shape[1:]), L.Dense(4)])
    with pytest.raises(ConfigError, match="unlabelled: without a teacher nobody answers"):
        tinykd.quantize(student, (x, y), unlabelled=x)


def test_two_teachers_share_the_loss():
    rng = np.random.default_rng(0)
    student, teacher, own = rng.normal(size=(3, 8, 4)).astype(np.float32)
    labels = rng.integers(4, size=8).astype(np.int32)
    rows = Rows(np.zeros((8, 1)), labels, teacher, 8)
    rows = with_own_logits(rows, lambda _x: own, np.arange(8), 4)
    lesson = Lesson(tf.constant(student), tf.constant(rows.teacher_logits), labels)
    seen = []

    def goal(lesson):
        seen.append(lesson.teacher_logits.numpy())
        return tf.constant(3.0)

    loss = TwoTeachers(goal, self_alpha=0.25, self_temperature=2.0, classes=4)(lesson)
    assert np.array_equal(seen[0], teacher)
    expected = 0.75 * 3.0 + 0.25 * float(soft_target_kl(student, own, 2.0))
    assert float(loss) == pytest.approx(expected, rel=1e-6)


def test_the_float_student_alone_can_teach():
    logits = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    rows = Rows.of_views([np.zeros((8, 1))], np.zeros(8, np.int32))
    rows = with_own_logits(rows, lambda _x: logits, np.arange(8), 4)
    only = TwoTeachers(Objective(labels=1.0), 1.0, 2.0, classes=4)
    loss = only(Lesson(tf.constant(logits), tf.constant(rows.teacher_logits), rows.labels))
    assert float(loss) == pytest.approx(0.0, abs=1e-6)


def test_the_float_student_is_asked_about_what_is_shown_and_no_more():
    asked = []

    def answer(x):
        asked.append(len(x))
        return 2.0 * x

    views = [np.float32([[view], [10 * view]]) for view in range(1, 10)]
    pool = [100.0 + view for view in views]
    rows = Rows.of_views(views, np.zeros(2, np.int32)).with_pool(pool, np.zeros((18, 0)))
    shown = rows.shown(batch_size=2, seed=0, epochs=2)
    both = with_own_logits(rows, answer, shown, 1)
    assert sum(asked) == len(shown) <= 2 * 2 * 2
    own = np.concatenate([both.teacher_logits, both.pool.teacher_logits])
    assert np.array_equal(own[shown], 2.0 * np.concatenate([rows.x, rows.pool.x])[shown])
    assert np.isnan(np.delete(own, shown)).all()
    orders = [rows.order(batch_size=2, seed=0, epoch=epoch) for epoch in range(2)]
    assert set(shown) == set(np.concatenate(orders).ravel())
