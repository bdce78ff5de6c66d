"""A teacher that does not suit the data: known before any training, in one line."""

import os

import keras
import numpy as np
import pytest
import tf_keras

pytestmark = pytest.mark.filterwarnings(
    "ignore:You are saving your model as an HDF5 file:UserWarning"
)


@pytest.fixture(scope="module")
def teachers(tmp_path_factory):
    """Keras 3 and legacy teachers for other data than ours: 5x5 pixels, four classes."""
    place = tmp_path_factory.mktemp("teachers")
    for name, library, suffix in (
        ("new", keras, ".keras"),
        ("new", keras, ".h5"),
        ("old", tf_keras, ".h5"),
    ):
        for what, shape, classes in (("shape", (6, 5, 1), 4), ("classes", (5, 5, 1), 3)):
            inputs = library.layers.Input(shape)
            outputs = library.layers.Dense(classes)(library.layers.Flatten()(inputs))
            library.Model(inputs, outputs).save(place / f"{name}_{what}{suffix}")
    (place / "garbage.keras").write_bytes(os.urandom(5000))
    (place / "garbage.h5").write_bytes(os.urandom(5000))
    (place / "teacher.pkl").write_bytes(b"")
    return place


SHAPE = "takes samples of (6, 5, 1), but the data has (5, 5, 1)."
CLASSES = "gives 3 values for a sample, but the data has 4 classes."

CASES = {
    "absent.keras": "teacher.path: there is no file",
    "teacher.pkl": "is not a .keras or .h5 file",
    "garbage.keras": "neither Keras opens it",
    "garbage.h5": "neither Keras opens it",
    "new_shape.keras": SHAPE,
    "new_classes.keras": CLASSES,
    "new_shape.h5": SHAPE,
    "new_classes.h5": CLASSES,
    "old_shape.h5": SHAPE,
    "old_classes.h5": CLASSES,
}


@pytest.mark.parametrize(("name", "message"), CASES.items())
def test_it_is_refused_in_one_line(cli, teachers, blobs_file, tmp_path, name, message):
    arguments = ("--data", blobs_file, "--teacher", teachers / name, "--out", tmp_path / "out")
    outcome = cli("build", "--quiet", *arguments)
    assert outcome.code == 1
    assert outcome.out == ""
    assert outcome.err.startswith("Error: ")
    assert outcome.err.count("\n") == 1, outcome.err
    assert message in outcome.err
    assert outcome.seconds < 10


@pytest.mark.parametrize("name", ["new_shape.keras", "old_classes.h5"])
def test_it_takes_less_than_ten_seconds_with_all_that_must_be_loaded(
    tinykd, teachers, blobs_file, tmp_path, name
):
    outcome = tinykd(
        "build", "--quiet", "--data", blobs_file, "--teacher", teachers / name, cwd=tmp_path
    )
    assert outcome.code == 1
    assert outcome.err.startswith("Error: ")
    assert outcome.err.count("\n") == 1, outcome.err
    assert CASES[name] in outcome.err
    assert 0 < outcome.seconds < 10


def test_every_command_that_takes_a_teacher_refuses_it(cli, teachers, blobs_file, tmp_path):
    data = ("--quiet", "--data", blobs_file)
    wrong = teachers / "new_classes.keras"
    assert CLASSES in cli("teacher", *data, "--check", wrong).err
    assert CLASSES in cli("distill", *data, "--teacher", wrong, "--out", tmp_path / "a").err
    assert CLASSES in cli("evaluate", *data, wrong).err


def test_a_model_for_other_data_is_not_scored(cli, blobs, teachers, tmp_path):
    np.savez(
        tmp_path / "wide.npz",
        **blobs | {split: np.repeat(blobs[split], 2, axis=1) for split in ("x_train", "x_test")},
    )
    outcome = cli("evaluate", "--data", tmp_path / "wide.npz", teachers / "new_classes.h5")
    assert outcome.code == 1
    assert "but the data has (10, 5, 1)." in outcome.err
