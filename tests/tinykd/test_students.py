"""Students: what they cost is counted by hand here, and what they cannot take is refused."""

import numpy as np
import pytest
import tf_keras

from tinykd.config import StudentConfig
from tinykd.datasets import load_dataset
from tinykd.errors import StudentError
from tinykd.recipes import find_recipe
from tinykd.students.architectures import STUDENTS, build_student
from tinykd.students.cost import count_macs, list_students, summarize_student
from tinykd.students.files import check_student_file, load_student, save_student

SUITS = {
    "mlp": [(64,), (30, 6), (8, 8, 1)],
    "ds_cnn": [(8, 8, 1), (8, 8), (32, 32, 3), (49, 10, 1)],
    "resnet8": [(8, 8, 1), (9, 7), (32, 32, 3)],
    "cnn1d": [(100, 3), (8, 8, 1)],
    "autoencoder": [(64,), (8, 8, 1)],
}


def build(architecture, shape, *, width=1.0, seed=0, classes=10):
    config = StudentConfig(architecture=architecture, width=width)
    return build_student(config, shape, classes, seed=seed)


@pytest.mark.parametrize(
    ("architecture", "shape"), [(name, shape) for name, shapes in SUITS.items() for shape in shapes]
)
def test_every_student_takes_the_samples_it_is_made_for(architecture, shape):
    model = build(architecture, shape, classes=7)
    samples = np.zeros((2, *model.input_shape[1:]), np.float32)
    assert model(samples).shape == (2, 7)
    assert np.prod(model.input_shape[1:]) == np.prod(shape)
    assert isinstance(model.layers[-1], tf_keras.layers.Dense)
    assert model.layers[-1].activation is tf_keras.activations.linear  # logits


def test_all_students_are_tested_here():
    assert SUITS.keys() == STUDENTS.keys()


@pytest.mark.parametrize(
    ("architecture", "shape", "hint"),
    [
        ("ds_cnn", (64,), "Use 'cnn1d' for signals or 'mlp' for features"),
        ("ds_cnn", (100, 3), "at least 4x4 pixels"),
        ("resnet8", (3, 8, 1), "at least 4x4 pixels"),
        ("resnet8", (64,), "at least 4x4 pixels"),
        ("cnn1d", (64,), r"needs samples of \[length, channels\], got \(64,\)"),
    ],
)
def test_samples_that_do_not_suit_are_refused(architecture, shape, hint):
    with pytest.raises(StudentError, match=hint) as caught:
        build(architecture, shape)
    assert str(caught.value).startswith(f"student.architecture '{architecture}' needs")


def test_mlp_costs_what_three_matrices_cost():
    summary = summarize_student(build("mlp", (8, 8, 1)), StudentConfig(architecture="mlp"))
    assert summary.macs == 64 * 32 + 32 * 32 + 32 * 10
    assert summary.parameters == summary.macs + 32 + 32 + 10


def test_ds_cnn_costs_what_its_layers_cost():
    """8x8 pixels, stride 2 in the second block; batch normalization has four values a channel."""
    macs = 64 * 16 * 9  # stem
    macs += 64 * 9 * 16 + 64 * 16 * 32  # block 1: depthwise 3x3, pointwise
    macs += 16 * 9 * 32 + 16 * 32 * 48
    macs += 16 * 9 * 48 + 16 * 48 * 64
    macs += 64 * 10
    parameters = 9 * 16 + (9 * 16 + 16 * 32) + (9 * 32 + 32 * 48) + (9 * 48 + 48 * 64)
    parameters += 4 * (16 + 16 + 32 + 32 + 48 + 48 + 64) + 64 * 10 + 10
    model = build("ds_cnn", (8, 8, 1))
    assert (count_macs(model), model.count_params()) == (macs, parameters)


def test_ds_cnn_halves_large_images_at_once():
    small, large = build("ds_cnn", (23, 23, 1)), build("ds_cnn", (24, 24, 1))
    assert small.get_layer("stem").output_shape == (None, 23, 23, 16)
    assert large.get_layer("stem").output_shape == (None, 12, 12, 16)


def test_resnet8_at_width_1_is_the_one_of_mlperf_tiny():
    """Banbury et al., 2021: 12.5 million MACs, 78 thousand parameters, on 32x32x3."""
    macs = 1024 * 27 * 16  # stem
    macs += 2 * 1024 * 144 * 16
    macs += 256 * 144 * 32 + 256 * 288 * 32 + 256 * 16 * 32  # and the shortcut
    macs += 64 * 288 * 64 + 64 * 576 * 64 + 64 * 32 * 64
    macs += 64 * 10
    model = build("resnet8", (32, 32, 3))
    assert count_macs(model) == macs
    assert macs == pytest.approx(12.5e6, rel=0.01)
    assert model.count_params() == pytest.approx(78e3, rel=0.01)


def test_cnn1d_costs_what_three_strided_convolutions_cost():
    """Length 100, then 50, 25 and 13; kernel 7."""
    macs = 50 * 7 * 3 * 16 + 25 * 7 * 16 * 32 + 13 * 7 * 32 * 64 + 64 * 10
    parameters = 7 * (3 * 16 + 16 * 32 + 32 * 64) + 4 * (16 + 32 + 64) + 64 * 10 + 10
    model = build("cnn1d", (100, 3))
    assert (count_macs(model), model.count_params()) == (macs, parameters)


@pytest.mark.parametrize("width", [0.1, 0.3, 2.0])
def test_width_multiplies_the_channels_in_steps_of_four(width):
    model = build("mlp", (64,), width=width)
    units = [layer.units for layer in model.layers if isinstance(layer, tf_keras.layers.Dense)]
    assert units == [{0.1: 4, 0.3: 8, 2.0: 64}[width]] * 2 + [10]


def test_the_seed_decides_the_first_weights():
    first, same, other = (build("ds_cnn", (8, 8, 1), seed=seed) for seed in (3, 3, 4))
    assert all(map(np.array_equal, first.get_weights(), same.get_weights()))
    assert not all(map(np.array_equal, first.get_weights(), other.get_weights()))


def test_the_list_has_every_student_that_suits_smallest_first():
    digits, features, novelty = (
        load_dataset(find_recipe(name).data) for name in ("digits", "diabetes", "novelty")
    )
    rows = list_students(1.0, digits)
    assert {row.architecture for row in rows} == set(STUDENTS) - {"autoencoder"}
    assert [row.parameters for row in rows] == sorted(row.parameters for row in rows)
    assert {row.architecture for row in list_students(1.0, features)} == {"mlp"}
    assert {row.width for row in list_students(0.5, features)} == {0.5}
    assert "autoencoder" in {row.architecture for row in list_students(1.0, novelty)}


def test_a_stored_student_answers_as_before(dataset, tmp_path):
    model = build("ds_cnn", (5, 5, 1), classes=4)
    save_student(model, tmp_path / "student.h5")
    again = load_student(check_student_file(str(tmp_path / "student.h5")), dataset)
    assert all(map(np.array_equal, model.get_weights(), again.get_weights()))
    x = np.ones((2, 5, 5, 1), np.float32)
    assert np.array_equal(model(x), again(x))


def test_a_student_that_does_not_suit_the_data_is_refused(dataset, tmp_path):
    for shape, classes, message in (
        ((6, 5, 1), 4, r"takes samples of \(6, 5, 1\), but the data has \(5, 5, 1\)"),
        ((5, 5, 1), 3, r"gives \(3,\), but the data has 4 classes"),
    ):
        save_student(build("mlp", shape, classes=classes), tmp_path / "student.h5")
        with pytest.raises(StudentError, match=message):
            load_student(tmp_path / "student.h5", dataset)


def test_a_student_file_that_is_none_is_refused(dataset, tmp_path):
    (tmp_path / "student.h5").write_bytes(b"no model")
    never_built = tf_keras.Sequential([tf_keras.layers.Dense(4)])
    with pytest.warns(UserWarning, match="not yet been built"):
        never_built.save(tmp_path / "unbuilt.keras")
    for file, message in (("student.h5", "cannot open it"), ("unbuilt.keras", "has no single")):
        with pytest.raises(StudentError, match=message):
            load_student(tmp_path / file, dataset)
    for file, message in (("absent.h5", "there is no student file"), ("a.onnx", "is not a .h5 or")):
        with pytest.raises(StudentError, match=message):
            check_student_file(str(tmp_path / file))
