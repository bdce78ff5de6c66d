"""The help: quick, without TensorFlow, and with an example for every command."""

import json
import re
from importlib import metadata

import pytest

from firmware_export.tflite_writer import write_tflite
from tests.firmware.fixtures.single_ops import model_of, relu
from tinykd.cli import COMMANDS

SEE_MODULES = """
import json, sys
from tinykd.cli import main
try:
    main()
finally:
    print(json.dumps([name.split(".")[0] for name in sys.modules]), file=sys.stderr)
"""

HEAVY = {"tensorflow", "keras", "tf_keras", "sklearn", "scipy", "pandas", "tflite_micro"}


@pytest.fixture(scope="module")
def helps(tinykd, tmp_path_factory):
    """Help text, seconds and loaded packages of the group and of each command; one process each."""
    place = tmp_path_factory.mktemp("help")

    def ask(*arguments):
        outcome = tinykd(*arguments, "--help", cwd=place, code=SEE_MODULES)
        assert outcome.code == 0, outcome.err
        return outcome.out, outcome.seconds, set(json.loads(outcome.err))

    return {"": ask(), **{name: ask(name) for name in COMMANDS}}


def test_no_help_imports_anything_heavy(helps):
    for name, (_text, _seconds, loaded) in helps.items():
        assert not loaded & HEAVY, name
        assert "click" in loaded, name  # else the test says nothing


def test_the_help_of_the_group_needs_not_even_numpy(helps):
    assert not helps[""][2] & {"numpy", "pydantic", "rich"}


def test_the_help_is_there_before_anyone_waits(helps):
    """0.3 seconds of processor time, the start of Python included."""
    assert min(seconds for _text, seconds, _loaded in helps.values()) < 0.3


def test_every_command_has_an_example_that_names_it(helps):
    for name in COMMANDS:
        text = " ".join(helps[name][0].split())
        assert re.search(rf"Example: tinykd {name}( |$)", text), name


def test_every_option_of_an_example_exists(helps):
    for name in COMMANDS:
        text = " ".join(helps[name][0].split())
        options, example = text.split("Example:")
        for option in re.findall(r"--[a-z-]+", example):
            assert f"{option} " in options, (name, option)


def test_the_group_lists_every_command_with_its_line(helps):
    text = " ".join(helps[""][0].split())
    for name, entry in COMMANDS.items():
        assert f"{name} {entry.help}" in text
    assert "Example: `tinykd build`" in text


def test_every_command_says_what_it_does_and_that_json_is_there(helps):
    for name in set(COMMANDS) - {"init", "report"}:
        assert "--json" in helps[name][0], name


def test_an_unknown_command_is_refused(cli):
    outcome = cli("biuld")
    assert outcome.code == 2
    assert "No such command 'biuld'" in outcome.err


def test_the_version_is_that_of_the_package(cli):
    assert cli("--version").out == f"tinykd, version {metadata.version('tinykd')}\n"


def test_the_package_runs_as_a_module_too(tinykd, tmp_path):
    code = "import runpy; runpy.run_module('tinykd', run_name='__main__')"
    assert tinykd("--version", cwd=tmp_path, code=code).out.startswith("tinykd, version")


def test_importing_the_package_costs_nothing(tinykd, tmp_path):
    code = "import json, sys, tinykd; print(json.dumps([n.split('.')[0] for n in sys.modules]))"
    loaded = set(json.loads(tinykd(cwd=tmp_path, code=code).out))
    assert not loaded & {"numpy", "pydantic", "click", *HEAVY}


def test_export_imports_nothing_that_measures_or_trains(tinykd, tmp_path):
    """So it answers in a fraction of a second, Python's start included."""
    (tmp_path / "small.tflite").write_bytes(write_tflite(model_of(relu("relu"))))
    outcome = tinykd("export", "small.tflite", "--to", "c", cwd=tmp_path, code=SEE_MODULES)
    assert (tmp_path / "small.c").exists()
    loaded = set(json.loads(outcome.err.splitlines()[-1]))
    assert not loaded & {"pydantic", "filelock", "rich", "unicorn", "capstone", "elftools", *HEAVY}
    assert "flatbuffers" in loaded
