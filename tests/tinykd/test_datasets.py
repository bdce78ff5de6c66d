"""Data sets: split as stated, described faithfully, and in the values that the sensor gives."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tinykd.config import DataConfig
from tinykd.datasets import SOURCES, fingerprint_source, input_scale_for, load_dataset
from tinykd.errors import DataError


@pytest.fixture
def numbered(tmp_path):
    """100 training and 10 test samples that can be told apart, written to a file."""

    def write(**changes):
        x = np.arange(440, dtype=np.uint16).reshape(110, 2, 2, 1)
        y = np.arange(110) // 5 % 2
        content = {"x_train": x[:100], "y_train": y[:100], "x_test": x[100:], "y_test": y[100:]}
        np.savez(tmp_path / "numbered.npz", **content | changes)
        return str(tmp_path / "numbered.npz")

    return write


def samples_of(*splits):
    return {sample.tobytes() for split in splits for sample in split}


def test_the_splits_have_the_stated_sizes_and_share_nothing(numbered):
    loaded = load_dataset(DataConfig(source=numbered(), validation_every=4))
    x_train, x_validation, x_test = loaded.x_train, loaded.x_validation, loaded.x_test
    assert (len(x_train), len(x_validation), len(x_test)) == (75, 25, 10)
    assert len(samples_of(x_train, x_validation, x_test)) == 110
    labels = np.arange(110) // 5 % 2
    for x, y in (
        (x_train, loaded.y_train),
        (x_validation, loaded.y_validation),
        (x_test, loaded.y_test),
    ):
        assert (labels[x[:, 0, 0, 0] // 4] == y).all()  # every sample kept its own label
        assert y.dtype == np.int32


def test_every_nth_sample_is_kept_for_validation_and_the_rest_is_trained_on(numbered):
    loaded = load_dataset(DataConfig(source=numbered(), validation_every=7))
    assert (loaded.x_validation[:, 0, 0, 0] // 4).tolist() == list(range(0, 100, 7))
    assert loaded.summary().validation_rule == "one sample in 7, in the order of the data"


def test_every_nth_speaker_is_kept_for_validation_with_all_samples(numbered):
    speakers = np.array(["b", "a", "d", "c"])[np.arange(100) % 4]
    file = numbered(speaker_train=speakers)
    loaded = load_dataset(DataConfig(source=file, group_by="speaker_train", validation_every=3))
    heard, unheard = (
        set(speakers[x[:, 0, 0, 0] // 4]) for x in (loaded.x_train, loaded.x_validation)
    )
    assert (heard, unheard) == ({"b", "c"}, {"a", "d"})
    assert len(loaded.x_train) + len(loaded.x_validation) == 100


def test_groups_of_a_limited_set_are_those_of_its_samples(numbered):
    file = numbered(day=np.arange(100) // 10)
    loaded = load_dataset(
        DataConfig(source=file, group_by="day", validation_every=2, max_train_samples=25)
    )
    assert (loaded.x_validation[:, 0, 0, 0] // 4).tolist() == [*range(10), *range(20, 25)]


def test_a_limit_takes_the_first_training_samples_and_leaves_the_test_split(numbered):
    loaded = load_dataset(DataConfig(source=numbered(), max_train_samples=40))
    assert (len(loaded.x_train), len(loaded.x_validation), len(loaded.x_test)) == (30, 10, 10)
    assert samples_of(loaded.x_train, loaded.x_validation) == samples_of(
        np.arange(160, dtype=np.uint16).reshape(40, 2, 2, 1)
    )


def test_digits_are_all_there_stratified_and_the_same_each_time():
    first, second = load_dataset(DataConfig()), load_dataset(DataConfig())
    assert (len(first.x_train), len(first.x_validation), len(first.x_test)) == (900, 300, 597)
    assert (first.input_shape, first.classes, first.x_train.dtype) == ((8, 8, 1), 10, np.uint8)
    assert first.input_scale == 1 / 16
    assert np.bincount(first.y_test).min() >= 57
    assert first.summary() == second.summary()


def test_the_hash_changes_with_any_value_label_type_or_split(numbered):
    def sha256(validation_every=4, **changes):
        config = DataConfig(source=numbered(**changes), validation_every=validation_every)
        return load_dataset(config).summary().sha256

    x = np.arange(440, dtype=np.uint16).reshape(110, 2, 2, 1)
    other_x, other_y = x[100:].copy(), np.arange(100, 110) // 5 % 2
    other_x[3, 1, 1, 0] += 1
    other_y[3] = 1 - other_y[3]
    hashes = [
        sha256(),
        sha256(x_test=other_x),
        sha256(y_test=other_y),
        sha256(x_train=x[:100].astype(np.int16)),
        sha256(validation_every=5),
    ]
    assert len(set(hashes)) == len(hashes)
    assert sha256() == hashes[0]


@pytest.mark.parametrize(
    ("stored", "kept"),
    [("u1", "u1"), ("i2", "i2"), ("f4", "f4"), ("f2", "f4"), ("f8", "f4"), ("i8", "f4")],
)
def test_sensor_values_keep_their_type_and_wide_ones_become_float32(numbered, stored, kept):
    x = (np.arange(440) % 100).reshape(110, 2, 2, 1).astype(stored)
    loaded = load_dataset(DataConfig(source=numbered(x_train=x[:100], x_test=x[100:])))
    assert loaded.x_train.dtype == loaded.x_test.dtype == np.dtype(kept)
    assert np.array_equal(loaded.x_test, x[100:])


def test_samples_of_equal_sides_are_grey_images(tmp_path):
    y = np.array([0, 1] * 6)
    square, signal = np.ones((12, 5, 5), np.uint8), np.ones((12, 5, 4), np.uint8)
    for x, shape in ((square, (5, 5, 1)), (signal, (5, 4))):
        file, pool = tmp_path / "data.npz", tmp_path / "pool.npz"
        np.savez(file, x_train=x, y_train=y, x_test=x, y_test=y)
        np.savez(pool, x=x)
        dataset = load_dataset(DataConfig(source=str(file), unlabelled=str(pool)))
        assert dataset.input_shape == dataset.x_unlabelled.shape[1:] == shape


def test_class_names_travel_and_numbers_stand_in_for_them(numbered):
    named = load_dataset(DataConfig(source=numbered(class_names=["still", "wave"])))
    assert named.class_names == ("still", "wave")
    assert load_dataset(DataConfig(source=numbered())).class_names == ("0", "1")


def test_the_summary_describes_the_training_samples(dataset, blobs):
    summary = dataset.summary()
    assert summary.source == "blobs.npz"
    assert (summary.train_samples, summary.validation_samples, summary.test_samples) == (
        120,
        40,
        80,
    )
    assert summary.input_shape == (5, 5, 1)
    assert summary.input_range == (dataset.x_train.min(), dataset.x_train.max())
    assert summary.input_scale == 1 / 256


@given(
    arrays.arrays(
        np.float64, 3, elements=st.floats(-1e30, 1e30, allow_subnormal=False).filter(bool)
    )
)
def test_the_input_scale_is_the_largest_power_of_two_into_minus_one_to_one(x):
    scale = input_scale_for(x)
    assert math.frexp(scale)[0] == 0.5
    assert np.abs(x * scale).max() <= 1 < np.abs(x * (2 * scale)).max()


def test_the_fingerprint_is_that_of_the_bytes(numbered):
    before = fingerprint_source(DataConfig(source=numbered()))
    assert fingerprint_source(DataConfig(source=numbered())) == before
    changed = numbered(y_test=np.zeros(10, int))
    assert fingerprint_source(DataConfig(source=changed)) != before
    bundled = {"diabetes", "digits", "novelty", "segments"}
    for name in bundled:
        assert fingerprint_source(DataConfig(source=name)).startswith("scikit-learn ")
    assert set(SOURCES) == bundled | {"fashion-mnist"}
    with pytest.raises(DataError, match=r"no file 'absent\.npz'.*digits, fashion-mnist"):
        fingerprint_source(DataConfig(source="absent.npz"))


def test_a_data_set_never_changes(dataset):
    with pytest.raises(dataclasses.FrozenInstanceError):
        dataset.source = "other"
