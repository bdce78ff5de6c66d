"""``tinykd.distill`` and ``tinykd.quantize`` where the student does not choose a class."""

import keras
import numpy as np
import pytest
import tf_keras

import tinykd
from firmware_export.tflm import run_tflm
from tinykd.errors import ConfigError, DataError, StudentError, TeacherError
from tinykd.inference import dequantize, quantize_samples
from tinykd.tasks import TASKS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4)).astype(np.float32)
TARGETS = (50.0 * X[:, 0] - 20.0 * X[:, 1] + 200.0).astype(np.float32)
LABELS = (X[:, :3] > 0).astype(np.int64)


def student(outputs, library=tf_keras, ending=None):
    library.utils.set_random_seed(0)
    layers = [library.layers.Dense(16, activation="relu"), library.layers.Dense(outputs)]
    model = library.Sequential([library.layers.Input((4,)), *layers])
    if ending:
        model.add(library.layers.Activation(ending))
    return model


def linear_teacher(weights, offset):
    """A Keras 3 model that gives what it is told to, in the unit of the targets."""
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(weights.shape[1])])
    model.set_weights([weights.astype(np.float32), offset.astype(np.float32)])
    return model


TRUTH = linear_teacher(np.array([[50.0], [-20.0], [0.0], [0.0]]), np.array([200.0]))


@pytest.fixture(scope="module")
def distilled():
    """A Keras 2 student of real targets, and what was found."""
    model = student(1)
    data = (X, TARGETS)
    tinykd.distill(TRUTH, model, data, task="regression", epochs=120, learning_rate=0.02)
    return model


def test_a_student_of_real_targets_gives_them_in_their_unit(distilled):
    error = distilled(X).numpy()[:, 0] - TARGETS
    assert np.sqrt(np.mean(error**2)) < 5.0 < TARGETS.std() / 8
    found = distilled.distillation
    assert (found.loss, found.weights) == ("regression", {"labels": 0.5, "regression": 0.5})
    held_out = np.arange(200) % 5 == 0
    task = TASKS["regression"]
    for reached in (found.student_validation_accuracy, found.scratch_validation_accuracy):
        assert 0.9 < reached <= 1.0
    kept = max(found.student_validation_accuracy, found.scratch_validation_accuracy)
    assert kept == pytest.approx(
        task.score(distilled(X[held_out]).numpy(), TARGETS[held_out, None]), abs=1e-4
    )


def test_its_int8_file_answers_in_the_same_unit(distilled):
    data = (X, TARGETS)
    int8 = tinykd.quantize(distilled, data, task="regression", epochs=2)
    answers = dequantize(int8.tflite, run_tflm(int8.tflite, quantize_samples(int8.tflite, X)))
    error = answers[:, 0] - distilled(X).numpy()[:, 0]
    assert np.abs(error).max() < 0.05 * (TARGETS.max() - TARGETS.min())
    result = int8.result
    assert result.float_validation_accuracy == pytest.approx(
        max(
            distilled.distillation.student_validation_accuracy,
            distilled.distillation.scratch_validation_accuracy,
        ),
        abs=1e-4,
    )
    assert result.ptq_validation_accuracy > 0.9


def test_an_array_of_targets_teaches_like_the_model_it_comes_from():
    by_array, by_model = student(1), student(1)
    settings = {"task": "regression", "epochs": 2, "baseline": False}
    tinykd.distill(TRUTH(X).numpy(), by_array, (X, TARGETS), **settings)
    tinykd.distill(TRUTH, by_model, (X, TARGETS), **settings)
    for ours, theirs in zip(by_array.get_weights(), by_model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_a_keras_3_student_of_several_labels_learns_from_probabilities():
    model = student(3, keras)
    weights = np.vstack([8.0 * np.eye(3), np.zeros((1, 3))])
    teacher = linear_teacher(weights, np.zeros(3))
    probabilities = 1.0 / (1.0 + np.exp(-teacher(X).numpy()))
    tinykd.distill(
        probabilities, model, (X, LABELS), task="multi_label", epochs=60, learning_rate=0.02
    )
    assert np.mean((model(X).numpy() > 0) == LABELS) > 0.95
    assert model.distillation.student_validation_accuracy > 0.95


def test_an_autoencoder_rebuilds_raw_values():
    model = student(4)
    data = (100.0 * X, X)
    same = linear_teacher(np.eye(4), np.zeros(4))
    tinykd.distill(same, model, data, task="anomaly", epochs=80, learning_rate=0.02)
    error = model(100.0 * X).numpy() - 100.0 * X
    assert np.mean(error**2) < 0.2 * np.var(100.0 * X)
    assert model.distillation.loss == "reconstruction"
    with pytest.raises(ConfigError, match="the right answer to a view is the view itself"):
        tinykd.distill(same, model, data, task="anomaly", epochs=1, view_targets="mean")


@pytest.mark.parametrize(
    ("model", "data", "settings", "error", "message"),
    [
        (1, (X, TARGETS), {"task": "forecast"}, ConfigError, "no 'forecast'. One of: classif"),
        (2, (X, TARGETS), {}, StudentError, "gives 2 values for a sample, but .* has 1 targets"),
        (1, (X, TARGETS * np.nan), {}, DataError, "y_train holds NaN, .*in sample 0"),
        (1, (X, TARGETS), {"loss": "ls_kd"}, ConfigError, "'ls_kd' is for classification, not for"),
        (1, (X, TARGETS), {"combine": "confidence"}, ConfigError, "'confidence' needs classes"),
        (1, (X, TARGETS), {"unlabelled": X}, ConfigError, "without labels are for classes"),
        (1, (X, TARGETS), {"augment": ["mixup"]}, ConfigError, "mixup gives a sample two classes"),
    ],
)
def test_what_does_not_fit_is_refused(model, data, settings, error, message):
    with pytest.raises(error, match=message):
        tinykd.distill(
            TRUTH, student(model), data, **{"task": "regression", "epochs": 1} | settings
        )


def test_a_sigmoid_at_the_end_is_refused_and_a_teacher_of_other_targets(distilled):
    with pytest.raises(StudentError, match="ends in a sigmoid; multi_label learns logits"):
        tinykd.distill(TRUTH, student(3, ending="sigmoid"), (X, LABELS), task="multi_label")
    with pytest.raises(TeacherError, match=r"shape \(2, 1\); needed: \(2, 3\)"):
        tinykd.distill(TRUTH, student(3), (X, LABELS), task="multi_label")
    with pytest.raises(StudentError, match="need a Dense layer without activation at the end"):
        tinykd.quantize(student(1, ending="relu"), (X, TARGETS), task="regression")
