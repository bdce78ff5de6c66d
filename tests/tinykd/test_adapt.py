"""``tinykd.adapt``: a teacher of one domain, a student for another without labels."""

import json
from contextlib import contextmanager

import keras
import numpy as np
import pytest
import tf_keras

import tinykd
from tinykd.domains.gate import class_balanced
from tinykd.domains.normalization import normalized_to
from tinykd.domains.reading import choose_reading, mutual_information
from tinykd.errors import TinykdError
from tinykd.progress import Silent
from tinykd.report.adaptation import adaptation_lines
from tinykd.training import Trainee, predict

LIBRARIES = pytest.mark.parametrize("library", [keras, tf_keras], ids=["keras 3", "tf_keras"])


def network(library=tf_keras, *, seed=0, dropout=0.0, normalize=True):
    library.utils.set_random_seed(seed)
    layers = library.layers
    inputs = layers.Input((5, 5, 1))
    x = layers.Dense(16, activation="relu")(layers.Flatten()(inputs))
    if normalize:
        x = layers.BatchNormalization(momentum=0.9)(x)
    return library.Model(inputs, layers.Dense(4)(layers.Dropout(dropout)(x)))


@pytest.fixture(scope="module")
def source(dataset):
    return np.float32(dataset.x_train) / 255, dataset.y_train


@pytest.fixture(scope="module")
def teacher(source):
    model = network(dropout=0.2)
    model.compile(
        tf_keras.optimizers.legacy.Adam(0.02), tf_keras.losses.SparseCategoricalCrossentropy(True)
    )
    model.fit(*source, epochs=25, verbose=0)
    return model


def weights(model):
    return [np.array(array) for array in model.get_weights()]


def same(a, b):
    return all(map(np.array_equal, a, b))


@LIBRARIES
def test_statistics_become_those_of_the_samples_and_come_back(library):
    """600 samples in order: two batches, mixed, whose mean is that of all."""
    model, rng = network(library, dropout=0.5), np.random.default_rng(0)
    x = np.float32(np.sort(rng.normal(3.0, 2.0, 600)))[:, None, None, None] * np.ones((1, 5, 5, 1))
    x = x.astype(np.float32)
    before, h = weights(model), np.asarray(model.layers[2](x.reshape(600, 25)))
    normalization = model.layers[3]
    with normalized_to(model, x):
        np.testing.assert_allclose(normalization.moving_mean, h.mean(axis=0), rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(normalization.moving_variance, h.var(axis=0), rtol=0.05)
        inside = predict(Trainee("teacher", model, 1.0), x)
    assert same(before, weights(model))
    assert (normalization.momentum, model.layers[4].rate) == (0.9, 0.5)
    assert not np.allclose(inside, predict(Trainee("teacher", model, 1.0), x))
    with pytest.raises(KeyboardInterrupt), normalized_to(model, x):
        raise KeyboardInterrupt
    assert same(before, weights(model))


def test_mutual_information_wants_sure_answers_of_every_class():
    sure = 20 * np.eye(4, dtype=np.float32)
    assert mutual_information(sure) == pytest.approx(1.0, abs=1e-3)
    assert mutual_information(0 * sure) == pytest.approx(0.0, abs=1e-6)
    assert mutual_information(sure[[0, 0, 0, 0]]) == pytest.approx(0.0, abs=1e-6)


def answers_of(model):
    return lambda x: predict(Trainee("teacher", model, 1.0), x)


def test_the_teacher_is_shown_samples_in_the_way_that_tells_it_most(source, teacher):
    x, _ = source
    limits = (float(x.min()), float(x.max()))

    def choose(samples):
        return choose_reading(teacher, samples, limits, answers_of(teacher))

    as_it_is = choose(x)
    assert (as_it_is.mirrored, as_it_is.renormalized) == (False, False)
    assert choose(sum(limits) - x).mirrored
    shifted = choose(0.3 * x + 2.0)
    assert (shifted.mirrored, shifted.renormalized) == (False, True)
    plain = network(normalize=False)
    assert not choose_reading(plain, x, limits, answers_of(plain)).renormalized


def test_the_gate_keeps_the_surest_of_every_class():
    p = np.float32([[0.95, 0.05], [0.85, 0.15], [0.6, 0.4], [0.3, 0.7], [0.45, 0.55]])
    assert class_balanced(np.log(p), 0.8).tolist() == [True, True, False, True, False]
    assert class_balanced(np.log(p), 0.99).tolist() == [True, False, False, True, False]


@pytest.fixture(scope="module")
def adapted(source, teacher, dataset):
    x, y = source
    before, student = weights(teacher), network(keras, normalize=False)
    test = (1 - np.float32(dataset.x_test) / 255, dataset.y_test)
    settings = {"epochs": 120, "learning_rate": 0.02, "batch_size": 16, "target_test": test}
    assert tinykd.adapt(teacher, student, (x[:60], y[:60]), 1 - x[60:], **settings) is student
    assert same(before, weights(teacher))
    return student, test


def test_a_student_learns_another_domain_without_its_labels(adapted):
    student, (x, y) = adapted
    found = student.adaptation
    assert found.mirrored
    assert found.adapted_accuracy > found.source_only_accuracy + 0.1
    assert found.teacher_accuracy > found.teacher_accuracy_before + 0.1
    assert found.adapted_accuracy == pytest.approx(np.mean(np.argmax(student(x), axis=1) == y))
    assert [curve.name for curve in found.curves] == ["scratch", "student"]
    assert len(found.believed) == 4
    assert 0 < sum(found.believed) <= 60


def test_a_few_labels_of_the_target_are_learned(source, teacher):
    """They contradict the teacher: what is learned then is theirs."""
    x, y = source
    few = (1 - x[60:], (y[60:] + 1) % 4)
    student = network(keras, normalize=False)
    settings = {"epochs": 120, "learning_rate": 0.02, "losses": {"labels": 1.0, "kd": 0.01}}
    tinykd.adapt(teacher, student, (x[:60], y[:60]), 1 - x[60:], labelled_target=few, **settings)
    assert student.adaptation.adapted_accuracy is None
    assert np.mean(np.argmax(student(few[0]), axis=1) == few[1]) > 0.8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": np.ones((4, 3))}, r"target has samples of \(3,\), the data of \(5, 5, 1\)"),
        ({"target": np.ones((0, 5, 5, 1))}, "target is empty"),
        ({"target_test": np.ones(3)}, "target_test is ndarray; needed: "),
        (
            {"target_test": (np.ones((2, 5, 5, 1)), np.int32([0, 4]))},
            "target_test has label 4; the student has classes 0 to 3",
        ),
        (
            {"labelled_target": (np.ones((2, 4)), np.int32([0, 1]))},
            "labelled_target has samples of",
        ),
        ({"teacher": np.zeros((120, 4))}, "a Keras model is needed, got ndarray"),
        ({"augment": ("shift", "mixup")}, "adapt: mixup would mix"),
        ({"view_targets": "mean"}, "adapt: the teacher is shown each view"),
        ({"loss": "hint"}, "adapt: 'hint' compares features"),
        ({"generations": 2}, "adapt: generations and assistants are ways"),
        ({"unlabelled_confidence": 0.9}, "adapt: what is believed of the target is confidence"),
        ({"confidence": 80}, "confidence is a probability, from 0 to 1; got 80"),
        ({"epoch": 3}, "adapt: unknown key 'distill.epoch'"),
    ],
)
def test_what_does_not_fit_is_refused(source, teacher, arguments, message):
    given = {"teacher": teacher, "target": source[0], **arguments}
    with pytest.raises(TinykdError, match=message) as caught:
        tinykd.adapt(given.pop("teacher"), network(), source, given.pop("target"), **given)
    assert "\n" not in str(caught.value)


def test_a_student_is_not_its_own_teacher(source, teacher):
    with pytest.raises(TinykdError, match="teacher and student are the same model"):
        tinykd.adapt(teacher, teacher, source, 1 - source[0])


class Stopping(Silent):
    """Raises as Ctrl-C does after three epochs with the teacher; keeps what it was told."""

    def __init__(self):
        self.told = []

    @contextmanager
    def task(self, description, total=None):
        def advance(done):
            self.told.append((description.split(" (")[0], done))
            if self.told[-1] == ("student: with its teacher", 3):
                raise KeyboardInterrupt

        yield advance


def test_interrupted_it_keeps_what_it_has_learned_and_goes_on(source, teacher, tmp_path):
    start, student, progress = network(keras), network(keras), Stopping()
    settings = {"epochs": 6, "batch_size": 16, "folder": tmp_path, "progress": progress}
    given = (teacher, student, source, 1 - source[0])
    with pytest.raises(KeyboardInterrupt):
        tinykd.adapt(*given, **settings)
    assert not same(weights(student), weights(start))
    assert len(list(tmp_path.glob("*/*.npz"))) == 2  # one training is over, one has begun
    progress.told.clear()
    student.set_weights(weights(start))
    tinykd.adapt(*given, **settings)
    alone, taught = "student: without a teacher", "student: with its teacher"
    assert progress.told == [(alone, 6), (taught, 4), (taught, 5), (taught, 6), (taught, 6)]
    assert len(student.adaptation.curves[1].loss) == 6
    assert list(tmp_path.iterdir()) == []


CONFIG = """
[student]
architecture = "mlp"
width = 0.5
[distill]
epochs = 60
batch_size = 16
learning_rate = 0.02
augment = "none"
"""


@pytest.fixture
def files(source, dataset, teacher, tmp_path, monkeypatch):
    """Data, its teacher, and the same samples inverted: where the command runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.toml").write_text(CONFIG)
    x_test = np.float32(dataset.x_test) / 255
    np.savez("data.npz", x_train=source[0], y_train=source[1], x_test=x_test, y_test=dataset.y_test)
    np.savez("field.npz", x=1 - source[0], x_test=1 - x_test, y_test=dataset.y_test)
    np.savez("half.npz", x=1 - source[0], x_test=1 - x_test)
    teacher.save("teacher.keras")
    return tmp_path


def test_the_command_does_what_the_function_does(cli, files):
    shared = ("adapt", "c.toml", "--data", "data.npz", "--teacher", "teacher.keras", "--quiet")
    outcome = cli(*shared, "--target", "field.npz", "--json")
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    assert found["mirrored"]
    assert found["adapted_accuracy"] > found["source_only_accuracy"] + 0.1
    student, field = tf_keras.models.load_model("adapted/student.h5"), np.load("field.npz")
    said = student.predict(field["x_test"], verbose=0).argmax(axis=1)
    assert np.mean(said == field["y_test"]) == pytest.approx(found["adapted_accuracy"])
    for target, message in (
        ("half.npz", "has x_test alone; x_test and y_test go together"),
        ("nowhere.npz", "there is no file 'nowhere.npz'"),
    ):
        refused = cli(*shared, "--target", target)
        assert (refused.code, refused.err.count("\n")) == (1, 1)
        assert message in refused.err


def test_what_became_of_it_is_said_in_words(adapted):
    found = adapted[0].adaptation
    lines = adaptation_lines(found)
    assert "values mirrored" in lines[0]
    assert f"student, adapted: {found.adapted_accuracy:.2%} on the target" in lines
    alone = adaptation_lines(found.model_copy(update={"adapted_accuracy": None}))
    assert alone[-1] == "Nothing tells without labels whether the target came out well."
