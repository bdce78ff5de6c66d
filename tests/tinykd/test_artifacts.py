"""The run directory: what is finished is kept whole, what is not is never taken for finished."""

import json
import resource
import shutil
from contextlib import contextmanager

import pytest
from pydantic import BaseModel

from tinykd.artifacts import (
    RunDirectory,
    code_fingerprint,
    describe_files,
    fingerprint,
    write_atomically,
)
from tinykd.config import Config
from tinykd.errors import ArtifactError


class Answer(BaseModel):
    value: int


@pytest.fixture
def directory(tmp_path):
    with RunDirectory(tmp_path / "run").locked() as directory:
        yield directory


class Work:
    """A stage that counts how often it runs."""

    def __init__(self, directory, text="content"):
        self.directory, self.text, self.runs = directory, text, 0

    def compute(self, folder):
        self.runs += 1
        (folder / "sub").mkdir(exist_ok=True)
        (folder / "sub" / "file.txt").write_text(self.text)
        return Answer(value=42)

    def stage(self, name="work", **settings):
        return self.directory.stage(name, Answer, self.compute, depends_on=settings)


@contextmanager
def full_disk(size_bytes):
    """Files cannot grow beyond this, as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_finished_stage_is_not_run_again(directory):
    work = Work(directory)
    first, second = work.stage(seed=0), work.stage(seed=0)
    assert (first.reused, second.reused, work.runs) == (False, True, 1)
    assert first.key == second.key != work.stage("other", seed=0).key
    assert first.result == second.result == Answer(value=42)
    assert second.file("sub/file.txt").read_text() == "content"
    assert second.seconds == first.seconds


def test_whatever_it_depends_on_makes_it_run_again(directory):
    work = Work(directory)
    work.stage(seed=0)
    work.stage(seed=1)
    work.stage("other", seed=0)
    work.stage(seed=0, settings=Config().distill)
    assert work.runs == 4
    work.stage(seed=0, settings=Config().distill.model_copy(update={"epochs": 3}))
    assert work.runs == 5
    work.stage(seed=0)  # still there
    assert work.runs == 5


def test_other_code_does_not_reuse_what_was_stored(directory, monkeypatch):
    work = Work(directory)
    work.stage(seed=0)
    monkeypatch.setattr("tinykd.artifacts.directory.code_fingerprint", lambda: "other")
    work.stage(seed=0)
    assert work.runs == 2


def test_the_code_is_that_of_both_packages(monkeypatch, tmp_path):
    """A copy of two files stands for the packages."""
    for name in ("tinykd/a.py", "firmware_export/runtime/k.c", "tinykd/cli/c.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    inside = tmp_path / "tinykd" / "artifacts" / "fingerprints.py"
    monkeypatch.setattr("tinykd.artifacts.fingerprints.__file__", str(inside))
    compute = code_fingerprint.__wrapped__
    before = compute()
    (tmp_path / "tinykd/cli/c.py").write_text("2")
    assert compute() == before  # how it is called changes no figure
    (tmp_path / "firmware_export/runtime/k.c").write_text("2")
    changed = compute()
    assert changed != before
    (tmp_path / "tinykd/a.py").rename(tmp_path / "tinykd/b.py")
    assert compute() != changed


def damage(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: damage(folder / "sub" / "file.txt"),
        lambda folder: (folder / "sub" / "file.txt").unlink(),
        lambda folder: (folder / "stage.json").write_text("{"),
        lambda folder: (folder / "stage.json").write_text("[]"),
        lambda folder: (folder / "stage.json").write_text('{"files": {}, "seconds": 1}'),
        lambda folder: (folder / "stage.json").unlink(),
    ],
    ids=["flipped bit", "file lost", "record cut", "no record", "no result", "record lost"],
)
def test_a_damaged_stage_is_computed_anew(directory, spoil):
    work = Work(directory)
    spoil(work.stage(seed=0).folder)
    again = work.stage(seed=0)
    assert (again.reused, work.runs) == (False, 2)
    assert again.file("sub/file.txt").read_text() == "content"
    assert work.stage(seed=0).reused


def test_a_result_of_another_form_is_computed_anew(directory):
    work = Work(directory)
    record = work.stage(seed=0).folder / "stage.json"
    stored = json.loads(record.read_text())
    record.write_text(json.dumps(stored | {"result": {"value": "many"}}))
    assert not work.stage(seed=0).reused


def test_a_stopped_stage_finds_what_it_had_written(directory):
    class Killed(BaseException):
        pass

    def stop(folder):
        (folder / "checkpoint.npz").write_text("half way")
        raise Killed

    def go_on(folder):
        assert (folder / "checkpoint.npz").read_text() == "half way"
        (folder / "checkpoint.npz").unlink()
        return Answer(value=1)

    with pytest.raises(Killed):
        directory.stage("work", Answer, stop, depends_on={"seed": 0})
    stage = directory.stage("work", Answer, go_on, depends_on={"seed": 0})
    assert [file.name for file in stage.folder.iterdir()] == ["stage.json"]


def test_a_record_that_a_kill_left_unnamed_does_no_harm(directory):
    def die(folder):
        (folder / ".stage.json.tmp").write_text("{")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        directory.stage("work", Answer, die, depends_on={"seed": 0})
    work = Work(directory)
    work.stage(seed=0)
    assert work.stage(seed=0).reused


def test_a_full_disk_is_one_error_and_the_next_run_completes(directory):
    kept = Work(directory).stage("first", seed=0)
    work = Work(directory, text="x" * 10_000)
    with full_disk(5_000), pytest.raises(ArtifactError, match=r"File too large.*run the same"):
        work.stage(seed=0)
    assert Work(directory).stage("first", seed=0).reused
    assert kept.file("sub/file.txt").read_text() == "content"
    assert work.stage(seed=0).file("sub/file.txt").read_text() == "x" * 10_000


def test_partial_stages_go_when_a_build_is_complete(directory):
    folder = directory.working_folder("0123456789abcdef0123")
    (folder / "checkpoint.npz").write_text("half way")
    assert directory.working_folder("0123456789abcdef0123") == folder
    finished = Work(directory).stage(seed=0).folder
    directory.discard_partial_stages()
    assert not folder.exists()
    assert finished.exists()


def stored(directory):
    return {folder.name for folder in (directory.path / ".stages").glob("*-*")}


def test_of_each_stage_the_three_used_last_are_kept(directory):
    work = Work(directory)
    stages = [work.stage(setting=number) for number in range(5)]
    other = work.stage(name="other", setting=0)
    work.stage(setting=1)  # used again, after all others
    directory.discard_old_stages()
    kept = {stages[number].folder.name for number in (1, 3, 4)}
    assert stored(directory) == kept | {other.folder.name}
    runs = work.runs
    assert all(work.stage(setting=number).reused for number in (1, 3, 4))
    assert work.runs == runs
    assert not work.stage(setting=0).reused


def test_a_removal_that_is_stopped_is_finished_by_the_next(directory, monkeypatch):
    """Ctrl-C in the middle of a folder: half of it is never taken for the stage."""
    work = Work(directory)
    for number in range(5):
        work.stage(setting=number)

    def stopped(folder, **_settings):
        (folder / "sub" / "file.txt").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", stopped)
        with pytest.raises(KeyboardInterrupt):
            directory.discard_old_stages()
    assert len(list((directory.path / ".stages").glob("*.removed"))) > 0
    assert not work.stage(setting=0).reused
    assert work.stage(setting=4).reused
    directory.discard_old_stages()
    assert len(stored(directory)) == 3
    assert not list((directory.path / ".stages").glob("*.removed"))


def test_nothing_but_stages_is_removed(directory):
    work, root = Work(directory), directory.path / ".stages"
    for number in range(4):
        work.stage(setting=number)
    (root / "mine-and-yours").mkdir()
    unfinished = directory.working_folder("0123456789abcdef0123")
    directory.discard_old_stages()
    assert (root / "mine-and-yours").is_dir()
    assert (root / "lock").exists()
    assert unfinished.is_dir()


def test_one_process_at_a_time(directory, tinykd):
    code = """
import sys
from pathlib import Path
from tinykd.artifacts import RunDirectory
from tinykd.errors import ArtifactError
try:
    with RunDirectory(Path(sys.argv[1])).locked():
        print("entered")
except ArtifactError as error:
    print(error)
"""
    second = tinykd(directory.path, code=code, cwd=directory.path)
    assert second.out == (
        f"{directory.path}: is in use by another build. Wait for it, or choose another --out.\n"
    )


def test_the_lock_falls_with_the_one_who_held_it(tmp_path):
    for _ in range(2):
        with RunDirectory(tmp_path / "run").locked():
            pass


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/run"])
def test_a_place_that_cannot_be_written_is_refused(tmp_path, place):
    (tmp_path / "file").write_text("in the way")
    run = RunDirectory(tmp_path / place)
    with (
        pytest.raises(ArtifactError, match=r"cannot be written .*Choose another --out"),
        run.locked(),
    ):
        pass
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    file = tmp_path / "new" / "report.json"
    write_atomically(file, "first")
    with full_disk(1000), pytest.raises(ArtifactError, match=r"report\.json: cannot be written"):
        write_atomically(file, b"x" * 2000)
    assert file.read_text() == "first"
    assert [entry.name for entry in file.parent.iterdir()] == ["report.json"]
    write_atomically(file, b"second")
    assert file.read_text() == "second"


def test_a_file_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ArtifactError, match="cannot be written"):
        write_atomically(tmp_path / "file" / "a.txt", "text")


def test_artifacts_are_described_in_the_given_order(tmp_path):
    (tmp_path / "b").write_bytes(b"abc")
    (tmp_path / "a").write_bytes(b"")
    b, a = describe_files(tmp_path, ["b", "a"])
    assert (b.path, b.size_bytes, a.path, a.size_bytes) == ("b", 3, "a", 0)
    # FIPS 180-2, appendix B.1
    assert b.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_fingerprint_knows_values_and_not_their_order():
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 1.5})
    assert fingerprint({"a": Config()}) != fingerprint({"a": Config(seed=1)})
    with pytest.raises(TypeError, match="object has no canonical form"):
        fingerprint({"a": object()})
