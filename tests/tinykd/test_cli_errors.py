"""Bad input on the command line: one line, an exit code, in seconds; earlier results stay."""

import numpy as np
import pytest

BAD_CONFIGS = {
    "wrong type": ('distill.epochs = "many"', "distill.epochs: input should be a valid integer"),
    "unknown key": ("distil.epochs = 3", "unknown key 'distil'. Did you mean 'distill'?"),
    "impossible value": ("distill.alpha = 2.0", "distill.alpha: input should be less than"),
    "not TOML": ("epochs: 3", "is not valid TOML"),
    "unknown board": ('target.board = "uno"', "target.board: unknown board 'uno'"),
}

BAD_DATA = {
    "NaN": ({"x_train": np.full((160, 5, 5, 1), np.nan)}, "x_train holds NaN"),
    "label out of range": ({"y_test": np.full(80, 9)}, "y_test has labels 9..9"),
    "one class only": ({"y_train": np.zeros(160, int)}, "y_test has labels 0..3; 1 classes allow"),
    "empty": ({"x_test": np.zeros((0, 5, 5, 1)), "y_test": np.zeros(0, int)}, "x_test is empty"),
    "wrong rank": ({"x_train": np.ones(160)}, "x_train has shape (160,)"),
    "mismatched lengths": ({"y_train": np.zeros(3, int)}, "y_train has shape (3,)"),
    "pickled": ({"x_train": np.array([None] * 160)}, "holds pickled objects"),
}


def assert_refused(outcome, message):
    """One line on standard error that says it, nothing on standard output."""
    assert outcome.code == 1
    assert outcome.err.startswith("Error: ")
    assert outcome.err.count("\n") == 1, outcome.err
    assert message in outcome.err
    assert outcome.out == ""
    assert outcome.seconds < 10


@pytest.fixture
def build(cli, tmp_path):
    """``tinykd build`` here, with what an earlier build left in its place."""
    earlier = tmp_path / "build" / "digits"
    (earlier / ".stages" / "data-0123").mkdir(parents=True)
    (earlier / ".stages" / "data-0123" / "stage.json").write_text("earlier")
    (earlier / "digits.tflite").write_text("earlier")

    def run(*arguments):
        return cli("build", *arguments, "--out", tmp_path / "build")

    yield run
    assert (earlier / "digits.tflite").read_text() == "earlier"
    assert (earlier / ".stages" / "data-0123" / "stage.json").read_text() == "earlier"
    assert {file.name for file in earlier.iterdir()} == {".stages", "digits.tflite"}


@pytest.mark.parametrize(("text", "message"), BAD_CONFIGS.values(), ids=BAD_CONFIGS.keys())
def test_a_bad_configuration(build, tmp_path, text, message):
    (tmp_path / "bad.toml").write_text(text)
    assert_refused(build(tmp_path / "bad.toml"), message)


@pytest.mark.parametrize(("changes", "message"), BAD_DATA.values(), ids=BAD_DATA.keys())
def test_bad_data(build, blobs, tmp_path, changes, message):
    np.savez(tmp_path / "bad.npz", **blobs | changes)
    assert_refused(build("--data", tmp_path / "bad.npz"), message)


def test_data_that_is_missing_or_cut_short(build, blobs_file, tmp_path):
    assert_refused(build("--data", tmp_path / "absent.npz"), "data.source: there is no file")
    (tmp_path / "cut.npz").write_bytes(blobs_file.read_bytes()[:2000])
    assert_refused(build("--data", tmp_path / "cut.npz"), "is not an .npz archive, or is cut short")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--recipe", "mnist"), "there is no recipe 'mnist'"),
        (("--seed", "-1"), "command line: seed: input should be greater than or equal to 0"),
        (("--board", "uno"), "command line: target.board: unknown board 'uno'"),
        (("absent.toml",), "absent.toml: cannot be read"),
    ],
)
def test_bad_options(build, arguments, message):
    assert_refused(build(*arguments), message)


def test_a_file_and_a_recipe_at_once(build, tmp_path):
    (tmp_path / "a.toml").touch()
    assert_refused(build(tmp_path / "a.toml", "--recipe", "digits"), "not both")


@pytest.mark.parametrize("out", ["file", "file/below", "/proc/build"])
def test_an_output_directory_that_cannot_be_written(cli, tmp_path, out):
    (tmp_path / "file").write_text("in the way")
    outcome = cli("build", "--quiet", "--out", tmp_path / out)
    if out == "file":  # click knows that a folder is wanted
        assert outcome.code == 2
        assert "is a file" in outcome.err
    else:
        assert_refused(outcome, "cannot be written")
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_place_where_a_single_file_cannot_be_written(cli, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert_refused(cli("init", tmp_path / "file" / "a.toml"), "cannot be written")
    assert_refused(cli("init", tmp_path / "file"), "is there already")


def test_an_output_directory_in_use_by_another_build(tinykd, start, tmp_path):
    hold = """
import sys, time
from pathlib import Path
from tinykd.artifacts import RunDirectory
with RunDirectory(Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(60)
"""
    with start(tmp_path / "build" / "digits", cwd=tmp_path, code=hold) as other:
        assert other.stdout.readline() == "held\n"
        outcome = tinykd("build", cwd=tmp_path)
        other.kill()
    assert_refused(outcome, "build/digits: is in use by another build")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("report", "nowhere"), "nowhere: Cannot be read"),
        (("export", "absent.tflite"), "absent.tflite"),
        (("profile", "absent.tflite"), "absent.tflite"),
        (("verify", "absent.tflite"), "absent.tflite"),
        (("evaluate", "absent.tflite"), "absent.tflite"),
        (("evaluate", "model.onnx"), "model.onnx: is not a .tflite, .keras or .h5 file."),
        (("convert", "--student", "absent.h5"), "there is no student file 'absent.h5'"),
        (("distill", "--teacher", "absent.keras"), "there is no file 'absent.keras'"),
        (("distill",), "teacher: there is none. Give --teacher FILE, or teacher.path"),
        (("teacher", "--check", "teacher.pkl"), "is not a .keras or .h5 file"),
        (("student", "--width", "99"), "student.width: input should be less than or equal to 16"),
        (("student", "--flash", "0"), "flash: what a student may take is at least 1, got 0"),
        (("student", "--macs", "-3"), "macs: what a student may take is at least 1, got -3"),
        (("student", "--board", "picoo"), "unknown board 'picoo': did you mean 'pico'?"),
        (("student", "--ram", "9", "--width", "1"), "--width: a budget decides the width"),
        (("init", "--recipe", "mnist", "a.toml"), "there is no recipe 'mnist'"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_other_commands_refuse_alike(cli, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert_refused(cli(*arguments), message)
    assert list(tmp_path.iterdir()) == []


def test_a_process_of_its_own_ends_alike(tinykd, tmp_path):
    (tmp_path / "bad.toml").write_text("distil.epochs = 3")
    assert_refused(tinykd("build", "bad.toml", cwd=tmp_path), "Did you mean 'distill'?")


def test_an_interruption_is_one_line_too(cli, monkeypatch):
    def interrupted(**_options):
        raise KeyboardInterrupt

    from tinykd.cli import boards_command

    monkeypatch.setattr(boards_command.command, "callback", interrupted)
    outcome = cli("boards")
    assert outcome.code == 130
    assert outcome.err.split("\n")[-2].startswith("Stopped. What was finished is kept")
