"""``Distiller``: a Keras model among Keras models, and a teacher that nothing touches."""

import csv
import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tinykd import Distiller, TinykdError
from tinykd.lesson import Lesson
from tinykd.losses import Objective, choose_objective
from tinykd.probabilities import as_logits

LIBRARIES = [keras, tf_keras]


def network(library, units=6, *, head=None, seed=0):
    """Statistics and dropout: a step in training mode would change its answers and itself."""
    library.utils.set_random_seed(seed)
    layers = library.layers
    inputs = layers.Input((5, 5, 1))
    x = layers.Conv2D(units, 3, padding="same", activation="relu", name="conv")(inputs)
    x = layers.Dropout(0.2)(layers.BatchNormalization(name="norm")(x))
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    return library.Model(inputs, layers.Dense(4, activation=head)(x))


@pytest.fixture(scope="module")
def data(dataset):
    return np.float32(dataset.x_train[:64]) / 255, dataset.y_train[:64]


def weights(model):
    return [np.array(array) for array in model.get_weights()]


@pytest.mark.parametrize(
    ("teacher_library", "student_library"), [(keras, tf_keras), (tf_keras, keras)]
)
def test_it_fits_as_keras_models_do(data, teacher_library, student_library, tmp_path):
    """The student changes, the teacher does not, though they have layers of the same names."""
    teacher, student = network(teacher_library, 8, head="softmax"), network(student_library)
    taught, fresh = weights(teacher), weights(student)
    distiller = Distiller(teacher, student, features={})
    assert isinstance(distiller, student_library.Model)
    assert isinstance(distiller, Distiller)
    optimizer = student_library.optimizers.Adam(0.01)
    distiller.compile(optimizer, {"ls_kd": 0.9, "labels": 0.1, "hint": 1.0}, metrics=["accuracy"])
    log = student_library.callbacks.CSVLogger(tmp_path / "log.csv")
    stop = student_library.callbacks.EarlyStopping(restore_best_weights=True, patience=9)
    history = distiller.fit(
        *data, epochs=3, batch_size=16, verbose=0, validation_data=data, callbacks=[log, stop]
    ).history
    assert {"loss", "accuracy", "val_loss", "val_accuracy"} == set(history)
    assert history["loss"][-1] < history["loss"][0]
    with (tmp_path / "log.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 3
    assert all(map(np.array_equal, taught, weights(teacher)))
    assert not any(map(np.array_equal, fresh, weights(student)))
    adaptor = 2 * 1  # kernel and bias, one resolution
    assert len(distiller.trainable_variables) == len(student.trainable_variables) + adaptor
    np.testing.assert_array_equal(
        distiller.predict(data[0], verbose=0), student.predict(data[0], verbose=0)
    )
    loss, accuracy = distiller.evaluate(*data, verbose=0)
    logits = student.predict(data[0], verbose=0)
    assert accuracy == pytest.approx(np.mean(logits.argmax(axis=1) == data[1]))
    exact = Objective(1.0)(Lesson(logits, np.zeros((64, 0)), data[1]))
    assert loss == pytest.approx(float(exact), rel=1e-5)


def scalars(folder):
    """Name of each scalar to its values, of all event files below a folder."""
    found = {}
    for file in sorted(folder.rglob("events.out.tfevents.*")):
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
            for value in tf.compat.v1.Event.FromString(record).summary.value:
                if value.metadata.plugin_data.plugin_name == "scalars":
                    found.setdefault(value.tag, []).append(tf.make_ndarray(value.tensor).item())
    return found


@pytest.mark.parametrize("library", LIBRARIES)
def test_tensorboard_reads_what_it_logs(data, library, tmp_path):
    pytest.importorskip("tensorboard", reason="pip install tensorboard")
    distiller = Distiller(network(keras, 8), network(library))
    distiller.compile("adam", "kd", metrics=["accuracy"])
    board = library.callbacks.TensorBoard(tmp_path)
    history = distiller.fit(
        *data, epochs=2, verbose=0, validation_data=data, callbacks=[board]
    ).history
    for part, prefix in (("train", ""), ("validation", "val_")):
        logged = scalars(tmp_path / part)
        for name in ("loss", "accuracy"):
            assert logged[f"epoch_{name}"] == pytest.approx(history[prefix + name])


@pytest.mark.parametrize("library", LIBRARIES)
def test_callbacks_of_keras_keep_the_best_student(data, library, tmp_path):
    """A checkpoint is the student's; early stopping goes back to the best epoch."""
    student, best = network(library), {"monitor": "val_loss"}
    distiller = Distiller(network(keras, 8), student)
    distiller.compile(library.optimizers.SGD(0.01), "kd", metrics=["accuracy"])
    callbacks = [
        library.callbacks.LearningRateScheduler(lambda epoch: 0.01 if epoch < 3 else 9.0),
        library.callbacks.ModelCheckpoint(f"{tmp_path}/a.keras", save_best_only=True, **best),
        library.callbacks.EarlyStopping(patience=2, restore_best_weights=True, **best),
    ]
    history = distiller.fit(
        *data, epochs=12, batch_size=16, verbose=0, validation_data=data, callbacks=callbacks
    ).history["val_loss"]
    assert 3 <= len(history) < 12
    assert distiller.evaluate(*data, verbose=0)[0] == pytest.approx(min(history), rel=1e-4)
    saved = library.models.load_model(tmp_path / "a.keras")
    assert all(map(np.array_equal, weights(saved), weights(student)))


@pytest.mark.parametrize("library", LIBRARIES)
def test_it_goes_on_where_it_was_stopped(data, library, tmp_path):
    """By the callback of Keras for that, in a new process with a new student."""
    reached = []

    class Stop(library.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                reached[:] = weights(self.model.student)
                raise KeyboardInterrupt

    class Begin(library.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                assert all(map(np.array_equal, reached, weights(self.model.student)))

    def fit(callback):
        distiller = Distiller(network(keras, 8), network(library, seed=len(reached)))
        distiller.compile("adam", "kd")
        backup = library.callbacks.BackupAndRestore(tmp_path / "backup")
        return distiller.fit(*data, epochs=4, verbose=0, callbacks=[backup, callback]).epoch

    with pytest.raises(KeyboardInterrupt):
        fit(Stop())
    assert fit(Begin()) == [2, 3]


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_student_alone_is_saved(data, library, tmp_path):
    teacher, student = network(library, 8), network(library)
    distiller = Distiller(teacher, student)
    distiller.compile("sgd", "kd")
    distiller.fit(*data, epochs=1, verbose=0)
    distiller.save(tmp_path / "student.keras")
    again = library.models.load_model(tmp_path / "student.keras", compile=False)
    assert again.count_params() == student.count_params()
    assert all(map(np.array_equal, weights(again), weights(student)))


@pytest.mark.parametrize("head", [None, "softmax", "sigmoid"])
def test_the_loss_is_the_objective_of_student_and_teacher(data, head):
    """Without a step: what fit reports is what the pure functions give, for logits or not."""
    teacher = network(keras, 8, head=head or "softmax", seed=1)
    student = network(keras, head=head)
    for layer in (teacher.get_layer("norm"), student.get_layer("norm")):
        layer.trainable = False  # batches are normalized as in inference
    student = keras.models.clone_model(
        student,
        clone_function=lambda layer: (
            keras.layers.Identity(name=layer.name)
            if isinstance(layer, keras.layers.Dropout)
            else layer.__class__.from_config(layer.get_config())
        ),
    )
    student.get_layer("norm").trainable = False
    distiller = Distiller(teacher, student)
    distiller.compile(keras.optimizers.SGD(0.0), "kd", temperature=3.0, alpha=0.7)
    x, y = data
    history = distiller.fit(x, np.eye(4)[y], batch_size=64, shuffle=False, verbose=0).history
    logits = as_logits(student.predict(x, verbose=0))
    lesson = Lesson(logits, as_logits(teacher.predict(x, verbose=0)), y)
    exact = choose_objective(distiller.chosen.config, 4)(lesson)
    assert history["loss"] == pytest.approx([float(exact)], rel=1e-4)


def test_a_weight_that_comes_in_with_the_epochs(data):
    teacher, student = network(keras, 8), network(keras)
    distiller = Distiller(teacher, student)
    losses = {"mse_logits": {"weight": 1e6, "warmup_epochs": 2}, "labels": 1.0}
    distiller.compile(keras.optimizers.SGD(0.0), losses)
    loss = distiller.fit(*data, epochs=3, batch_size=64, verbose=0).history["loss"]
    assert loss[0] < 5 < 1000 < loss[1] < 0.8 * loss[2]


def test_what_cannot_work_is_refused():
    teacher, student = network(keras, 8), network(keras)
    for arguments, message in (
        ((teacher, teacher), "the same model"),
        ((teacher, "student.keras"), "a Keras model is needed, got str"),
        ((None, student), "a Keras model is needed, got NoneType"),
    ):
        with pytest.raises(TinykdError, match=message):
            Distiller(*arguments)
    with pytest.raises(TinykdError, match=r"has no layer 'conv_1'. Did you mean 'conv'"):
        Distiller(teacher, student, features={"conv_1": "conv"})
    distiller = Distiller(teacher, student)
    for losses, message in (
        ("hint", r"'hint' compares features: build Distiller\(teacher, student, features="),
        ("lskd", "distill.loss: "),
        ({"lskd": 1.0}, "there is no loss 'lskd'. Did you mean 'ls_kd'"),
    ):
        with pytest.raises(TinykdError, match=message):
            distiller.compile("adam", losses)


def test_networks_of_different_classes_are_refused(data):
    inputs = keras.layers.Input((5, 5, 1))
    outputs = keras.layers.Dense(3)(keras.layers.Flatten()(inputs))
    distiller = Distiller(keras.Model(inputs, outputs), network(keras))
    distiller.compile("adam", "kd")
    with pytest.raises(
        TinykdError, match="the teacher gives 3 values for a sample and the student 4"
    ):
        distiller.fit(*data, verbose=0)


def test_teacher_comes_first_here_as_in_tinykd_distill():
    import tinykd

    for function in (Distiller.__init__, tinykd.distill):
        names = [name for name in inspect.signature(function).parameters if name != "self"]
        assert names[:2] == ["teacher", "student"]
