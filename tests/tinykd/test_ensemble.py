"""Several teachers: what they say together, in which forms they come, and who is wrong."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tinykd
from tinykd.cli.options import assemble_config
from tinykd.config import DistillConfig, TeacherConfig, load_config, parse_config
from tinykd.errors import ConfigError, TeacherError, TinykdError
from tinykd.evaluate.ask import ask_float_models
from tinykd.losses.soft_targets import soft_target_kl
from tinykd.probabilities import as_logits
from tinykd.progress import Silent
from tinykd.tasks.combine import COMBINATIONS, combine_logits
from tinykd.teachers.ensemble import count_teachers, open_given, open_teachers, prepare_teachers
from tinykd.teachers.files import check_teacher_source, hash_file
from tinykd.teachers.soft_targets import compute_soft_targets
from tinykd.teachers.teacher import Teacher
from tinykd.training import accuracy

RNG = np.random.default_rng(0)
TABLES = [RNG.normal(0, 3, (20, 4)).astype(np.float32) for _ in range(3)]
LABELS = RNG.integers(0, 4, 20)


def softmax(logits):
    powers = np.exp(np.float64(logits) - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def weighted(tables):
    """Weights in proportion to the probability of the label."""
    p = np.stack([softmax(table) for table in tables])
    of_label = p[:, np.arange(20), LABELS]
    return ((of_label / of_label.sum(axis=0))[..., np.newaxis] * p).sum(axis=0)


EXPECTED = {
    "probabilities": lambda tables: np.mean([softmax(table) for table in tables], axis=0),
    "logits": lambda tables: softmax(np.mean(tables, axis=0)),
    "confidence": weighted,
}


@pytest.mark.parametrize("how", COMBINATIONS)
def test_together_they_say_what_the_formula_says(how):
    combined = combine_logits(TABLES, how, LABELS)
    assert combined.dtype == np.float32
    np.testing.assert_allclose(softmax(combined), EXPECTED[how](TABLES), rtol=1e-5)  # float32
    shifted = [table + constant for table, constant in zip(TABLES, (5, -7, 100), strict=True)]
    np.testing.assert_allclose(
        softmax(combine_logits(shifted, how, LABELS)), softmax(combined), rtol=1e-4
    )  # a constant is not seen, but for its rounding
    assert np.isfinite(combine_logits([table * 1000 for table in TABLES], how, LABELS)).all()
    assert combine_logits(TABLES[:1], how, LABELS) is TABLES[0]
    np.testing.assert_allclose(
        softmax(combine_logits([TABLES[0]] * 3, how, LABELS)), softmax(TABLES[0]), rtol=1e-5
    )


def test_the_temperature_of_a_mean_of_logits_is_that_of_each():
    """Of probabilities it is not: there the temperature follows the mean."""
    each = np.prod([softmax(table / 4) for table in TABLES], axis=0) ** (1 / 3)
    together = softmax(combine_logits(TABLES, "logits") / 4)
    np.testing.assert_allclose(together, each / each.sum(axis=1, keepdims=True), rtol=1e-5)
    mean = np.mean([softmax(table) for table in TABLES], axis=0) ** (1 / 4)
    together = softmax(combine_logits(TABLES, "probabilities") / 4)
    np.testing.assert_allclose(together, mean / mean.sum(axis=1, keepdims=True), rtol=1e-5)


def test_a_teacher_that_is_wrong_hardly_counts_by_confidence():
    right = np.float32(np.eye(4))[LABELS] * 8
    wrong = np.roll(right, 1, axis=1)
    by_mean = softmax(combine_logits([right, wrong, wrong], "probabilities", LABELS))
    assert accuracy(by_mean, LABELS) == 0.0
    by_confidence = softmax(combine_logits([right, wrong, wrong], "confidence", LABELS))
    assert by_confidence[np.arange(20), LABELS].min() > 0.99
    without_labels = combine_logits(TABLES, "confidence")
    assert np.array_equal(without_labels, combine_logits(TABLES, "probabilities"))


def test_losses_take_the_answer_of_an_ensemble_for_logits():
    """It is a logarithm of probabilities: nobody takes the logarithm again."""
    combined = combine_logits(TABLES, "probabilities")
    assert as_logits(combined) is combined
    kd = soft_target_kl(TABLES[0], combined, 1.0)
    p, q = EXPECTED["probabilities"](TABLES), softmax(TABLES[0])
    assert float(kd) == pytest.approx(float((p * np.log(p / q)).sum(axis=1).mean()), rel=1e-5)


def network(library=keras, classes=4, seed=0, activation=None):
    library.utils.set_random_seed(seed)
    inputs = library.layers.Input((5, 5, 1))
    x = library.layers.Rescaling(1 / 255)(inputs)
    x = library.layers.Dense(classes, activation=activation)(library.layers.Flatten()(x))
    return library.Model(inputs, x)


@pytest.fixture(scope="module")
def forms(tmp_path_factory, blobs):
    """One network as a Keras file, a SavedModel, a ``.tflite`` and an array; and two others."""
    place = tmp_path_factory.mktemp("forms")
    model = network(tf_keras, seed=3)
    model.save(place / "teacher.h5")
    tf.saved_model.save(model, str(place / "saved"))
    tflite = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    (place / "teacher.tflite").write_bytes(tflite)
    np.save(place / "logits.npy", model.predict(np.float32(blobs["x_train"]), verbose=0))
    network(seed=1, activation="softmax").save(place / "other.keras")
    network(classes=3).save(place / "three.keras")
    np.save(place / "short.npy", np.zeros((7, 4), np.float32))
    np.save(place / "nan.npy", np.full((160, 4), np.nan, np.float32))
    return place


pytestmark = pytest.mark.filterwarnings(
    "ignore:You are saving your model as an HDF5 file:UserWarning"
)


def given(forms, *names, **settings):
    config = TeacherConfig(paths=tuple(str(forms / name) for name in names), **settings)
    return lambda dataset: open_given(config, dataset)


@pytest.mark.parametrize("name", ["saved", "teacher.tflite", "logits.npy"])
def test_a_teacher_in_any_form_says_the_same(dataset, forms, name):
    expected, found = (
        compute_soft_targets(given(forms, which)(dataset), dataset, augment=(), progress=Silent())
        for which in ("teacher.h5", name)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)  # other kernels' float32
    (teacher,) = given(forms, name)(dataset).members
    validation = teacher.logits(dataset.x_validation, progress=Silent(), why="test")
    (whole,) = given(forms, "teacher.h5")(dataset).members
    np.testing.assert_allclose(
        validation,
        whole.logits(dataset.x_validation, progress=Silent(), why="test"),
        rtol=1e-4,
        atol=1e-5,
    )


def test_each_file_has_its_own_input_scale(dataset, forms, tmp_path):
    """A network without its Rescaling layer, on scaled samples, says what it says with it."""
    flatten, dense = tf_keras.models.load_model(forms / "teacher.h5").layers[2:]
    inputs = tf_keras.layers.Input((5, 5, 1))
    tf_keras.Model(inputs, dense(flatten(inputs))).save(tmp_path / "scaled.h5")
    files = (str(forms / "other.keras"), str(tmp_path / "scaled.h5"))

    def answers(files, *scales):
        teachers = open_given(TeacherConfig(paths=files, input_scales=scales), dataset)
        return teachers.logits(dataset.x_validation, progress=Silent(), why="test")

    expected = answers((files[0], str(forms / "teacher.h5")))
    np.testing.assert_allclose(answers(files, 1.0, 1 / 255), expected, rtol=1e-4, atol=1e-5)
    assert not np.allclose(answers(files), expected, atol=0.1)


def test_files_and_networks_trained_here_teach_together(dataset, forms, tmp_path):
    """Each is judged by itself, and all together; what was trained is not trained again."""
    files = [str(forms / name) for name in ("other.keras", "teacher.tflite")]
    config = TeacherConfig(paths=files, ensemble=2, width=4, epochs=2, batch_size=32)
    assert count_teachers(config) == 4
    result = prepare_teachers(config, dataset, seed=0, folder=tmp_path, progress=Silent())
    names = ["other.keras", "teacher.tflite", "trained here", "trained here, number 2"]
    assert [member.description for member in result.members] == names
    assert result.description == "4 teachers, combined by probabilities"
    assert result.parameters == sum(member.parameters for member in result.members)
    assert {file.name for file in tmp_path.iterdir()} == {"teacher.keras", "teacher_1.keras"}
    curves = [member.curve for member in result.members]
    assert curves[:2] == [None, None]
    assert curves[2].loss != curves[3].loss
    ensemble = open_teachers(config, dataset, trained=tmp_path)
    own = [m.logits(dataset.x_validation, progress=Silent(), why="") for m in ensemble.members]
    together = ensemble.logits(dataset.x_validation, progress=Silent(), why="")
    assert np.array_equal(together, combine_logits(own, "probabilities"))
    assert result.validation_accuracy == accuracy(together, dataset.y_validation)
    for logits, member in zip(own, result.members, strict=True):
        assert member.validation_accuracy == accuracy(logits, dataset.y_validation)


def test_a_stop_between_two_teachers_trains_neither_again(dataset, tmp_path):
    config = TeacherConfig(ensemble=2, width=4, epochs=2, batch_size=32)
    trained = []

    class Stopping(Silent):
        def task(self, description, total=None):
            if not trained and description == "teacher 2: training":
                raise KeyboardInterrupt
            return super().task(description, total)

    settings = {"seed": 0, "folder": tmp_path}
    with pytest.raises(KeyboardInterrupt):
        prepare_teachers(config, dataset, progress=Stopping(), **settings)
    assert (tmp_path / "checkpoint.npz").exists()
    trained.append(None)
    resumed = prepare_teachers(config, dataset, progress=Stopping(), **settings)
    (whole := tmp_path / "whole").mkdir()
    expected = prepare_teachers(config, dataset, progress=Silent(), **settings | {"folder": whole})
    assert resumed == expected


def test_confidence_looks_at_the_labels_of_every_view(dataset, forms):
    ensemble = given(forms, "other.keras", "teacher.h5", combine="confidence")(dataset)
    targets = compute_soft_targets(ensemble, dataset, augment=("shift",), progress=Silent())
    apart = [
        compute_soft_targets(member, dataset, augment=("shift",), progress=Silent())
        for member in ensemble.members
    ]
    labels = np.tile(dataset.y_train, 9)
    assert np.array_equal(targets, combine_logits(apart, "confidence", labels))
    assert not np.array_equal(targets, combine_logits(apart, "probabilities"))


REFUSED = {
    "three.keras": "three.keras: gives 3 values for a sample, but the data has 4 classes",
    "short.npy": r"short.npy: has float32 \(7, 4\); needed: .* \(160, 4\)",
    "nan.npy": "nan.npy: holds NaN",
    "nothing.tflite": "there is no file '.*nothing.tflite'",
    "empty": "is not a .keras or .h5 file, a .tflite, an array",
}


@pytest.mark.parametrize(("name", "message"), REFUSED.items())
def test_the_one_that_does_not_suit_is_named(dataset, forms, name, message):
    with pytest.raises(TeacherError, match=message) as caught:
        given(forms, "teacher.h5", name)(dataset)
    assert "\n" not in str(caught.value)


def test_an_array_knows_nothing_of_views_nor_of_the_test_split(dataset, forms):
    ensemble = given(forms, "teacher.h5", "logits.npy")(dataset)
    with pytest.raises(TeacherError, match=r'Set distill\.augment = "none"'):
        compute_soft_targets(ensemble, dataset, augment=("shift",), progress=Silent())
    assert ask_float_models(ensemble, {}, dataset, progress=Silent()) == []
    both = given(forms, "teacher.h5", "other.keras")(dataset)
    (row,) = ask_float_models(both, {}, dataset, progress=Silent())
    assert (row.description, row.parameters) == ("2 teachers together", 208)


def test_features_of_several_teachers_are_refused(dataset, forms):
    with pytest.raises(ConfigError, match="needs one teacher, and there are 2"):
        _ = given(forms, "teacher.h5", "other.keras")(dataset).trainee
    with pytest.raises(ConfigError, match="does not show the features"):
        _ = given(forms, "teacher.tflite")(dataset).trainee
    assert given(forms, "other.keras")(dataset).trainee.input_scale == 1.0


def test_the_configuration_names_one_or_several(tmp_path):
    file = tmp_path / "c.toml"
    file.write_text('[teacher]\npaths = ["a.keras", "b.tflite", "/c/saved"]\nensemble = 2')
    paths = load_config(file).teacher.files
    assert paths == (str(tmp_path / "a.keras"), str(tmp_path / "b.tflite"), "/c/saved")
    assert TeacherConfig(path="x.keras").files == ("x.keras",)
    assert count_teachers(TeacherConfig()) == count_teachers(TeacherConfig(path="x.keras")) == 1
    for wrong in ({"path": "a.keras", "paths": ["b.keras"]}, {"combine": "mean"}, {"paths": [1]}):
        with pytest.raises(ConfigError, match="teacher"):
            parse_config({"teacher": wrong}, source="test")


def test_there_is_a_scale_for_each_file():
    given = TeacherConfig(paths=("a.h5", "b.h5"), input_scales=(1.0, 0.5)).given
    assert given == (("a.h5", 1.0), ("b.h5", 0.5))
    assert TeacherConfig(path="a.h5", input_scale=0.5).given == (("a.h5", 0.5),)
    with pytest.raises(ConfigError, match=r"input_scales has 1 values for 2 files\. Give one"):
        parse_config({"teacher": {"paths": ["a", "b"], "input_scales": [1.0]}}, source="test")
    with pytest.raises(ConfigError, match=r"teacher.input_scales.0: input should be greater"):
        parse_config({"teacher": {"path": "a", "input_scales": [0.0]}}, source="test")


def test_commands_know_whose_scale_it_is(cli, dataset, blobs_file, forms, tmp_path):
    """`--check` takes that of its file; teachers of the command line have none of the others'."""
    model = network(tf_keras, seed=3)
    model.layers[-1].bias.assign([0.0, 0.0, 0.0, 0.1])  # what it says of dark samples
    model.save(tmp_path / "mine.h5")
    (tmp_path / "c.toml").write_text(
        f'[teacher]\npaths = ["mine.h5", "{forms}/other.keras"]\n'
        "input_scales = [0.001, 1.0]\nwidth = 4\nepochs = 1"
    )
    shared = (tmp_path / "c.toml", "--data", blobs_file, "--quiet", "--json")

    def score(*arguments):
        outcome = cli("teacher", *arguments)
        assert outcome.code == 0, outcome.err
        return json.loads(outcome.out)["validation_accuracy"]

    plain = ("--data", blobs_file, "--quiet", "--json", "--check")
    assert score(*shared, "--check", forms / "other.keras") == score(*plain, forms / "other.keras")
    of_dark_samples = np.mean(dataset.y_validation == 3)
    assert score(*shared, "--check", tmp_path / "mine.h5") == of_dark_samples
    assert score(*plain, tmp_path / "mine.h5") != of_dark_samples
    score(*shared, "--out", tmp_path / "t")  # trains one, whatever the files are multiplied by
    config = assemble_config(tmp_path / "c.toml", None, teachers=["a.keras"])
    assert config.teacher.given == (("a.keras", 1.0),)


def test_a_folder_is_hashed_with_its_names(tmp_path):
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"a")
    before = hash_file(check_teacher_source(str(folder)))
    (folder / "saved_model.pb").rename(folder / "b")
    assert hash_file(folder) != before


def test_several_teachers_from_python(dataset, forms):
    """A model, a file and an array; the same as one array of what they say together."""
    data = (dataset.x_train, dataset.y_train, dataset.x_validation, dataset.y_validation)
    model = network(seed=7)
    known = np.float32(np.eye(4))[dataset.y_train] * 4
    settings = {"epochs": 3, "batch_size": 32, "baseline": False}
    taught = tinykd.distill(
        [model, forms / "other.keras", known], network(), data, combine="confidence", **settings
    )
    answers = [
        as_logits(np.asarray(teacher(np.float32(dataset.x_train))))
        for teacher in (model, keras.saving.load_model(forms / "other.keras"))
    ]
    together = combine_logits([*answers, known], "confidence", dataset.y_train)
    same = tinykd.distill(together, network(), data, **settings)
    for a, b in zip(taught.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)  # float32, three epochs
    for teachers, message in (
        ([known, known[:, :3]], r"teacher 2: answers have shape \(120, 3\)"),
        ([], "the list is empty"),
    ):
        with pytest.raises(TeacherError, match=message):
            tinykd.distill(teachers, network(), data, **settings)
    with pytest.raises(ConfigError, match="there is no 'mean'"):
        tinykd.distill(known, network(), data, combine="mean", **settings)
    with pytest.raises(ConfigError, match="needs one teacher"):
        tinykd.distill([model, known], network(), data, loss="hint", **settings)


def asked_again(_x):
    pytest.fail("the answers are there")


def test_several_teachers_in_a_distiller(dataset, forms):
    """What they say together in a step is what the table says."""
    teachers = [network(seed=1, activation="softmax"), network(tf_keras, seed=2)]
    x, y = np.float32(dataset.x_train), dataset.y_train
    answers = [as_logits(np.asarray(teacher(x))) for teacher in teachers]
    distiller = tinykd.Distiller(teachers, network())
    together = np.asarray(distiller.aside.teacher(x, training=False))
    np.testing.assert_allclose(together, combine_logits(answers, "probabilities"), rtol=1e-4)
    before = [teacher.get_weights() for teacher in teachers]
    distiller.compile("adam", "kd")
    start = distiller.student.get_weights()
    distiller.fit(x, y, epochs=1, verbose=0)
    assert not np.array_equal(start[0], distiller.student.get_weights()[0])
    for teacher, weights in zip(teachers, before, strict=True):
        assert all(map(np.array_equal, weights, teacher.get_weights()))
    with pytest.raises(TinykdError, match="teacher 2 gives 3 values for a sample and the first 4"):
        tinykd.Distiller([teachers[0], network(classes=3)], network()).aside.teacher(x)
    with pytest.raises(ConfigError, match="features are those of one teacher"):
        tinykd.Distiller(teachers, network(), features={})
    with pytest.raises(TinykdError, match="the same model"):
        tinykd.Distiller([teachers[0], distiller.student], distiller.student)
    with pytest.raises(TinykdError, match="the list is empty"):
        tinykd.Distiller([], network())


def test_several_teachers_in_a_build(cli, blobs_file, forms, tmp_path):
    """Refused before anything is trained: features of two, and an array beside views."""
    teachers = [f for name in ("other.keras", "logits.npy") for f in ("--teacher", forms / name)]
    for settings, message in (
        ("", "knows nothing of augmented samples"),
        ("loss = 'hint'\naugment = 'none'", "needs one teacher, and there are 3"),
    ):
        config = tmp_path / "c.toml"
        config.write_text(f"[teacher]\nensemble = 1\n[distill]\n{settings}")
        arguments = ("build", config, "--data", blobs_file, "--quiet", *teachers)
        outcome = cli(*arguments, "--out", tmp_path / "build")
        assert outcome.code == 1
        assert message in outcome.err
        assert outcome.err.count("\n") == 1
        assert not list(tmp_path.rglob("*.keras"))


def test_several_teachers_on_the_command_line(cli, blobs_file, forms, tmp_path, monkeypatch):
    """A file is asked once, whatever the seed; an array has its answers with it."""
    monkeypatch.setenv("TINYKD_CACHE", str(tmp_path / "cache"))
    config = tmp_path / "c.toml"
    lesson = DistillConfig(epochs=2, augment="none")
    config.write_text(
        f"[student]\narchitecture = 'mlp'\n[distill]\nepochs = {lesson.epochs}\naugment = 'none'"
    )
    teachers = [f for name in ("other.keras", "logits.npy") for f in ("--teacher", forms / name)]
    arguments = ("distill", config, "--data", blobs_file, "--quiet", "--json", *teachers)
    outcome = cli(*arguments, "--out", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["loss"] == "ls_kd"
    assert len(list((tmp_path / "cache").glob("*.npy"))) == 1
    monkeypatch.setattr(Teacher, "answer", property(lambda _self: asked_again))
    only = arguments[:-2]  # without the array
    again = cli(*only, "--seed", 1, "--out", tmp_path / "again")
    assert again.code == 0, again.err
    wrong = cli(*arguments, "--teacher", forms / "three.keras", "--out", tmp_path / "wrong")
    assert "three.keras: gives 3 values" in wrong.err
