"""What the tests of the training side share: small data, and the command line in two forms."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from tinykd.cli import main
from tinykd.config import DataConfig
from tinykd.datasets import load_dataset

ROOT = Path(__file__).parents[2]

RUN_CLI = "from tinykd.cli import main; main()"


@dataclass(frozen=True)
class Outcome:
    """What a command left: exit code, both streams, and the processor time it took.

    That is what it would take where nothing else runs; other tests run beside it.
    """

    code: int
    out: str
    err: str
    seconds: float = 0.0


def cpu_seconds_of_children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Teachers' answers are kept beside the tests' other files, not in the user's cache."""
    os.environ["TINYKD_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def cli(monkeypatch, capfd):
    """Run ``tinykd`` in this process, through its entry point."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["tinykd", *map(str, arguments)])
        capfd.readouterr()
        started, code = time.process_time(), 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code
        seconds = time.process_time() - started
        return Outcome(code, *capfd.readouterr(), seconds)

    return run


@pytest.fixture(scope="session")
def start():
    """Start ``tinykd`` (or other code that runs it) as a process of its own; of this tree."""

    def popen(*arguments, cwd, code=RUN_CLI, **settings):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)} | settings.pop("env", {})
        return subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            cwd=cwd,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **settings,
        )

    return popen


@pytest.fixture(scope="session")
def tinykd(start):
    """Run ``tinykd`` as a process of its own until it ends."""

    def run(*arguments, **settings):
        before = cpu_seconds_of_children()
        with start(*arguments, **settings) as process:
            out, err = process.communicate(timeout=300)
        return Outcome(process.returncode, out, err, cpu_seconds_of_children() - before)

    return run


@pytest.fixture(scope="session")
def stop_when():
    """Wait until a process has made a file that matches a pattern, then send it a signal.

    Python drops an interruption that arrives while it clears up an object, as people know: the
    signal is sent again when nothing has come of it.
    """

    def wait(process, folder, pattern, *, number=signal.SIGKILL, after_s=0.0):
        deadline = time.monotonic() + 120
        while not any(folder.glob(pattern)):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, f"no {pattern}"
            time.sleep(0.005)
        time.sleep(after_s)
        for _ in range(3):
            process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                out, err = process.communicate(timeout=10)
                return Outcome(process.returncode, out, err)
        process.kill()
        return pytest.fail(f"it goes on in spite of {number!r}")

    return wait


@pytest.fixture(scope="session")
def hash_files():
    """Hash of every file below a folder, by its relative path."""

    def hashes(folder):
        return {
            file.relative_to(folder).as_posix(): sha256(file.read_bytes()).hexdigest()
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        }

    return hashes


@pytest.fixture(scope="session")
def blobs():
    """Four classes of 5x5 pixels, each a pattern with noise: the arrays of an ``.npz`` file."""
    rng = np.random.default_rng(0)
    patterns = rng.integers(40, 160, (4, 5, 5, 1))

    def split(samples):
        labels = rng.permutation(np.arange(samples) % 4)
        noisy = patterns[labels] + rng.normal(0, 30, (samples, 5, 5, 1))
        return np.clip(noisy, 0, 255).astype(np.uint8), labels

    (x_train, y_train), (x_test, y_test) = split(160), split(80)
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


@pytest.fixture(scope="session")
def blobs_file(blobs, tmp_path_factory):
    """The same as a file."""
    file = tmp_path_factory.mktemp("data") / "blobs.npz"
    np.savez(file, **blobs)
    return file


@pytest.fixture(scope="session")
def dataset(blobs_file):
    """The same, loaded, checked and split: 120 to train, 40 to choose, 80 to test."""
    return load_dataset(DataConfig(source=str(blobs_file)))


SMALL_DIGITS = """
name = "digits"
[teacher]
width = 8
epochs = 6
[student]
architecture = "ds_cnn"
width = 0.5
[distill]
epochs = 12
[quantize]
epochs = 2
calibration_samples = 64
[target]
emulated_samples = 4
"""


@dataclass(frozen=True)
class Build:
    """One finished ``tinykd build`` on digits.

    Attributes:
        config: Its configuration file.
        out: What ``--out`` was.
        folder: Where the files are.
        outcome: Of the process.
        report: ``report.json`` as plain JSON.
    """

    config: Path
    out: Path
    folder: Path
    outcome: Outcome
    report: dict


@pytest.fixture(scope="session")
def digits_build(tinykd, tmp_path_factory):
    """The one real build that many tests look at: digits, with everything made smaller."""
    place = tmp_path_factory.mktemp("digits")
    config = place / "digits.toml"
    config.write_text(SMALL_DIGITS)
    outcome = tinykd("build", config, "--out", place / "build", cwd=place)
    assert outcome.code == 0, outcome.err
    folder = place / "build" / "digits"
    report = json.loads((folder / "report.json").read_bytes())
    return Build(config, place / "build", folder, outcome, report)
