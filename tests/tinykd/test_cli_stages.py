"""Each stage as a command on files: together they go the way of a build."""

import json

import pytest

CONFIG = """
name = "tiny"
[teacher]
width = 4
epochs = 10
batch_size = 16
learning_rate = 0.01
[student]
architecture = "mlp"
width = 0.5
[distill]
epochs = 10
batch_size = 16
learning_rate = 0.01
augment = "none"
losses = { ls_kd = 0.9, labels = 0.1, hint = 0.1 }
[quantize]
epochs = 2
calibration_samples = 64
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stages")
    (folder / "tiny.toml").write_text(CONFIG)
    return folder


@pytest.fixture
def stage(cli, place, blobs_file, monkeypatch):
    """Run the command of a stage there; what it printed, as JSON."""
    monkeypatch.chdir(place)

    def run(command, *arguments, json_wanted=True):
        shared = (command, "tiny.toml", "--data", blobs_file, "--quiet")
        outcome = cli(*shared, *arguments, *["--json"] * json_wanted)
        assert outcome.code == 0, outcome.err
        return json.loads(outcome.out) if json_wanted else outcome.out

    return run


def visible(folder):
    return sorted(file.name for file in folder.iterdir() if not file.name.startswith("."))


def test_the_stages_one_after_the_other(stage, cli, place, blobs_file):
    trained = stage("teacher", "--out", "t")
    assert visible(place / "t") == ["teacher.keras"]
    checked = stage("teacher", "--check", "t/teacher.keras")
    assert checked["validation_accuracy"] == trained["validation_accuracy"]

    distilled = stage("distill", "--teacher", "t/teacher.keras", "--out", "s")
    assert visible(place / "s") == ["scratch.h5", "student.h5"]
    assert distilled["loss"] == "ls_kd + hint"
    assert distilled["weights"] == {"labels": 0.1, "ls_kd": 0.9, "hint": 0.1}

    patient = stage("distill", "--teacher", "t/teacher.keras", "--out", "p", "--longer", "3")
    assert len(patient["curves"][0]["loss"]) == 3 * len(distilled["curves"][0]["loss"])

    teaching = ("--student", "s/student.h5", "--teacher", "t/teacher.keras")
    quantized = stage("quantize", *teaching, "--out", "q")
    assert visible(place / "q") == ["ptq.tflite", "qat.h5", "qat.tflite"]
    assert quantized["float_validation_accuracy"] == distilled["student_validation_accuracy"]

    untaught = stage("quantize", "--student", "s/student.h5", "--out", "u")
    assert untaught["ptq_validation_accuracy"] == quantized["ptq_validation_accuracy"]
    assert untaught["curves"] != quantized["curves"]

    named = CONFIG.replace("[teacher]", '[teacher]\npath = "t/teacher.keras"')
    (place / "named.toml").write_text(named)
    taught = ("--student", "s/student.h5", "--out", "n", "--data", blobs_file, "--quiet", "--json")
    assert json.loads(cli("quantize", "named.toml", *taught).out) == quantized

    converted = stage("convert", "--student", "s/student.h5", "--out", "plain.tflite")
    assert (place / "plain.tflite").read_bytes() == (place / "q" / "ptq.tflite").read_bytes()
    assert converted["validation_accuracy"] == quantized["ptq_validation_accuracy"]
    assert converted["size_bytes"] == (place / "plain.tflite").stat().st_size

    data = ("--data", blobs_file, "--json", "--quiet")
    scores = json.loads(cli("evaluate", "q/qat.tflite", *data).out)
    assert [score["samples"] for score in scores] == [80] * 3

    shown = stage("convert", "--student", "s/student.h5", json_wanted=False)
    assert shown.startswith("model.tflite: ")
    assert "% on validation" in shown


def test_a_stage_that_was_stopped_goes_on(stage, cli, place, blobs_file, monkeypatch):
    """The same command takes up the checkpoint that Ctrl-C left."""
    from tinykd.teachers import teacher as module

    whole = stage("teacher", "--out", "whole")
    real, epochs = module.train, []

    def train(*arguments, advance, stop_at=0, **settings):
        def counted(done):
            epochs.append(done)
            advance(done)
            if done == stop_at:
                raise KeyboardInterrupt

        return real(*arguments, advance=counted, **settings)

    monkeypatch.setattr(module, "train", lambda *a, **k: train(*a, stop_at=4, **k))
    shared = ("teacher", "tiny.toml", "--data", blobs_file, "--quiet", "--out", "stopped")
    assert cli(*shared).code == 130
    assert visible(place / "stopped") == []
    monkeypatch.setattr(module, "train", train)
    assert stage("teacher", "--out", "stopped") == whole
    assert epochs[:5] == [1, 2, 3, 4, 5]
    assert visible(place / "stopped") == ["teacher.keras"]
