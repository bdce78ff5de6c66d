"""`report.json`: everything is in it, comes back equal, and a bad file gives one line."""

import json
import re
import subprocess
import sys

import pytest

from tinykd.errors import TinykdError
from tinykd.report import FORMATS, read_report
from tinykd.results import SCHEMA_VERSION


@pytest.fixture
def data(example_report):
    return json.loads(FORMATS["json"](example_report))


def test_comes_back_equal(example_report, tmp_path):
    file = tmp_path / "report.json"
    file.write_text(FORMATS["json"](example_report), encoding="utf-8")
    assert read_report(file) == example_report


def test_keys_promised_to_machines(data):
    assert data["schema_version"] == SCHEMA_VERSION
    names = [model["name"] for model in data["models"]]
    assert names == ["teacher", "scratch", "student", "ptq", "qat", "tflm", "c"]
    for model in data["models"]:
        low, high = model["ci95"]
        assert 0 <= low <= model["top1_accuracy"] <= high <= 1
        assert type(model["samples"]) is int
        assert type(model["size_bytes"]) in {int, type(None)}
    for key in ("flash_bytes", "weights_bytes", "ram_bytes", "arena_bytes", "stack_bytes"):
        assert type(data["footprint"][key]) is int
    for board in data["latency"].values():
        assert type(board["instructions"]) is int
        assert type(board["estimated_cycles"]) is int
        assert type(board["latency_us"]) is float
        assert board["how"]
    for artifact in data["artifacts"]:
        assert artifact["path"]
        assert re.fullmatch("[0-9a-f]{64}", artifact["sha256"])
    assert all(type(seed) is int for seed in data["seeds"].values())
    assert all(type(version) is str for version in data["versions"].values())
    assert all(type(seconds) is float for seconds in data["seconds"].values())


def nested(depth):
    return "[" * depth


BAD_FILES = {
    "empty": (lambda data: "", "Not JSON"),
    "truncated": (lambda data: json.dumps(data)[:-40], "Not JSON"),
    "too deep": (lambda data: nested(100_000), "Not JSON"),
    "not a report": (lambda data: "[1, 2]", "no schema_version"),
    "other version": (lambda data: json.dumps(data | {"schema_version": 99}), "schema_version is"),
    "unknown key": (lambda data: json.dumps(data | {"extra": 1}), "Damaged at 'extra'"),
    "wrong type": (lambda data: json.dumps(data | {"flipped": "two"}), "Damaged at 'flipped'"),
    "no such board": (lambda data: json.dumps(data | {"board": "x"}), "'board' is not a key"),
    "confusion": (lambda data: json.dumps(data | {"confusion": [[1]]}), "must be 10 x 10"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_file_gives_one_line(case, data, tmp_path):
    damage, said = BAD_FILES[case]
    file = tmp_path / "report.json"
    file.write_text(damage(data), encoding="utf-8")
    with pytest.raises(TinykdError, match=re.escape(said)) as caught:
        read_report(file)
    assert "\n" not in str(caught.value)
    assert "tinykd build" in str(caught.value)


def test_binary_file_gives_one_line(tmp_path):
    file = tmp_path / "report.json"
    file.write_bytes(bytes(range(256)))
    with pytest.raises(TinykdError, match=r"Not JSON") as caught:
        read_report(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_missing_file_gives_one_line(name, tmp_path):
    with pytest.raises(TinykdError, match=r"Cannot be read \(.+\)") as caught:
        read_report(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_import_is_cheap():
    """`tinykd --help` imports this package, and pays for no renderer."""
    code = (
        "import sys, tinykd.report; "
        "print(sorted({'tensorflow', 'matplotlib', 'jinja2', 'rich'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"
