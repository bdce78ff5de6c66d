"""``--optimize`` and ``--board``: other kernels, the same bytes."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from firmware_export.tflite_writer import write_tflite
from tests.firmware.fixtures.single_ops import conv_2d, model_of
from tinykd.cli import cli
from tinykd.errors import TinykdError


@pytest.fixture
def model(tmp_path: Path) -> str:
    file = tmp_path / "wide.tflite"
    node = conv_2d("conv", 0, image=(1, 16, 16, 16), channels=16)
    file.write_bytes(write_tflite(model_of(node)))
    return str(file)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def exported(model: str, folder: Path, *options: str) -> str:
    assert run("export", model, "--out", str(folder), *options).exit_code == 0
    return (folder / "wide.c").read_text()


def test_export_chooses_by_goal_and_board(model: str, tmp_path: Path) -> None:
    kernel = "tkd_conv_2d_winograd_s8"
    assert kernel in exported(model, tmp_path, "--optimize", "speed")
    assert kernel in exported(model, tmp_path, "--optimize", "speed", "--board", "nano33ble")
    assert kernel not in exported(model, tmp_path, "--optimize", "speed", "--board", "pico")
    assert kernel not in exported(model, tmp_path, "--optimize", "size")
    by_default = exported(model, tmp_path)
    assert by_default == exported(model, tmp_path, "--optimize", "balanced")


def test_export_for_an_unknown_board_is_one_error(model: str) -> None:
    done = run("export", model, "--board", "nano33bel")
    assert isinstance(done.exception, TinykdError)
    assert "did you mean 'nano33ble'?" in str(done.exception)


def test_verify_runs_the_chosen_kernels(model: str) -> None:
    done = run("verify", model, "--samples", "2", "--optimize", "speed", "--json")
    assert json.loads(done.stdout)["equal"] is True


def test_a_profile_shows_what_each_layer_got(model: str) -> None:
    done = run("profile", model, "--optimize", "speed")
    assert "winograd, " in done.output
    assert "saves, estimated instructions" in done.output
    facts = json.loads(run("profile", model, "--optimize", "size", "--json").stdout)
    assert facts["optimize"] == "size"
    assert facts["layers"][0]["variant"] == "direct"
    assert facts["layers"][0]["saved_instructions"] == 0
    assert " -Os " in facts["how"]
