"""One real build on digits: what it reports, what it leaves, and what a second one does."""

import json
import os
import shutil
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from firmware_export import compile_tflite
from firmware_export.target import BOARDS
from firmware_export.tflm import run_tflm
from tinykd import load_config, read_report
from tinykd.config import DataConfig
from tinykd.datasets import load_dataset
from tinykd.inference import quantize_samples
from tinykd.manifest import Manifest

MODELS = ["teacher", "scratch", "student", "ptq", "qat", "tflm", "c"]

STAGES = [
    "data",
    "student",
    "teacher",
    "soft_targets",
    "distill",
    "quantize",
    "export",
    "emulate",
    "evaluate",
]

SEE_MODULES = """
import sys
from tinykd.cli import main
main()
print({"tensorflow", "keras", "tf_keras", "sklearn"} & set(sys.modules), file=sys.stderr)
"""


def test_the_teachers_answers_are_kept_for_other_builds(digits_build):
    (file,) = digits_build.folder.glob(".stages/soft_targets-*/soft_targets.npy")
    views = np.split(np.load(file), 9)
    kept = [np.load(table) for table in Path(os.environ["TINYKD_CACHE"]).glob("*.npy")]
    for view in views:
        assert any(np.array_equal(view, table) for table in kept)


def test_every_form_of_the_model_is_scored_on_the_test_split(digits_build):
    models = digits_build.report["models"]
    assert [model["name"] for model in models] == MODELS
    for model in models:
        low, high = model["ci95"]
        assert 0 <= low <= model["top1_accuracy"] <= high <= 1
        assert model["samples"] == 597
        assert isinstance(model["size_bytes"], int)
        assert model["how"]
        assert (model["agreement"] is None) == (model["name"] in MODELS[:3])


def test_it_learned_something(digits_build):
    top1 = {model["name"]: model["top1_accuracy"] for model in digits_build.report["models"]}
    assert top1["student"] > 0.5
    assert top1["c"] > 0.5


def test_the_generated_c_is_scored_as_tflm_is(digits_build):
    tflm, c = digits_build.report["models"][-2:]
    for key in ("top1_accuracy", "ci95", "agreement", "samples"):
        assert tflm[key] == c[key]
    assert digits_build.report["c_equals_tflm"] is True


def test_the_reported_accuracy_is_that_of_the_file_that_is_left(digits_build):
    tflite = (digits_build.folder / "digits.tflite").read_bytes()
    data = load_dataset(DataConfig())
    outputs = run_tflm(tflite, quantize_samples(tflite, data.x_test)).reshape(597, 10)
    correct = np.argmax(outputs, axis=1) == data.y_test
    scores = {model["name"]: model for model in digits_build.report["models"]}
    assert scores["c"]["top1_accuracy"] == correct.mean()
    assert sum(map(sum, digits_build.report["confusion"])) == 597
    hits = sum(row[i] for i, row in enumerate(digits_build.report["confusion"]))
    assert hits == correct.sum()
    assert scores["tflm"]["size_bytes"] == len(tflite)


def test_the_c_that_is_left_is_that_of_the_file_that_is_left(digits_build):
    compiled = compile_tflite(digits_build.folder / "digits.tflite", name="digits")
    for name, text in compiled.files.items():
        assert (digits_build.folder / name).read_text() == text
    assert digits_build.report["footprint"]["arena_bytes"] == compiled.arena_bytes


def test_the_footprint_is_in_bytes_that_add_up(digits_build):
    footprint = digits_build.report["footprint"]
    for key in ("flash_bytes", "weights_bytes", "ram_bytes", "arena_bytes", "stack_bytes"):
        assert isinstance(footprint[key], int)
        assert footprint[key] > 0
    assert footprint["flash_bytes"] == footprint["weights_bytes"] + footprint["code_bytes"]
    assert footprint["ram_bytes"] >= footprint["arena_bytes"] + footprint["stack_bytes"]
    assert footprint["how"]


def test_every_board_of_the_table_has_its_latency_and_how_it_was_obtained(digits_build):
    latency = digits_build.report["latency"]
    assert latency.keys() == BOARDS.keys()
    for board in latency.values():
        assert isinstance(board["instructions"], int)
        assert isinstance(board["estimated_cycles"], int)
        counted_us = 1e6 * board["estimated_cycles"] / board["clock_hz"]
        # cores that were calibrated on hardware carry a factor, 0.75 to 1.23, in the time alone
        assert 0.7 * counted_us <= board["latency_us"] <= 1.3 * counted_us
        assert board["instructions"] > digits_build.report["student"]["macs"] / 4
        assert board["how"]
    assert digits_build.report["board"] == "nano33ble"


def test_every_artifact_is_there_with_its_hash(digits_build):
    paths = [artifact["path"] for artifact in digits_build.report["artifacts"]]
    for expected in ("digits.tflite", "digits.h", "digits.c", "digits_model_data.cc"):
        assert expected in paths
    assert any(path.startswith("firmware/") and path.endswith(".ino") for path in paths)
    for artifact in digits_build.report["artifacts"]:
        content = (digits_build.folder / artifact["path"]).read_bytes()
        assert artifact["sha256"] == sha256(content).hexdigest()
        assert artifact["size_bytes"] == len(content)


def test_nothing_lies_beside_the_artifacts_that_is_not_announced(digits_build):
    published = {
        file.relative_to(digits_build.folder).as_posix()
        for file in digits_build.folder.rglob("*")
        if file.is_file() and ".stages" not in file.parts
    }
    announced = {artifact["path"] for artifact in digits_build.report["artifacts"]}
    assert published == announced | {"report.json", "report.html", "manifest.json"}


def test_seeds_versions_and_seconds_are_there(digits_build):
    report = digits_build.report
    assert report["schema_version"] == 1
    assert report["seeds"] == {"build": 0}
    assert report["versions"]["tensorflow"].startswith("2.")
    assert list(report["seconds"]) == STAGES
    assert all(seconds >= 0 for seconds in report["seconds"].values())


def test_the_manifest_tells_how_the_build_came_about(digits_build):
    text = (digits_build.folder / "manifest.json").read_text()
    manifest = Manifest.model_validate_json(text, strict=False)
    assert manifest.config == load_config(digits_build.config)
    assert manifest.data_sha256 == load_dataset(DataConfig()).summary().sha256
    assert list(manifest.stages) == STAGES
    assert [a.model_dump() for a in manifest.artifacts] == digits_build.report["artifacts"]


def test_the_stored_report_is_the_one_that_was_shown(digits_build):
    report = read_report(digits_build.folder / "report.json")
    assert report.name == "digits"
    assert "Accuracy on 597 test samples" in digits_build.outcome.out
    assert (digits_build.folder / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_progress_was_shown_for_what_takes_long(digits_build):
    for task in ("starting TensorFlow", "teacher: training", "with its teacher", "emulated cores"):
        assert task in digits_build.outcome.err


def test_a_second_build_does_nothing_in_no_time(digits_build, tinykd, hash_files):
    before = hash_files(digits_build.folder)
    times = {f: f.stat().st_mtime_ns for f in digits_build.folder.glob(".stages/*/stage.json")}
    outcome = tinykd(
        "build",
        digits_build.config,
        "--out",
        digits_build.out,
        cwd=digits_build.out,
        code=SEE_MODULES,
    )
    assert outcome.code == 0
    assert outcome.err == "set()\n"  # no progress, and nothing heavy imported
    assert outcome.seconds < 10
    assert outcome.out == digits_build.outcome.out
    assert hash_files(digits_build.folder) == before
    assert all(file.stat().st_mtime_ns == time for file, time in times.items())


@pytest.fixture
def copy_of_build(digits_build, tmp_path):
    shutil.copytree(digits_build.out, tmp_path / "build")
    return tmp_path / "build"


def stage_times(build):
    return {
        file.parent.name: file.stat().st_mtime_ns
        for file in (build / "digits").glob(".stages/*/stage.json")
    }


def test_only_what_changed_is_done_again(digits_build, copy_of_build, cli):
    """Another board: the model and its C stay as they are; emulation and the report do not.

    A stage that was damaged meanwhile is done again as well, to the same bytes.
    """
    before = stage_times(copy_of_build)
    (damaged,) = (copy_of_build / "digits").glob(".stages/export-*/digits.c")
    damaged.write_bytes(damaged.read_bytes().replace(b"0", b"1", 1))
    (copy_of_build / "digits" / "digits.c").write_text("overwritten by hand")
    outcome = cli("build", digits_build.config, "--board", "pico2", "--out", copy_of_build)
    assert outcome.code == 0, outcome.err
    after = stage_times(copy_of_build)
    again = {name.split("-")[0] for name in after if after[name] != before.get(name)}
    assert again == {"export", "emulate", "evaluate"}
    report = json.loads((copy_of_build / "digits" / "report.json").read_text())
    assert report["board"] == "pico2"
    assert report["footprint"]["core"] == "cortex-m33"
    assert report["models"] != digits_build.report["models"]  # flash of another core
    assert report["artifacts"] == digits_build.report["artifacts"]
    original = (digits_build.folder / "digits.c").read_bytes()
    assert (copy_of_build / "digits" / "digits.c").read_bytes() == original


def test_bad_input_leaves_an_earlier_build_as_it_was(
    digits_build, copy_of_build, cli, blobs_file, hash_files, tmp_path
):
    before = hash_files(copy_of_build)
    (tmp_path / "bad.keras").write_bytes(b"no model")
    (tmp_path / "bad.npz").write_bytes(b"no data")
    for arguments in (
        ("--data", tmp_path / "bad.npz"),
        ("--data", tmp_path / "absent.npz"),
        ("--teacher", tmp_path / "bad.keras"),
        ("--board", "uno"),
    ):
        outcome = cli("build", digits_build.config, *arguments, "--out", copy_of_build)
        assert outcome.code == 1
        assert "Error: " in outcome.err
    kept = {path: content for path, content in hash_files(copy_of_build).items() if path in before}
    assert kept == before


def test_the_same_configuration_gives_the_same_bytes(digits_build, cli, tmp_path):
    """From nothing, in another process and another folder."""
    outcome = cli("build", digits_build.config, "--json", "--quiet", "--out", tmp_path)
    assert outcome.code == 0, outcome.err
    report = json.loads(outcome.out)
    assert report["artifacts"] == digits_build.report["artifacts"]
    assert report["models"] == digits_build.report["models"]
    assert report["latency"] == digits_build.report["latency"]
