"""Teachers: who opens which file, and what they answer."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest
import tf_keras

from tinykd.config import TeacherConfig
from tinykd.errors import TeacherError
from tinykd.probabilities import as_logits, gives_probabilities
from tinykd.progress import Silent
from tinykd.teachers.architectures import build_teacher
from tinykd.teachers.files import check_teacher_file
from tinykd.teachers.load import load_teacher
from tinykd.teachers.teacher import examine_teacher, open_teacher, train_teacher
from tinykd.training import Trainee, accuracy, predict

MODELS = Path(__file__).parents[2].parent / "shared" / "models"


def network(library, shape=(5, 5, 1), classes=4, activation=None):
    library.utils.set_random_seed(0)
    inputs = library.layers.Input(shape)
    x = library.layers.Flatten()(inputs)
    return library.Model(inputs, library.layers.Dense(classes, activation=activation)(x))


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning")
@pytest.mark.parametrize(
    ("library", "name", "opened_by"),
    [
        (keras, "teacher.keras", "keras"),
        (keras, "teacher.h5", "keras"),
        (tf_keras, "teacher.h5", "keras"),
        (tf_keras, "teacher.keras", "tf_keras"),
    ],
    ids=["keras 3 .keras", "keras 3 .h5", "keras 2 .h5", "keras 2 .keras"],
)
def test_files_of_both_keras_open_with_their_weights(dataset, tmp_path, library, name, opened_by):
    saved = network(library)
    saved.save(tmp_path / name)
    teacher = open_teacher(tmp_path / name, dataset, input_scale=1 / 255)
    assert type(teacher.model).__module__.split(".")[0] == opened_by
    assert all(map(np.array_equal, saved.get_weights(), teacher.model.get_weights()))
    logits = teacher.logits(dataset.x_test, progress=Silent(), why="test")
    kernel, bias = saved.get_weights()
    expected = dataset.x_test.reshape(80, 25) / 255 @ kernel + bias
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)  # float32 sums


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [("image_example1.h5", (96, 96, 1), 3), ("fashion_mnist_resnet.keras", (28, 28, 1), 10)],
)
def test_teachers_of_others_open(name, shape, classes):
    if not (MODELS / name).exists():
        pytest.skip("../shared/models is absent")
    model = load_teacher(MODELS / name)
    outputs = predict(Trainee("teacher", model, 1.0), np.zeros((2, *shape), np.uint8))
    assert outputs.shape == (2, classes)
    assert np.isfinite(outputs).all()


@pytest.mark.parametrize(
    ("library", "name"),
    [
        (keras, "teacher.keras"),
        (keras, "teacher.h5"),
        (tf_keras, "teacher.keras"),
        (tf_keras, "teacher.h5"),
    ],
    ids=["keras 3 .keras", "keras 3 .h5", "keras 2 .keras", "keras 2 .h5"],
)
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning")
@pytest.mark.filterwarnings("ignore:The `keras.initializers.serialize:UserWarning")
def test_code_in_a_file_is_refused_and_never_runs(tmp_path, library, name):
    """A Lambda layer holds bytecode; what loads it runs it, for it must know its output's shape."""
    mark = str(tmp_path / "it ran")

    def write_mark(x):
        Path(mark).touch()
        return x

    inputs = library.layers.Input((5, 5, 1))
    x = library.layers.Lambda(write_mark)(inputs)
    library.Model(inputs, library.layers.Dense(4)(library.layers.Flatten()(x))).save(
        tmp_path / name
    )
    Path(mark).unlink()
    with pytest.raises(TeacherError, match=r"neither Keras opens it.*without Lambda layers"):
        load_teacher(tmp_path / name)
    assert not Path(mark).exists()


@pytest.mark.parametrize("name", ["teacher.keras", "teacher.h5"])
def test_a_file_that_is_no_model_is_refused(tmp_path, name):
    network(keras).save(tmp_path / "whole.keras")
    for content in (b"", b"no model", (tmp_path / "whole.keras").read_bytes()[:4000]):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(TeacherError, match="neither Keras opens it") as caught:
            load_teacher(tmp_path / name)
        assert "\n" not in str(caught.value)


UNSUITABLE = {
    "input shape": (lambda: network(keras, (6, 5, 1)), r"takes samples of \(6, 5, 1\), but the"),
    "class count": (lambda: network(keras, classes=3), "gives 3 values .* the data has 4 classes"),
    "no fixed size": (
        lambda: keras.Model(
            (inputs := keras.layers.Input((None, None, 4))),
            keras.layers.GlobalMaxPooling2D()(inputs),
        ),
        r"takes samples of \(None, None, 4\)",
    ),
    "two outputs": (
        lambda: keras.Model((base := network(keras)).inputs, [base.outputs[0]] * 2),
        "has 1 inputs and 2 outputs",
    ),
    "named outputs": (
        lambda: keras.Model((base := network(keras)).inputs[0], {"logits": base.outputs[0]}),
        "has a dictionary of inputs or outputs",
    ),
}


@pytest.mark.parametrize(("make", "message"), UNSUITABLE.values(), ids=UNSUITABLE.keys())
def test_a_teacher_that_does_not_suit_the_data_is_refused(dataset, tmp_path, make, message):
    make().save(tmp_path / "teacher.keras")
    with pytest.raises(TeacherError, match=message):
        open_teacher(tmp_path / "teacher.keras", dataset)


def test_a_teacher_that_was_never_built_is_refused(dataset, tmp_path):
    with pytest.warns(UserWarning, match="not yet been built"):
        keras.Sequential([keras.layers.Dense(4)]).save(tmp_path / "teacher.keras")
    with pytest.raises(TeacherError, match="has no input shape"):
        open_teacher(tmp_path / "teacher.keras", dataset)


def test_axes_of_one_make_no_difference(dataset, tmp_path):
    network(keras, (5, 5)).save(tmp_path / "teacher.keras")
    teacher = open_teacher(tmp_path / "teacher.keras", dataset)
    assert teacher.logits(dataset.x_test, progress=Silent(), why="test").shape == (80, 4)


def test_a_file_is_known_by_its_suffix_and_must_exist(tmp_path):
    (tmp_path / "teacher.pkl").touch()
    with pytest.raises(TeacherError, match=r"is not a \.keras or \.h5 file"):
        check_teacher_file(str(tmp_path / "teacher.pkl"))
    with pytest.raises(TeacherError, match="there is no file"):
        check_teacher_file(str(tmp_path / "absent.keras"))
    (tmp_path / "folder.keras").mkdir()
    with pytest.raises(TeacherError, match="there is no file"):
        check_teacher_file(str(tmp_path / "folder.keras"))


def test_probabilities_are_recognised_and_become_logits():
    logits = np.random.default_rng(0).normal(0, 2, (20, 4)).astype(np.float32)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert gives_probabilities(probabilities)
    assert not gives_probabilities(logits)
    assert not gives_probabilities(probabilities[:, :3])
    assert as_logits(logits) is logits
    difference = as_logits(probabilities) - logits
    np.testing.assert_allclose(difference - difference[:, :1], 0, atol=1e-4)  # one constant a row
    assert np.isfinite(as_logits(np.float32([[1, 0, 0]]))).all()


def test_a_teacher_with_a_softmax_is_asked_for_logarithms(dataset, tmp_path):
    network(keras, activation="softmax").save(tmp_path / "teacher.keras")
    teacher = open_teacher(tmp_path / "teacher.keras", dataset, input_scale=1 / 255)
    result = examine_teacher(teacher, dataset, progress=Silent())
    assert result.gives_probabilities
    assert result.description == "teacher.keras"
    assert result.parameters == 26 * 4
    logits = teacher.logits(dataset.x_validation, progress=Silent(), why="test")
    assert (logits <= 0).all()
    assert result.validation_accuracy == accuracy(logits, dataset.y_validation)


@pytest.mark.parametrize("shape", [(8, 8, 1), (30, 40), (100, 3), (20,), (3, 3, 2)])
def test_the_teacher_that_is_trained_here_takes_any_data(shape):
    model = build_teacher(shape, 5, width=4, seed=0)
    assert model.output_shape == (None, 5)
    assert model(np.zeros((2, *shape), np.float32)).shape == (2, 5)
    same = build_teacher(shape, 5, width=4, seed=0)
    assert all(map(np.array_equal, model.get_weights(), same.get_weights()))


@pytest.fixture
def features(dataset):
    """The small data as plain features: the teacher for those is the quickest to train."""
    flat = {
        name: getattr(dataset, name).reshape(-1, 25)
        for name in ("x_train", "x_validation", "x_test")
    }
    return dataclasses.replace(dataset, **flat)


def test_a_teacher_is_trained_stored_and_found_as_it_was(features, tmp_path):
    config = TeacherConfig(width=4, epochs=12, batch_size=16, learning_rate=0.01)
    result = train_teacher(config, features, seed=0, folder=tmp_path, progress=Silent())
    assert result.validation_accuracy > 0.8
    assert len(result.curve.loss) == 12
    assert [file.name for file in tmp_path.iterdir()] == ["teacher.keras"]
    teacher = open_teacher(tmp_path / "teacher.keras", features)
    logits = teacher.logits(features.x_validation, progress=Silent(), why="test")
    assert accuracy(logits, features.y_validation) == result.validation_accuracy
    assert teacher.model.count_params() == result.parameters
