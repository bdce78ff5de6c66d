"""Data that is no classification task, or no data at all, is refused with the reason."""

import os
import pickle
import zipfile
from io import BytesIO

import numpy as np
import pytest

from tinykd.config import DataConfig
from tinykd.datasets import load_dataset
from tinykd.errors import DataError

NAN = np.where(np.arange(4000).reshape(160, 5, 5, 1) == 3 * 25 + 7, np.nan, 1.0)
BEYOND_FLOAT32 = np.where(np.isnan(NAN), 1e39, 1.0)
LABELS = np.arange(160) % 4

REFUSED = {
    "not a number": ({"x_train": NAN}, "x_train holds NaN, .* first in sample 3"),
    "infinity": ({"x_test": np.full((80, 5, 5, 1), np.inf)}, "x_test holds NaN, infinity"),
    "beyond float32": ({"x_train": BEYOND_FLOAT32}, "x_train holds .* first in sample 3"),
    "label too large": ({"y_test": np.full(80, 4)}, "y_test has labels 4..4; 4 classes allow 0..3"),
    "label below zero": ({"y_train": LABELS - 1}, "y_train has labels -1..2; 3 classes allow"),
    "label beyond names": ({"class_names": ["a", "b"]}, "labels 0..3; 2 classes allow 0..1"),
    "gap in the labels": ({"y_train": LABELS + (LABELS > 1)}, "no sample of class 2, of 5 classes"),
    "a label of billions": ({"y_train": LABELS + 2**40 * (LABELS > 2)}, "no sample of class 3, of"),
    "one class only": ({"y_train": LABELS * 0, "y_test": np.zeros(80, int)}, "one class only"),
    "one class of many": ({"y_train": LABELS * 0 + 3}, "one class only"),
    "real labels": ({"y_train": LABELS * 1.0}, "y_train is float64; integer labels"),
    "one-hot labels": ({"y_train": np.eye(4, dtype=int)[LABELS]}, r"needed: \(160,\)"),
    "fewer labels": ({"y_train": LABELS[:159]}, r"y_train has shape \(159,\); needed: \(160,\)"),
    "text for samples": ({"x_train": np.array(["a"] * 160)}, "x_train is <U1; numbers are needed"),
    "complex samples": ({"x_train": np.ones((160, 5, 5, 1), complex)}, "numbers are needed"),
    "no axes": ({"x_train": np.ones(160)}, r"x_train has shape \(160,\); needed"),
    "too many axes": ({"x_train": np.ones((160, 5, 5, 1, 1))}, "x_train has shape .* needed"),
    "empty": ({"x_train": np.ones((0, 5, 5, 1)), "y_train": LABELS[:0]}, "x_train is empty"),
    "no test samples": ({"x_test": np.ones((0, 5, 5, 1)), "y_test": LABELS[:0]}, "x_test is empty"),
    "no pixels": ({"x_train": np.ones((160, 0, 5, 1))}, "x_train is empty"),
    "zero everywhere": ({"x_train": np.zeros((160, 5, 5, 1))}, "x_train is zero everywhere"),
    "two shapes": ({"x_test": np.ones((80, 6, 5, 1))}, r"\(5, 5, 1\), x_test of \(6, 5, 1\)"),
    "names that are none": ({"class_names": [1, 2, 3, 4]}, "class_names must be a list of strings"),
    "a name for all": ({"class_names": "abcd"}, "class_names must be a list of strings"),
}


@pytest.mark.parametrize(("changes", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_arrays_that_make_no_task_are_refused(blobs, tmp_path, changes, message):
    file = tmp_path / "bad.npz"
    np.savez(file, **blobs | changes)
    with pytest.raises(DataError, match=message) as caught:
        load_dataset(DataConfig(source=str(file)))
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["x_train", "y_train", "x_test", "y_test"])
def test_a_missing_array_is_named(blobs, tmp_path, key):
    np.savez(tmp_path / "bad.npz", **{name: blobs[name] for name in blobs if name != key})
    with pytest.raises(DataError, match=f"lacks {key}"):
        load_dataset(DataConfig(source=str(tmp_path / "bad.npz")))


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({}, r"data\.group_by: .*bad\.npz has no array 'speaker'"),
        ({"speaker": np.zeros(159, int)}, r"'speaker' in .* is int64 \(159,\); needed: .* 160"),
        ({"speaker": np.zeros(160)}, r"'speaker' in .* is float64 \(160,\); needed"),
        (
            {"speaker": np.zeros(160, int)},
            "however one group in 2 is kept for validation, a class has no",
        ),
    ],
)
def test_groups_that_cannot_be_kept_together_are_refused(blobs, tmp_path, groups, message):
    np.savez(tmp_path / "bad.npz", **blobs | groups)
    config = DataConfig(source=str(tmp_path / "bad.npz"), group_by="speaker", validation_every=2)
    with pytest.raises(DataError, match=message):
        load_dataset(config)


@pytest.mark.parametrize("content", [b"", b"PK", os.urandom(3000)], ids=["empty", "two", "random"])
def test_what_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "bad.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"is not an \.npz archive, or is cut short"):
        load_dataset(DataConfig(source=str(tmp_path / "bad.npz")))


def test_an_archive_of_something_else_is_refused(blobs, tmp_path):
    with zipfile.ZipFile(tmp_path / "bad.npz", "w") as archive:
        for name in blobs:
            archive.writestr(name, b"5,3,8")
    with pytest.raises(DataError, match="x_train is not a NumPy array"):
        load_dataset(DataConfig(source=str(tmp_path / "bad.npz")))


class Hostile:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, (self.folder,)


@pytest.mark.parametrize("whole_file", [False, True])
def test_nothing_is_ever_unpickled(blobs, tmp_path, whole_file):
    Hostile.folder = str(tmp_path / "it ran")
    if whole_file:
        (tmp_path / "bad.npz").write_bytes(pickle.dumps(Hostile()))
    else:
        hostile = np.array([Hostile()] * 160, dtype=object)
        np.savez(tmp_path / "bad.npz", **blobs | {"x_train": hostile})
    with pytest.raises(DataError, match=r"is not an \.npz archive|holds pickled objects"):
        load_dataset(DataConfig(source=str(tmp_path / "bad.npz")))
    assert not (tmp_path / "it ran").exists()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_file_cut_anywhere_is_refused(blobs, tmp_path, save):
    whole, file = BytesIO(), tmp_path / "cut.npz"
    save(whole, **blobs)
    for length in np.linspace(0, len(whole.getvalue()) - 1, 50).astype(int):
        file.write_bytes(whole.getvalue()[:length])
        with pytest.raises(DataError, match=r"cut\.npz: is (not an|damaged)"):
            load_dataset(DataConfig(source=str(file)))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_damaged_file_is_refused_or_reads_as_before(blobs, tmp_path, save):
    whole, file = BytesIO(), tmp_path / "damaged.npz"
    save(whole, **blobs)
    file.write_bytes(whole.getvalue())
    expected = load_dataset(DataConfig(source=str(file))).summary()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole.getvalue())
        for position in rng.integers(len(damaged), size=rng.integers(1, 6)):
            damaged[position] ^= 1 << rng.integers(8)
        file.write_bytes(damaged)
        try:
            assert load_dataset(DataConfig(source=str(file))).summary() == expected
        except DataError:
            refused += 1
    assert refused > 200


def test_fashion_mnist_without_a_network_says_how_to_give_a_file(tinykd, tmp_path):
    nowhere = {"https_proxy": "http://127.0.0.1:9", "KERAS_HOME": str(tmp_path)}
    outcome = tinykd("student", "--recipe", "fashion-mnist", "--json", cwd=tmp_path, env=nowhere)
    assert outcome.code == 1
    assert outcome.err.count("\n") == 1, outcome.err
    assert outcome.out == ""
    assert "fashion-mnist could not be downloaded" in outcome.err
    assert "--data FILE.npz" in outcome.err
