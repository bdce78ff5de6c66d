"""The example is as short as it is said to be, and it runs."""

import re
import runpy
from pathlib import Path

import pytest

import tinykd
from tinykd import build, load_config
from tinykd.students.files import load_student

EXAMPLES = Path(__file__).parents[2] / "examples"
QUICKSTART = EXAMPLES / "quickstart.py"


def code_lines():
    lines = QUICKSTART.read_text().split('"""')[-1].splitlines()
    return [line for line in lines if line.strip() and not line.strip().startswith("#")]


def test_the_whole_build_takes_less_than_ten_lines():
    assert 0 < len(code_lines()) < 10


def test_it_runs_and_prints_what_the_build_found(digits_build, monkeypatch, capfd):
    """Its recipe is made smaller, and the build of that is there already."""
    seen = []

    def build_small(config):
        seen.append(config)
        return build(load_config(digits_build.config), out=digits_build.out)

    monkeypatch.setattr(tinykd, "build", build_small, raising=False)
    runpy.run_path(str(QUICKSTART), run_name="__main__")
    lines = capfd.readouterr().out.splitlines()
    assert seen == [tinykd.find_recipe("digits")]
    models = digits_build.report["models"]
    assert [line.split()[0] for line in lines[:7]] == [model["name"] for model in models]
    assert lines[0].endswith(f"{models[0]['top1_accuracy']:.2%}")
    assert lines[7].startswith(f"{digits_build.report['footprint']['flash_bytes']} bytes of flash")


def test_a_student_of_ones_own_is_distilled_and_saved(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLES / "distill_your_student.py"), run_name="__main__")
    shown = re.search(
        r"with its teacher ([\d.]+)%, without ([\d.]+)%: (student|scratch) is kept",
        capfd.readouterr().out,
    )
    taught, alone = float(shown[1]), float(shown[2])
    assert min(taught, alone) > 75
    assert shown[3] == ("scratch" if alone > taught else "student")
    assert load_student(tmp_path / "student.keras").count_params() == 64 * 8 + 8 + 8 * 10 + 10


@pytest.mark.parametrize("name", tinykd.__all__)
def test_every_public_name_is_there(name):
    assert getattr(tinykd, name) is not None


def test_other_names_are_not():
    with pytest.raises(AttributeError, match="no attribute 'biuld'"):
        tinykd.biuld  # noqa: B018  # looking it up is what is tested
