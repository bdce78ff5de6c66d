"""A build that is stopped again and again, at any moment, ends in the bytes of one that was not."""

import json
import signal
from hashlib import sha256

import numpy as np
import pytest

from tinykd import build, load_config
from tinykd.progress import Silent

CONFIG = """
name = "tiny"
data.source = "blobs.npz"
[teacher]
width = 4
epochs = 40
patience = 40
batch_size = 16
[student]
architecture = "mlp"
width = 0.25
[distill]
epochs = 40
batch_size = 16
[quantize]
epochs = 6
calibration_samples = 64
[target]
emulated_samples = 2
"""

EAGER = """
from tinykd.backend import load_tensorflow
from tinykd.progress import Silent
load_tensorflow(Silent())
from tinykd.training import loop
loop.CHECKPOINT_SECONDS = 0.0
from tinykd.cli import main
main()
"""
"""The command line, with a checkpoint after every epoch: there is no waiting for five seconds."""

MOMENTS = (
    (".stages/teacher-*.partial/checkpoint.npz", 0.3, signal.SIGINT),
    (".stages/distill-*.partial/scratch.checkpoint.npz", 0.5, signal.SIGKILL),
    (".stages/quantize-*.partial", 3.0, signal.SIGKILL),
    (".stages/emulate-*.partial", 1.5, signal.SIGKILL),
    ("tiny.tflite", 0.002, signal.SIGKILL),
)
"""When to strike: after this file is there, at a random moment within so many seconds."""


class Told(Silent):
    """Notes what a build says of itself."""

    def __init__(self):
        self.tasks = []

    def task(self, description, total=None):
        self.tasks.append(description)
        return super().task(description, total)


@pytest.fixture(scope="module")
def place(tmp_path_factory, blobs):
    folder = tmp_path_factory.mktemp("resume")
    np.savez(folder / "blobs.npz", **blobs)
    (folder / "tiny.toml").write_text(CONFIG)
    return folder


@pytest.fixture(scope="module")
def uninterrupted(place):
    """The build that nobody stopped, through the Python interface."""
    told = Told()
    report = build(load_config(place / "tiny.toml"), out=place / "whole", progress=told)
    assert "teacher: training" in told.tasks
    return report


def finished_stages(folder):
    """Every stage that has its final name, each checked against its own record, with its time."""
    times = {}
    for stage in folder.glob(".stages/*"):
        if not stage.is_dir() or stage.suffix == ".partial":
            continue
        record = json.loads((stage / "stage.json").read_text())
        for name, digest in record["files"].items():
            assert sha256((stage / name).read_bytes()).hexdigest() == digest, (stage, name)
        times[stage.name] = (stage / "stage.json").stat().st_mtime_ns
    return times


def assert_absent_or_whole(folder, artifacts):
    """What the user looks at: every file has all its bytes, or is not there."""
    for artifact in artifacts:
        file = folder / artifact.path
        if file.exists():
            assert sha256(file.read_bytes()).hexdigest() == artifact.sha256, file


def stop_at(start, stop_when, place, moment, number):
    pattern, within_s, how = moment
    process = start(
        "build",
        "tiny.toml",
        "--quiet",
        "--out",
        "again",
        cwd=place,
        code=EAGER,
        env={"PYTHONHASHSEED": str(number)},
    )
    after_s = np.random.default_rng(number).uniform(0, within_s)
    return stop_when(process, place / "again/tiny", pattern, number=how, after_s=after_s)


def test_it_is_stopped_five_times_and_ends_in_the_same_bytes(
    start, stop_when, tinykd, place, uninterrupted
):
    folder = place / "again" / "tiny"
    folder.mkdir(parents=True)
    finished = {}
    for number, moment in enumerate(MOMENTS):
        outcome = stop_at(start, stop_when, place, moment, number)
        if moment[2] == signal.SIGINT:
            assert outcome.code == 130
            assert outcome.err.split("\n")[-2].startswith("Stopped. What was finished is kept")
            assert "Traceback" not in outcome.err
        else:
            assert outcome.code in {-signal.SIGKILL, 0}
        now = finished_stages(folder)
        assert now.items() >= finished.items(), "a finished stage was done again"
        assert len(now) > len(finished)
        finished = now
        assert_absent_or_whole(folder, uninterrupted.artifacts)
    outcome = tinykd("build", "tiny.toml", "--json", "--out", "again", cwd=place)
    assert outcome.code == 0, outcome.err
    report = json.loads(outcome.out)
    assert finished_stages(folder) == finished  # the last kill came when all stages were done
    assert {a["path"]: a["sha256"] for a in report["artifacts"]} == {
        a.path: a.sha256 for a in uninterrupted.artifacts
    }
    assert_absent_or_whole(folder, uninterrupted.artifacts)
    expected = json.loads(uninterrupted.model_dump_json())
    for key in ("models", "teacher", "distill", "quantize", "footprint", "latency"):
        assert report[key] == expected[key], key
    assert not list(folder.glob(".stages/*.partial"))


def test_a_full_disk_is_one_line_and_the_next_run_completes(tinykd, place, uninterrupted):
    """No file can grow beyond 20,000 bytes: the first checkpoint does not fit."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))"
    arguments = ("build", "tiny.toml", "--quiet", "--out", "full")
    outcome = tinykd(*arguments, cwd=place, code=limit + EAGER)
    assert outcome.code == 1
    assert outcome.err.startswith("Error: ")
    assert outcome.err.count("\n") == 1, outcome.err
    assert "File too large" in outcome.err
    finished = finished_stages(place / "full" / "tiny")
    assert {name.split("-")[0] for name in finished} == {"data", "student"}
    report = build(load_config(place / "tiny.toml"), out=place / "full")
    assert finished_stages(place / "full" / "tiny").items() >= finished.items()
    assert report.artifacts == uninterrupted.artifacts
