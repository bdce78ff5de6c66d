"""``tinykd.distill``: any student, any teacher, and what goes wrong said in one line."""

from importlib import import_module

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tinykd
from tinykd.api.data import read_data
from tinykd.api.student import examine_student
from tinykd.api.teacher import ask_views, open_any_teacher
from tinykd.convert import convert_ptq
from tinykd.errors import TinykdError
from tinykd.progress import Silent
from tinykd.views import make_views

teacher_module = import_module("tinykd.api.teacher")
LIBRARIES = pytest.mark.parametrize("library", [keras, tf_keras], ids=["keras 3", "tf_keras"])


def network(library=keras, units=8, *, head=None, seed=0, dropout=0.0, classes=4):
    library.utils.set_random_seed(seed)
    layers = library.layers
    inputs = layers.Input((5, 5, 1))
    x = layers.Dense(units, activation="relu", name="hidden")(layers.Flatten()(inputs))
    if dropout:  # and statistics: what a step in training mode would change
        x = layers.Dropout(dropout)(layers.BatchNormalization(momentum=0.5)(x))
    return library.Model(inputs, layers.Dense(classes, activation=head)(x))


@pytest.fixture(scope="module")
def data(dataset):
    """The small data as Keras users have it: float32 in [0, 1]."""
    return np.float32(dataset.x_train) / 255, dataset.y_train


@pytest.fixture(scope="module")
def teacher(data):
    """A Keras 3 teacher that ends in a softmax and knows its task."""
    model = network(units=16, head="softmax", dropout=0.3)
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    model.fit(*data, epochs=12, verbose=0)
    return model


def weights(model):
    return [np.array(array) for array in model.get_weights()]


def same(a, b):
    return all(map(np.array_equal, weights(a), weights(b)))


HEADS = (None, "sigmoid")
QUICK = {"epochs": 6, "learning_rate": 0.02, "batch_size": 16}


@pytest.fixture(scope="module")
def whole(data, teacher):
    """A Keras 3 student, trained with its teacher and without, that nobody interrupted."""
    before, student = weights(teacher), network()
    assert tinykd.distill(teacher, student, data, **QUICK) is student
    assert all(map(np.array_equal, before, weights(teacher)))
    return student


def validation_accuracy(student, data):
    x, y = data[0][::5], data[1][::5]
    return np.mean(np.argmax(student(x, training=False), axis=1) == y)


def test_the_student_comes_back_with_what_was_found(whole, data):
    found = whole.distillation
    assert found.loss == "ls_kd"
    assert found.weights == {"labels": 0.01, "ls_kd": 0.99}
    assert [curve.name for curve in found.curves] == ["student", "scratch"]
    best = max(found.student_validation_accuracy, found.scratch_validation_accuracy)
    assert validation_accuracy(whole, data) == pytest.approx(best)
    assert best > 0.7


def test_the_better_of_the_two_is_in_the_student(data):
    """Its teacher misleads it: without, it does better."""
    misleading = 8 * np.float32(np.eye(4))[(data[1] + 1) % 4]
    student = tinykd.distill(misleading, network(tf_keras), data, **QUICK)
    found = student.distillation
    assert found.shipped == "scratch"
    assert found.student_validation_accuracy < 0.3 < 0.7 < found.scratch_validation_accuracy
    assert validation_accuracy(student, data) == pytest.approx(found.scratch_validation_accuracy)


def test_a_softmax_head_is_trained_as_its_logits_would_be(whole, data, teacher):
    """Probabilities of the student and of the teacher are recognised; the loss is the same."""
    softmax = tinykd.distill(teacher, network(head="softmax"), data, baseline=False, **QUICK)
    assert softmax.distillation.scratch_validation_accuracy is None
    curves = [student.distillation.curves[0].loss for student in (whole, softmax)]
    np.testing.assert_allclose(*curves, rtol=1e-3)


def test_a_softmax_is_recognised_where_it_is_not_the_last_layer(data):
    layers = tf_keras.layers
    inputs = layers.Input((5, 5, 1))
    flattened = layers.Flatten()(layers.Conv2D(4, 5, activation="softmax")(inputs))
    function = tf.nn.softmax(layers.Dense(4)(layers.Flatten()(inputs)))
    logits = layers.Dense(4, activation="relu")(layers.Flatten()(inputs))
    split = read_data(data, validation_every=5)
    found = [
        examine_student(tf_keras.Model(inputs, outputs), split).head
        for outputs in (flattened, function, logits)
    ]
    assert found == ["softmax", "softmax", ""]


def test_a_subclassed_student_and_one_that_was_never_built(data, teacher):
    class Small(keras.Model):
        def __init__(self):
            super().__init__()
            self.flat, self.dense = keras.layers.Flatten(), keras.layers.Dense(4)

        def call(self, x):
            return self.dense(self.flat(x))

    keras.utils.set_random_seed(0)
    unbuilt = tf_keras.Sequential([tf_keras.layers.Flatten(), tf_keras.layers.Dense(4)])
    for student in (Small(), unbuilt):
        shipped = tinykd.distill(teacher, student, data, baseline=False, **QUICK)
        loss = shipped.distillation.curves[0].loss
        assert loss[-1] < 0.8 * loss[0]


def test_features_are_compared(data, teacher):
    losses = {"labels": 0.1, "hint": 1.0}
    settings = {"losses": losses, "features": {"hidden": "hidden"}, "baseline": False}
    before = weights(teacher)
    shipped = tinykd.distill(teacher, network(), data, **settings, **QUICK)
    loss = shipped.distillation.curves[0].loss
    assert loss[-1] < 0.8 * loss[0]
    assert all(map(np.array_equal, before, weights(teacher)))
    with pytest.raises(TinykdError, match=r"has no layer 'hiden'. Did you mean 'hidden'"):
        tinykd.distill(teacher, network(), data, loss="hint", features={"hidden": "hiden"})
    with pytest.raises(TinykdError, match="'hint' compares features, which this teacher does not"):
        tinykd.distill(np.zeros((120, 4)), network(), data, loss="hint")


def test_an_array_of_answers_teaches_what_the_model_teaches(whole, data, teacher):
    answers = teacher.predict(data[0], verbose=0)
    taught = tinykd.distill(answers, network(), data, baseline=False, **QUICK)
    curves = [student.distillation.curves[0].loss for student in (whole, taught)]
    np.testing.assert_allclose(*curves, rtol=1e-3)


def test_data_comes_in_many_forms(data, dataset):
    x, y = data
    by_pair = read_data((x, y[:, None].astype(float)), validation_every=5)
    assert (len(by_pair.x), len(by_pair.x_validation), by_pair.y.dtype) == (96, 24, np.int32)
    assert np.array_equal(x[by_pair.kept], by_pair.x)
    batches = tf.data.Dataset.from_tensor_slices((x, np.eye(4)[y])).batch(7)
    by_batches = read_data(batches, validation_every=5)
    four = (by_pair.x, by_pair.y, by_pair.x_validation, by_pair.y_validation)
    by_four = read_data(four, validation_every=99)
    for other in (by_batches, by_four):
        for key in ("x", "y", "x_validation", "y_validation"):
            assert np.array_equal(getattr(other, key), getattr(by_pair, key))
    own = read_data(dataset, validation_every=99)
    assert own.x_validation is dataset.x_validation
    assert own.input_scale == dataset.input_scale


@LIBRARIES
def test_a_teacher_comes_in_many_forms(data, tmp_path, library):
    x = data[0][:20]
    model = network(library, head="softmax")
    expected = np.log(np.asarray(model(x, training=False)))
    model.save(tmp_path / "teacher.keras")
    tf.saved_model.save(model, tmp_path / "saved") if library is tf_keras else model.export(
        tmp_path / "saved", verbose=False
    )
    for name in ("teacher.keras", "saved"):
        answers = ask_views(open_any_teacher(tmp_path / name), [x], 4)
        np.testing.assert_allclose(answers, expected, atol=1e-4)


def test_a_tflite_file_teaches_float_or_int8(data, tmp_path):
    x = data[0][:20]
    model = network(tf_keras)
    expected = np.asarray(model(x, training=False))
    (tmp_path / "float.tflite").write_bytes(
        tf.lite.TFLiteConverter.from_keras_model(model).convert()
    )
    (tmp_path / "int8.tflite").write_bytes(convert_ptq(model, data[0]))
    for name, tolerance in (("float", 1e-5), ("int8", 0.1)):
        answers = ask_views(open_any_teacher(str(tmp_path / f"{name}.tflite")), [x], 4)
        np.testing.assert_allclose(answers, expected, atol=tolerance)


def test_a_file_is_asked_once_by_all_calls(data, teacher, tmp_path, monkeypatch):
    """But for the few samples that show whether it suits the data."""
    asked, opened = [], teacher_module.load_teacher

    class Listening(keras.Model):
        def __init__(self, path):
            super().__init__()
            self.inner = opened(path)

        def call(self, x, training=False):
            tf.numpy_function(lambda rows: asked.append(len(rows)) or np.int64(0), [x], tf.int64)
            return self.inner(x, training=training)

    monkeypatch.setattr(teacher_module, "load_teacher", Listening)
    teacher.save(tmp_path / "teacher.keras")
    settings = {**QUICK, "epochs": 1, "baseline": False, "loss": "kd", "seed": 0}
    students = [
        tinykd.distill(tmp_path / "teacher.keras", network(), data, **settings) for _ in "ab"
    ]
    assert asked == [2, 96, 2]
    assert same(*students)
    with pytest.raises(TinykdError, match=r"answers have shape \(2, 4\); needed: \(2, 5\)"):
        tinykd.distill(tmp_path / "teacher.keras", network(classes=5), data, **settings)


def refused(*, teacher=None, student=None, data=None, **settings):
    x, y = np.zeros((20, 5, 5, 1), np.float32), np.arange(20) % 4
    teacher = np.zeros((20, 4)) if teacher is None else teacher
    student = network() if student is None else student()
    data = (x, y) if data is None else data(x, y)
    with pytest.raises(TinykdError) as caught:
        tinykd.distill(teacher, student, data, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("message", "settings"),
    {
        "unknown key 'distill.epoch'. Did you mean 'distill.epochs'?": {"epoch": 3},
        "data is dict; needed: (x, y), ": {"data": lambda x, y: {"x": x}},
        "training data has 20 samples and 3 labels": {"data": lambda x, y: (x, y[:3])},
        "training labels are float64 (20,); needed: integers": {"data": lambda x, y: (x, y + 0.5)},
        "training samples hold NaN": {"data": lambda x, y: (x * np.nan, y)},
        "data repeats without end": {
            "data": lambda x, y: tf.data.Dataset.from_tensors((x, y)).repeat()
        },
        "data gives single samples. Call .batch(64)": {
            "data": lambda x, y: tf.data.Dataset.from_tensor_slices((x, y))
        },
        "the data has label 9": {"data": lambda x, y: (x, y + 6)},
        "does not take samples of (7,)": {"data": lambda x, y: (x[:, 0, :, 0][:, [0] * 7], y)},
        "the student gives (1,) for a sample": {"student": lambda: network(classes=1)},
        "a Keras model is needed, got object": {"student": object},
        "'dist' says nothing with 2 classes": {
            "student": lambda: network(classes=2),
            "data": lambda x, y: (x, y % 2),
            "loss": "dist",
        },
        "teacher: answers have shape (20, 3); needed: (20, 4)": {"teacher": np.zeros((20, 3))},
        "teacher: answers hold NaN": {"teacher": np.full((20, 4), np.nan)},
        "knows nothing of augmented samples": {"augment": "shift"},
        "there is nothing to take a mean of": {"view_targets": "mean"},
        "mixup gives a sample two labels, and loss 'dkd' takes one": {
            "augment": "mixup",
            "loss": "dkd",
        },
        "teacher: there is no file 'nowhere.keras'": {"teacher": "nowhere.keras"},
        "is no .keras, .h5 or .tflite file": {"teacher": __file__},
        "a Keras model is needed, got int": {"teacher": 3},
        "distill: data.validation_every: input should be greater": {"validation_every": 1},
        "distill: seed: input should be greater": {"seed": -1},
    }.items(),
)
def test_what_does_not_fit_is_refused(message, settings):
    assert message in refused(**settings)


@LIBRARIES
def test_a_teacher_that_does_not_suit_is_refused_before_it_is_asked_about_all(library):
    layers = library.layers
    inputs = layers.Input((5, 5, 1))
    values = layers.Dense(4)(layers.Flatten()(inputs))
    other = library.Sequential([layers.Input((7, 7, 1)), layers.Flatten(), layers.Dense(4)])
    for teacher, message in (
        (other, "teacher: does not take samples of (5, 5, 1): "),
        (library.Model(inputs, [values, values]), "teacher: gives a list for samples"),
    ):
        assert message in refused(teacher=teacher)
        assert message.replace("teacher", "teacher 2") in refused(teacher=[network(), teacher])


def test_a_teacher_has_one_row_for_each_sample():
    inputs = keras.layers.Input((5, 5, 1))
    once = keras.layers.Dense(4)(keras.layers.Flatten()(inputs))
    twice = keras.Model(inputs, keras.layers.Concatenate(axis=0)([once, once]))
    assert "teacher: answers have shape (4, 4); needed: (2, 4)" in refused(teacher=twice)
    rows = np.zeros((6, 4), np.float32)
    with pytest.raises(TinykdError, match=r"answers have shape \(6, 4\); needed: \(10, 4\)"):
        ask_views(lambda x: rows[: min(len(x), 3)], [np.zeros((5, 2))] * 2, 4)


def test_a_student_is_not_its_own_teacher():
    """It would be trained, and its teacher with it."""
    model = network()
    for teacher in (model, [network(), model]):
        assert "are the same model" in refused(teacher=teacher, student=lambda: model)


def test_a_sigmoid_is_trained_and_teaches_as_its_logits_would(data):
    """Not as if its outputs were logits: those of a sigmoid differ by 1 at most."""
    ways = [(network(units=16, head=t, seed=5), network(head=s)) for t in HEADS for s in HEADS]
    curves = []
    for teacher, student in ways:
        tinykd.distill(teacher, student, data, loss="kd", baseline=False, **QUICK)
        curves.append(student.distillation.curves[0].loss)
    for curve in curves[1:]:
        np.testing.assert_allclose(curve, curves[0], rtol=1e-3)


def test_mixed_and_erased_samples_are_answered_by_the_teacher(data, teacher):
    asked = []

    class Listening(keras.Model):
        def call(self, x, training=False):
            tf.numpy_function(lambda rows: asked.append(rows) or np.int64(0), [x], tf.int64)
            return teacher(x, training=training)

    student = network()
    settings = {**QUICK, "augment": ["mixup", "cutout"], "loss": "kd", "baseline": False}
    tinykd.distill(Listening(), student, data, **settings)
    x = data[0][np.arange(len(data[0])) % 5 != 0]
    views = make_views(x, ["cutout", "mixup"])
    assert len(views.x) == 10  # as they are, 4 erased, 5 mixed
    assert np.array_equal(np.concatenate(asked[1:]), np.concatenate(views.x))  # after a few
    assert student.distillation.student_validation_accuracy > 0.5
    assert student.distillation.notes[0].startswith("Mixup mostly hurts students of less than")


class Stopping(Silent):
    """Raises as Ctrl-C does, after so many epochs of a training whose name contains a word."""

    def __init__(self, word, epochs):
        self.word, self.epochs = word, epochs

    def task(self, description, total=None):
        return _Stop(self.epochs if self.word in description else 10**9)


class _Stop:
    def __init__(self, epochs):
        self.epochs = epochs

    def __enter__(self):
        def advance(done):
            if done == self.epochs:
                raise KeyboardInterrupt

        return advance

    def __exit__(self, *_exception):
        return False


def test_interrupted_the_student_keeps_the_best_so_far_and_goes_on(whole, data, teacher, tmp_path):
    student, other = network(), network()
    stop = {"folder": tmp_path, "progress": Stopping("with its", 4)}
    for seed, interrupted in enumerate((student, other)):  # the second has a state of its own
        with pytest.raises(KeyboardInterrupt):
            tinykd.distill(teacher, interrupted, data, seed=seed, **stop, **QUICK)
    assert len(list(tmp_path.iterdir())) == 2
    reached = whole.distillation.curves[0].validation_accuracy[:4]
    assert validation_accuracy(student, data) in reached
    assert not same(student, network())
    resumed = tinykd.distill(teacher, network(), data, folder=tmp_path, **QUICK)
    assert same(resumed, whole)
    assert resumed.distillation == whole.distillation
    assert len(list(tmp_path.iterdir())) == 1


def test_a_race_that_is_interrupted_leaves_the_best_of_its_candidates(data, teacher, tmp_path):
    """And goes on to the same: the third candidate has had one epoch, the first two five."""
    settings = {**QUICK, "epochs": 40, "batch_size": 4, "race_fraction": 1.0, "baseline": False}
    seen, student = {}, network()

    def watch(training, epoch, reached):
        seen.setdefault(training, []).append(reached)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tinykd.distill(teacher, student, data, watch=watch, folder=tmp_path, **settings)
    first, second, _third = seen.values()
    best = max(first[-1], second[-1])
    assert len(first) == len(second) > 1
    assert validation_accuracy(student, data) >= best > seen[list(seen)[2]][0]
    epochs = []
    resumed = tinykd.distill(
        teacher,
        network(),
        data,
        folder=tmp_path,
        watch=lambda *told: epochs.append(told),
        **settings,
    )
    whole = tinykd.distill(teacher, network(), data, **settings)
    assert same(resumed, whole)
    assert resumed.distillation == whole.distillation
    assert next(iter(seen)) not in {name for name, epoch, _reached in epochs if epoch <= len(first)}


def test_interrupted_without_its_teacher_it_keeps_what_the_teacher_taught(whole, data, teacher):
    student = network()
    with pytest.raises(KeyboardInterrupt):
        tinykd.distill(teacher, student, data, progress=Stopping("without", 1), **QUICK)
    taught = whole.distillation.student_validation_accuracy
    assert validation_accuracy(student, data) == pytest.approx(taught)
    alone = whole.distillation.curves[1].validation_accuracy[0]
    assert taught != pytest.approx(alone)  # else the test says nothing
