"""The commands around a build: each on the files of a real one, for people and for machines."""

import json
import tomllib
from dataclasses import replace

import numpy as np
import pytest

from firmware_export.passes import PASSES
from firmware_export.target import BOARDS
from firmware_export.tflite_writer import write_tflite
from tests.firmware.dead_channels import SATURATING, chained
from tests.firmware.fixtures.single_ops import conv_2d
from tinykd import find_recipe, load_config, read_report
from tinykd.cli.student_command import choice_lines
from tinykd.config import DataConfig, parse_config, resolve_paths
from tinykd.datasets import load_dataset
from tinykd.recipes import RECIPES
from tinykd.report import FORMATS
from tinykd.results import Budget, StudentChoice, StudentCost
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
    removed = facts["removed"]["macs"]  # of channels that training left constant, if any
    assert facts["macs"] + removed >= digits_build.report["student"]["macs"]


@pytest.fixture
def half_dead(tmp_path):
    """A convolution whose channels 0 and 3 are constant, read by another one."""
    first = conv_2d("first", 1, channels=4)
    sums = first.input(2).values.copy()
    sums[[0, 3]] = -SATURATING
    bias = replace(first.input(2), data=sums)
    first = replace(first, inputs=(*first.inputs[:2], bias))
    second = conv_2d("second", 2, image=first.output.shape, kernel=(1, 1))
    path = tmp_path / "half.tflite"
    path.write_bytes(write_tflite(chained(first, second)))
    return path


def test_what_constant_channels_would_have_cost_is_reported(cli, half_dead, tmp_path):
    left_out = "2 channels that never change, with 2,688 MACs and 72 bytes of weights"
    assert left_out in cli("export", half_dead, "--out", tmp_path).out
    assert left_out in " ".join(cli("profile", half_dead).out.split())
    expected = {"channels": 2, "macs": 42 * (2 * 27 + 5 * 2), "weights_bytes": 2 * 31 + 5 * 2}
    assert answer(cli("export", half_dead, "--out", tmp_path, "--json"))["removed"] == expected
    assert answer(cli("profile", half_dead, "--json"))["removed"] == expected


def test_export_dumps_the_graph_after_every_pass(cli, half_dead, tmp_path):
    cli("export", half_dead, "--out", tmp_path, "--dump-ir", tmp_path / "ir")
    first, *_, last = sorted(file.name for file in (tmp_path / "ir").iterdir())
    assert (first, last) == ("00_read.txt", f"{len(PASSES) + 1:02}_fuse_add.txt")
    assert "[4, 3, 3, 3]" in (tmp_path / "ir" / first).read_text()
    assert "[2, 3, 3, 3]" in (tmp_path / "ir" / last).read_text()


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
    assert result["macs"] + result["removed"]["macs"] >= digits_build.report["student"]["macs"]


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
    assert {row["architecture"] for row in rows} == set(STUDENTS) - {"autoencoder"}
    (ds_cnn,) = (row for row in rows if row["architecture"] == "ds_cnn")
    assert ds_cnn == digits_build.report["student"]
    text = cli("student", "--width", "0.5").out
    assert f"{ds_cnn['parameters']:,}" in text


def test_student_within_a_budget_ranks_by_macs_what_suits_the_samples(cli):
    outcome = cli("student", "--macs", "4000", "--flash", "50000", "--json")
    choice = answer(outcome)
    assert choice["budget"]["macs"] == 4_000
    assert {row["architecture"] for row in choice["students"]} == {"mlp", "cnn1d"}
    assert {row["architecture"] for row in choice["too_large"]} == {"ds_cnn", "resnet8"}
    macs = [row["macs"] for row in choice["students"]]
    assert 4_000 >= macs[0] > macs[1]
    assert {row["limited_by"] for row in choice["students"]} == {"MACs"}
    assert "students: mlp" in outcome.err


def test_student_says_what_fits_what_does_not_and_what_to_configure(cli):
    fits = {"parameters": 900, "macs": 800, "flash_bytes": 5_100, "ram_bytes": 420}
    choice = StudentChoice(
        core="cortex-m4",
        compiler="zig cc -O3",
        budget=Budget(flash_bytes=6_000, ram_bytes=700),
        students=(StudentCost(architecture="mlp", width=0.32, limited_by="flash", **fits),),
        too_large=(
            StudentCost(
                architecture="resnet8", width=0.1, limited_by="RAM", **fits | {"ram_bytes": 1_234}
            ),
        ),
    )
    _titles, mlp, resnet8, bytes_of, configuration = choice_lines(choice)
    assert mlp.split() == ["mlp", "0.32", "900", "800", "5,100", "420", "flash"]
    assert resnet8.split()[:2] == ["resnet8", "0.1"]
    assert resnet8.endswith("1,234  RAM: does not fit")
    assert "cortex-m4 by zig cc -O3, within 6,000 bytes of flash, 700 of RAM" in bytes_of
    settings = configuration.removeprefix("In the configuration: ").replace(", ", "\n")
    assert parse_config(tomllib.loads(settings), source="").student.width == 0.32


@pytest.mark.parametrize("recipe", RECIPES)
def test_init_writes_a_file_that_builds_the_recipe(cli, tmp_path, recipe):
    file = tmp_path / "mine.toml"
    outcome = cli("init", file, "--recipe", recipe)
    assert outcome.out == f"Wrote {file}. Next: tinykd build {file}\n"
    assert load_config(file) == resolve_paths(find_recipe(recipe), tmp_path)


def test_init_replaces_a_file_only_when_told(cli, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("mine")
    assert cli("init", file).code == 1
    assert file.read_text() == "mine"
    assert cli("init", file, "--force").code == 0
    assert load_config(file) == find_recipe("digits")
