"""``tinykd verify`` and ``tinykd profile`` as people and machines see them."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from firmware_export import CompiledModel, compile_tflite, target, verify
from firmware_export.target import CORES
from firmware_export.tflite_writer import write_tflite
from tests.firmware.fixtures.elementwise_ops import unary
from tests.firmware.fixtures.single_ops import conv_2d, model_of, relu
from tinykd.cli import COMMANDS, cores, verify_command
from tinykd.cli import cli as commands
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
    return CliRunner().invoke(commands, arguments)


def test_equal_bytes_are_success(model: str) -> None:
    done = run("verify", model, "--samples", "3")
    assert done.exit_code == 0
    assert done.stdout.startswith("Equal: 1,470 output bytes of 7 samples.\n")


def test_a_difference_is_a_failure_that_names_the_layer(model, monkeypatch) -> None:
    def wrong(_tflite: bytes, **_options: str) -> CompiledModel:
        return compile_tflite(write_tflite(model_of(conv_2d("conv", 0, zero_points=(-7, 12)))))

    monkeypatch.setattr(verify, "compile_tflite", wrong)
    done = run("verify", model, "--samples", "3")
    assert done.exit_code == 1
    assert "First in layer 0, CONV_2D at 'conv_out':" in done.output
    facts = json.loads(run("verify", model, "--samples", "3", "--json").stdout)
    assert facts["equal"] is False
    assert facts["first_difference"]["name"] == "conv_out"


def test_inputs_come_from_a_file(model: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((2, 6, 7, 3), np.int8))
    done = run("verify", model, "--samples", "0", "--inputs", str(tmp_path / "x.npy"), "--json")
    assert json.loads(done.stdout)["samples"] == 6


def test_several_inputs_come_from_an_archive(tmp_path: Path) -> None:
    file, archive = tmp_path / "pair.tflite", tmp_path / "x.npz"
    real = unary("QUANTIZE", "real", shape=(1, 4), dtypes=("float32", "int8"))
    file.write_bytes(write_tflite(model_of(real, relu("bytes", shape=(1, 6)))))
    np.savez(archive, np.zeros((2, 4), np.float32), bytes_in=np.zeros((2, 6), np.int8))
    verified = run("verify", str(file), "--samples", "0", "--inputs", str(archive), "--json")
    assert json.loads(verified.stdout)["samples"] == 6
    profiled = run("profile", str(file), "--inputs", str(archive), "--json")
    assert json.loads(profiled.stdout)["layers"][0]["op"] == "QUANTIZE"


@pytest.mark.parametrize("command", ["verify", "profile"])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((2, 125), np.int8), "small.tflite: Input 'conv_in' must be int8"),
        (np.zeros((2, 126), np.float32), "Got float32 [2, 126]"),
        (b"nonsense", "x.npy: cannot be read as an .npy or .npz file of samples"),
        (b"PK\x03\x04", "x.npy: cannot be read as an .npy or .npz file of samples"),
        (b"", "x.npy: cannot be read as an .npy or .npz file of samples"),
    ],
)
def test_inputs_that_do_not_fit_are_one_error(cli, model, tmp_path, command, values, message):
    if isinstance(values, bytes):
        (tmp_path / "x.npy").write_bytes(values)
    else:
        np.save(tmp_path / "x.npy", values)
    done = cli(command, model, "--inputs", tmp_path / "x.npy", "--quiet")
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert message in done.err


@pytest.mark.parametrize("command", ["verify", "profile", "export"])
def test_an_error_in_a_model_names_its_file(cli, model, tmp_path, command):
    cut = tmp_path / "cut.tflite"
    cut.write_bytes(Path(model).read_bytes()[:200])
    done = cli(command, cut)
    assert done.code == 1
    assert done.err.startswith(f"Error: {cut}: The .tflite file is damaged")


def test_an_export_that_one_format_refuses_writes_nothing(cli, tmp_path):
    file, out = tmp_path / "real.tflite", tmp_path / "out"
    file.write_bytes(write_tflite(model_of(unary("QUANTIZE", "q", dtypes=("float32", "int8")))))
    done = cli("export", file, "--to", "c", "--to", "arduino", "--out", out)
    assert "arduino: inputs and outputs must be int8. Got float32 in 'q_in'" in done.err
    assert not out.exists()


def test_the_help_of_export_has_a_line_for_each_format() -> None:
    lines = run("export", "--help").output.splitlines()
    assert any(line.startswith("  arduino  a library folder") for line in lines)
    assert any(line.startswith("  c_array  <name>_model_data") for line in lines)


@pytest.mark.parametrize("command", ["verify", "profile"])
def test_quiet_shows_no_progress(cli, model, command):
    assert "C on " in cli(command, model).err
    assert cli(command, model, "--quiet").err == ""


def test_every_core_is_a_target() -> None:
    (option,) = [p for p in verify_command.command.params if p.name == "target"]
    assert list(option.type.choices) == ["host", *CORES]


def test_a_profile_for_machines(model: str) -> None:
    facts = json.loads(run("profile", model, "--json").stdout)
    assert set(facts) >= PROFILE_KEYS
    assert facts["layers"][0]["op"] == "CONV_2D"


def test_a_profile_for_people(model: str) -> None:
    done = run("profile", model, "--board", "pico2", "--level", "Os")
    assert done.exit_code == 0
    for word in ("CONV_2D", "per MAC", "RAM in use", "█", "cycles", "Raspberry Pi Pico 2"):
        assert word in done.output


def test_the_other_architecture_has_every_command(model: str, tmp_path: Path) -> None:
    done = run("verify", model, "--samples", "3", "--target", "riscv32")
    assert (done.exit_code, "for an emulated riscv32" in done.output) == (0, True)
    facts = json.loads(run("profile", model, "--board", "esp32c3", "--json").stdout)
    assert (facts["core"], facts["fits"]) == ("riscv32", True)
    assert facts["estimated_cycles"] > facts["instructions"] > facts["macs"]
    assert "Hazard3" in facts["how"]
    done = run("export", model, "--target", "riscv32", "--out", str(tmp_path / "src"))
    assert done.exit_code == 0
    assert (tmp_path / "src" / "small.c").exists()


def test_the_cores_that_can_be_named_are_those_of_the_compiler() -> None:
    assert tuple(target.CORES) == cores.CORES


@pytest.mark.parametrize("arguments", [["verify", "gone.tflite"], ["profile", "gone.tflite"]])
def test_a_missing_file_is_one_error(arguments: list[str]) -> None:
    done = run(*arguments)
    assert isinstance(done.exception, TinykdError)


def test_every_command_has_a_module() -> None:
    for name in COMMANDS:
        assert run(name, "--help").exit_code == 0


def test_a_profile_says_which_layers_share_code(tmp_path: Path) -> None:
    file = tmp_path / "twice.tflite"
    file.write_bytes(write_tflite(model_of(conv_2d("one", 0), conv_2d("two", 1))))
    table = run("profile", str(file)).output
    one, two = (line for line in table.splitlines() if line.startswith("CONV_2D"))
    assert two.endswith(" +")
    assert not one.endswith(" +")
    assert "+ calls code that is counted for an earlier layer of equal shape" in table
