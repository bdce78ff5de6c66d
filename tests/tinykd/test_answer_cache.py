"""Teachers' answers on disk: asked once, whoever asks, and never taken for another's."""

import multiprocessing
import signal
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tinykd import doctor
from tinykd.api.data import read_data
from tinykd.api.lessons import learn_from
from tinykd.api.teacher import as_list
from tinykd.config import DistillConfig
from tinykd.errors import ArtifactError
from tinykd.progress import Silent
from tinykd.teachers import cache as module
from tinykd.teachers.cache import AnswerCache, cache_folder, user_cache
from tinykd.teachers.forms import open_any_form
from tinykd.teachers.soft_targets import compute_soft_targets
from tinykd.teachers.teacher import Teacher, open_teacher, open_trained

X = np.arange(50, dtype=np.float32).reshape(25, 2)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 10)


class Asked:
    """A teacher of three classes that counts the samples it is asked about."""

    def __init__(self, stop_after=None):
        self.samples, self.stop_after = 0, stop_after

    def __call__(self, x):
        if self.stop_after is not None and self.samples >= self.stop_after:
            raise KeyboardInterrupt
        self.samples += len(x)
        return np.float32(x @ [[1, 2, 3], [4, 5, 6]]) / 7


def ask(folder, teacher, x=X, *, name="a", **settings):
    settings = {"classes": 3, "depends_on": {"teacher": name}} | settings
    return AnswerCache(folder).ask(teacher, x, **settings)


def table(folder):
    (file,) = folder.glob("*.npy")
    return file


def test_a_teacher_is_asked_once(tmp_path):
    first, told = Asked(), []
    expected = ask(tmp_path, first, advance=told.append)
    assert np.array_equal(expected, Asked()(X))
    assert told == [0, 10, 20, 25]
    again = Asked()
    assert np.array_equal(ask(tmp_path, again), expected)
    assert (first.samples, again.samples) == (25, 0)
    assert isinstance(expected, np.memmap)
    assert not expected.flags.writeable


OTHERS = {
    "teacher": {"name": "b"},
    "sample": {"x": np.where(X == 7, 8, X)},
    "order": {"x": X[::-1]},
    "shape": {"x": X.reshape(25, 2, 1)[..., 0].reshape(25, 2)[:24]},
    "type": {"x": X.astype(np.float64)},
    "input scale": {"depends_on": {"teacher": "a", "input_scale": 0.5}},
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_anything_else_is_asked_anew(tmp_path, other):
    ask(tmp_path, Asked())
    teacher = Asked()
    answers = ask(tmp_path, teacher, **other)
    assert teacher.samples == len(answers) > 0


def test_another_tensorflow_is_asked_anew(tmp_path, monkeypatch):
    ask(tmp_path, Asked())
    monkeypatch.setattr(module.metadata, "version", lambda package: "99")
    ask(tmp_path, teacher := Asked())
    assert teacher.samples == 25


@pytest.mark.parametrize("rest", [b"", b"half a row"])
def test_one_that_was_stopped_goes_on_to_the_same_bytes(tmp_path, rest):
    whole = ask(tmp_path / "whole", Asked())
    with pytest.raises(KeyboardInterrupt):
        ask(tmp_path / "stopped", Asked(stop_after=20))
    (partial,) = (tmp_path / "stopped").glob("*.partial")
    partial.write_bytes(partial.read_bytes() + rest)
    told, teacher = [], Asked()
    assert np.array_equal(ask(tmp_path / "stopped", teacher, advance=told.append), whole)
    assert teacher.samples == 5
    assert told == [20, 25]
    same = [table(tmp_path / place).read_bytes() for place in ("whole", "stopped")]
    assert same[0] == same[1]
    assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"\x93NUMPY" + bytes(400)])
def test_an_unfinished_table_that_is_damaged_is_begun_anew(tmp_path, content):
    with pytest.raises(KeyboardInterrupt):
        ask(tmp_path, Asked(stop_after=20))
    (partial,) = tmp_path.glob("*.partial")
    partial.write_bytes(content)
    ask(tmp_path, teacher := Asked())
    assert teacher.samples == 25


DAMAGES = {
    "a bit": lambda file: file.write_bytes(file.read_bytes()[:-1] + b"\x00"),
    "cut short": lambda file: file.write_bytes(file.read_bytes()[:-12]),
    "empty": lambda file: file.write_bytes(b""),
    "gone": Path.unlink,
    "no hash": lambda file: file.with_suffix(".sha256").unlink(),
    "no text": lambda file: file.with_suffix(".sha256").write_bytes(b"\xff\xfe"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_table_is_asked_for_again(tmp_path, damage):
    expected = np.array(ask(tmp_path, Asked()))
    damage(table(tmp_path))
    assert np.array_equal(ask(tmp_path, teacher := Asked()), expected)
    assert teacher.samples == 25
    ask(tmp_path, again := Asked())
    assert again.samples == 0


def ask_from_a_process(folder, asked):
    module.CHUNK = 10

    def slowly(x):
        asked.put(len(x))
        signal.sigtimedwait([], 0.05)
        return Asked()(x)

    ask(folder, slowly)


def test_two_processes_at_once_ask_once(tmp_path):
    context = multiprocessing.get_context("fork")
    asked = context.Queue()
    both = [context.Process(target=ask_from_a_process, args=(tmp_path, asked)) for _ in range(2)]
    for process in both:
        process.start()
    samples = [asked.get(timeout=60) for _ in range(3)]
    for process in both:
        process.join(timeout=60)
    assert [process.exitcode for process in both] == [0, 0]
    assert (samples, asked.empty()) == ([10, 10, 5], True)
    assert np.array_equal(np.load(table(tmp_path)), Asked()(X))


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ArtifactError, match=r"cannot keep the teacher's answers.*TINYKD_CACHE"):
        ask(tmp_path / "file", Asked())


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.setenv("TINYKD_CACHE", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"
    check = doctor._cache()
    assert check.ok
    assert str(tmp_path / "here") in check.detail
    monkeypatch.setenv("TINYKD_CACHE", "")
    assert cache_folder() is None
    monkeypatch.delenv("TINYKD_CACHE")
    monkeypatch.setattr(module.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    assert cache_folder() == tmp_path / "user" / "tinykd"
    assert user_cache() == AnswerCache(tmp_path / "user" / "tinykd")
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert user_cache() is None  # nobody asked for a cache: it is done without
    monkeypatch.setenv("TINYKD_CACHE", str(tmp_path / "file"))
    assert user_cache() == AnswerCache(tmp_path / "file")
    check = doctor._cache()
    assert (check.ok, check.needed) == (False, True)


def asked_again(_x):
    pytest.fail("the answers are there")


def network(*, shift=0.0):
    keras.utils.set_random_seed(0)
    inputs = keras.layers.Input((5, 5, 1))
    model = keras.Model(inputs, keras.layers.Dense(4)(keras.layers.Flatten()(inputs)))
    model.set_weights([model.get_weights()[0] + shift, model.get_weights()[1]])
    return model


def test_soft_targets_come_from_the_cache(dataset, tmp_path, monkeypatch):
    """Each view is a table: more augmentation asks only about what is new."""
    network().save(tmp_path / "teacher.keras")
    cache = AnswerCache(tmp_path / "cache")

    def targets(teacher, augment=(), cache=cache):
        return compute_soft_targets(
            teacher, dataset, augment=augment, progress=Silent(), cache=cache
        )

    def kept():
        return len(list(cache.folder.glob("*.npy")))

    teacher = open_teacher(tmp_path / "teacher.keras", dataset)
    plain = targets(teacher)
    assert kept() == 1
    assert np.array_equal(plain, targets(teacher, cache=None))
    assert np.array_equal(targets(teacher, ("shift",))[:120], plain)
    assert kept() == 9
    scaled = open_teacher(tmp_path / "teacher.keras", dataset, input_scale=0.5)
    assert not np.array_equal(targets(scaled), plain)
    network(shift=0.1).save(tmp_path / "teacher.keras")
    other = open_teacher(tmp_path / "teacher.keras", dataset)
    assert not np.array_equal(targets(other), plain)
    assert kept() == 11
    monkeypatch.setattr(Teacher, "answer", property(lambda _self: asked_again))
    assert np.array_equal(targets(teacher), plain)


def test_equal_weights_that_were_trained_here_are_one_teacher(dataset, tmp_path):
    for name, shift in {"a": 0.0, "b": 0.0, "c": 0.1}.items():
        network(shift=shift).save(tmp_path / f"{name}.keras")
    a, b, c = (open_trained(tmp_path / f"{name}.keras", dataset).identity for name in "abc")
    assert a == b != c


def test_a_build_and_python_share_what_is_kept(dataset, tmp_path, monkeypatch):
    model = network()
    model.save(tmp_path / "teacher.keras")
    model.export(tmp_path / "exported", verbose=False)
    lite = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    (tmp_path / "teacher.tflite").write_bytes(lite)
    monkeypatch.setenv("TINYKD_CACHE", str(tmp_path / "cache"))
    config = DistillConfig(augment="shift")
    split = read_data(dataset, validation_every=4, task=dataset.task)
    for name in ("teacher.keras", "teacher.tflite", "exported"):
        teacher = open_any_form(tmp_path / name, dataset, input_scale=1.0)
        targets = compute_soft_targets(
            teacher, dataset, augment=config.views, progress=Silent(), cache=user_cache()
        )
        tables = set((tmp_path / "cache").glob("*.npy"))
        rows = learn_from(split, as_list(tmp_path / name), config, 4, "probabilities")
        assert np.array_equal(rows.teacher_logits, targets)
        assert set((tmp_path / "cache").glob("*.npy")) == tables
    assert len(tables) == 27
