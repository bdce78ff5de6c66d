"""``tinykd verify`` and ``tinykd profile`` as people and machines see them."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from firmware_export import CompiledModel, compile_tflite, verify
from firmware_export.tflite_writer import write_tflite
from tests.firmware.fixtures.single_ops import conv_2d, model_of
from tinykd.cli import COMMANDS, cli
from tinykd.errors import TinykdError

PROFILE_KEYS = {
    "macs", "flash_bytes", "weights_bytes", "code_bytes", "ram_bytes", "arena_bytes",
    "arena_lower_bound_bytes", "stack_bytes", "instructions", "estimated_cycles", "latency_us",
    "layers", "ram_timeline_bytes",
}  # fmt: skip


@pytest.fixture
def model(tmp_path: Path) -> str:
    file = tmp_path / "small.tflite"
    file.write_bytes(write_tflite(model_of(conv_2d("conv", 0))))
    return str(file)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def test_equal_bytes_are_success(model: str) -> None:
    done = run("verify", model, "--samples", "3")
    assert done.exit_code == 0
    assert done.output.startswith("Equal: 1,470 output bytes of 7 samples.\n")


def test_a_difference_is_a_failure_that_names_the_layer(model, monkeypatch) -> None:
    def wrong(_tflite: bytes, **_options: str) -> CompiledModel:
        return compile_tflite(write_tflite(model_of(conv_2d("conv", 0, zero_points=(-7, 12)))))

    monkeypatch.setattr(verify, "compile_tflite", wrong)
    done = run("verify", model, "--samples", "3")
    assert done.exit_code == 1
    assert "First in layer 0, CONV_2D at 'conv_out':" in done.output
    facts = json.loads(run("verify", model, "--samples", "3", "--json").output)
    assert facts["equal"] is False
    assert facts["first_difference"]["name"] == "conv_out"


def test_inputs_come_from_a_file(model: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((2, 6, 7, 3), np.int8))
    done = run("verify", model, "--samples", "0", "--inputs", str(tmp_path / "x.npy"), "--json")
    assert json.loads(done.output)["samples"] == 6


def test_a_profile_for_machines(model: str) -> None:
    facts = json.loads(run("profile", model, "--json").output)
    assert set(facts) >= PROFILE_KEYS
    assert facts["layers"][0]["op"] == "CONV_2D"


def test_a_profile_for_people(model: str) -> None:
    done = run("profile", model, "--board", "pico2", "--level", "Os")
    assert done.exit_code == 0
    for word in ("CONV_2D", "per MAC", "RAM in use", "█", "cycles", "Raspberry Pi Pico 2"):
        assert word in done.output


@pytest.mark.parametrize("arguments", [["verify", "gone.tflite"], ["profile", "gone.tflite"]])
def test_a_missing_file_is_one_error(arguments: list[str]) -> None:
    done = run(*arguments)
    assert isinstance(done.exception, TinykdError)


def test_every_command_has_a_module() -> None:
    for name in COMMANDS:
        assert run(name, "--help").exit_code == 0
