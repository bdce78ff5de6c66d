"""The commands around a build: each on the files of a real one, for people and for machines."""

import json

import numpy as np
import pytest

from firmware_export.target import BOARDS
from tinykd import find_recipe, load_config, read_report
from tinykd.config import DataConfig
from tinykd.datasets import load_dataset
from tinykd.recipes import RECIPES
from tinykd.report import FORMATS
from tinykd.students.architectures import STUDENTS


def answer(outcome):
    """The JSON that a command printed, when it went well."""
    assert outcome.code == 0, outcome.err
    return json.loads(outcome.out)


@pytest.fixture
def tflite(digits_build):
    return digits_build.folder / "digits.tflite"


def test_report_shows_what_the_build_showed(cli, digits_build):
    outcome = cli("report", digits_build.folder)
    assert outcome.out == digits_build.outcome.out


@pytest.mark.parametrize("format_name", ["json", "html"])
def test_report_in_other_formats_is_that_of_the_build(cli, digits_build, tmp_path, format_name):
    stored = (digits_build.folder / f"report.{format_name}").read_text()
    assert cli("report", digits_build.folder, "--format", format_name).out == stored
    file = tmp_path / "new" / "report.out"
    cli("report", digits_build.folder / "report.json", "--format", format_name, "--out", file)
    assert file.read_text() == stored


def test_report_as_text_fits_a_file(cli, digits_build, tmp_path):
    cli("report", digits_build.folder, "--out", tmp_path / "report.txt")
    report = read_report(digits_build.folder / "report.json")
    assert (tmp_path / "report.txt").read_text() == FORMATS["terminal"](report)


def test_evaluate_finds_the_scores_of_the_report(cli, digits_build, tflite):
    (teacher,) = digits_build.folder.glob(".stages/teacher-*/teacher.keras")
    scores = answer(cli("evaluate", tflite, teacher, "--json", "--quiet"))
    litert, tflm, c, keras = scores
    reported = {model["name"]: model for model in digits_build.report["models"]}
    shipped = digits_build.report["quantize"]["shipped"]
    for found, name in ((litert, shipped), (tflm, "tflm"), (c, "c"), (keras, "teacher")):
        assert found["top1_accuracy"] == reported[name]["top1_accuracy"], name
        assert found["ci95"] == reported[name]["ci95"], name
        assert found["samples"] == 597
    assert tflm["size_bytes"] == tflite.stat().st_size
    lines = cli("evaluate", tflite, "--quiet").out.splitlines()
    assert len(lines) == 3
    assert lines[2].startswith(f"{100 * c['top1_accuracy']:>6.2f} %")


def test_evaluate_refuses_a_model_for_other_classes(cli, tflite, tmp_path):
    data = load_dataset(DataConfig())
    few = {"x_test": data.x_test[:9], "y_test": data.y_test[:9] % 3}
    np.savez(tmp_path / "few.npz", x_train=data.x_train, y_train=data.y_train % 3, **few)
    outcome = cli("evaluate", tflite, "--data", tmp_path / "few.npz")
    assert outcome.code == 1
    assert "gives 10 values for a sample, but the data has 3 classes" in outcome.err


def test_export_writes_the_c_of_the_build(cli, digits_build, tflite, tmp_path):
    options = ("--to", "c", "--to", "c_array", "--to", "arduino", "--name", "digits")
    facts = answer(cli("export", tflite, *options, "--out", tmp_path, "--json"))
    for name in ("digits.h", "digits.c", "digits_model_data.h", "digits_model_data.cc"):
        written = (tmp_path / name).read_text()
        if name.startswith("digits."):
            assert written == (digits_build.folder / name).read_text()
        assert str(tmp_path / name) in facts["files"]
    assert (tmp_path / "digits" / "library.properties").exists()
    assert facts["arena_bytes"] == digits_build.report["footprint"]["arena_bytes"]
    assert facts["macs"] >= digits_build.report["student"]["macs"]


def test_export_for_people_says_what_it_wrote(cli, tflite, tmp_path):
    outcome = cli("export", tflite, "--out", tmp_path)
    assert outcome.out.splitlines()[0] == f"Wrote {tmp_path / 'digits.h'}"
    assert "bytes of arena" in outcome.out


def test_profile_measures_what_the_build_measured(cli, digits_build, tflite):
    result = answer(cli("profile", tflite, "--json"))
    assert result["board"] == "nano33ble"
    reported = digits_build.report["latency"]["nano33ble"]
    # Inputs are random here and samples there; code that skips clamps counts a little less.
    assert result["instructions"] == pytest.approx(reported["instructions"], rel=0.02)
    for key in ("flash_bytes", "ram_bytes", "arena_bytes", "stack_bytes"):
        assert result[key] == digits_build.report["footprint"][key]
    assert result["macs"] >= digits_build.report["student"]["macs"]


def test_profile_and_verify_take_the_samples_they_are_given(cli, tflite, tmp_path):
    np.save(tmp_path / "samples.npy", np.zeros((3, 64), np.int8))
    inputs = ("--inputs", tmp_path / "samples.npy")
    outcome = cli("profile", tflite, "--board", "pico2", *inputs)
    assert outcome.code == 0, outcome.err
    assert BOARDS["pico2"].name in " ".join(outcome.out.split())
    assert answer(cli("verify", tflite, *inputs, "--json"))["equal"] is True


@pytest.mark.parametrize(
    "content",
    [np.zeros((3, 64), np.float32), np.zeros((3, 63), np.int8), np.int8(3)],
    ids=["float", "wrong size", "no axis"],
)
@pytest.mark.parametrize("command", ["profile", "verify"])
def test_samples_that_are_none_are_refused(cli, tflite, tmp_path, command, content):
    np.save(tmp_path / "samples.npy", content)
    outcome = cli(command, tflite, "--inputs", tmp_path / "samples.npy")
    assert outcome.code == 1
    assert outcome.err.startswith("Error: ")
    assert outcome.err.count("\n") == 1, outcome.err


def test_boards_lists_the_table(cli):
    boards = answer(cli("boards", "--json"))
    assert [board["key"] for board in boards] == list(BOARDS)
    text = cli("boards").out
    assert all(key in text for key in BOARDS)


def test_doctor_finds_this_installation_healthy(cli):
    checks = answer(cli("doctor", "--json"))
    assert all(check["ok"] for check in checks if check["needed"])
    emulated = [check for check in checks if check["name"].startswith("C on an emulated")]
    assert [check["name"].split()[-1] for check in emulated] == ["cortex-m4", "riscv32"]
    assert all("unicorn" in check["detail"] for check in emulated)
    assert "MISSING" not in cli("doctor").out


def test_doctor_says_what_is_missing_and_fails(cli, monkeypatch):
    monkeypatch.setattr("tinykd.doctor.REQUIRED", ("tensorflow", "no-such-package"))
    outcome = cli("doctor")
    assert outcome.code == 1
    assert "MISSING  no-such-package" in outcome.out
    assert "pip install no-such-package" in outcome.out


def test_student_lists_what_each_would_cost(cli, digits_build):
    rows = answer(cli("student", "--width", "0.5", "--json"))
    assert {row["architecture"] for row in rows} == set(STUDENTS)
    (ds_cnn,) = (row for row in rows if row["architecture"] == "ds_cnn")
    assert ds_cnn == digits_build.report["student"]
    text = cli("student", "--width", "0.5").out
    assert f"{ds_cnn['parameters']:,}" in text


@pytest.mark.parametrize("recipe", RECIPES)
def test_init_writes_a_file_that_builds_the_recipe(cli, tmp_path, recipe):
    file = tmp_path / "mine.toml"
    outcome = cli("init", file, "--recipe", recipe)
    assert outcome.out == f"Wrote {file}. Next: tinykd build {file}\n"
    assert load_config(file) == find_recipe(recipe)


def test_init_replaces_a_file_only_when_told(cli, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("mine")
    assert cli("init", file).code == 1
    assert file.read_text() == "mine"
    assert cli("init", file, "--force").code == 0
    assert load_config(file) == find_recipe("digits")
