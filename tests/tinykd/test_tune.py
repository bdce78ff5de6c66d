"""`tinykd tune`: the space, the search on disk, what it concludes, and the file it writes."""

import json
import math
import shutil

import numpy as np
import pytest

from tinykd import load_config, tune
from tinykd.artifacts import RunDirectory
from tinykd.config import Config, DistillConfig
from tinykd.errors import ConfigError, DirectoryInUseError
from tinykd.progress import Silent
from tinykd.report.tuning import describe_tuning
from tinykd.study_results import Gain, TunedSetting, TuneResult
from tinykd.tuning import tune as tuning
from tinykd.tuning.space import Setting, search_space
from tinykd.tuning.trial import TrialResult, Trials
from tinykd.tuning.write import render_changes, write_changes

CONFIG = """
name = "tiny"
data.source = "blobs.npz"
[teacher]
width = 4
epochs = 4
batch_size = 16
[student]
architecture = "mlp"
width = 0.25
[distill]
epochs = 2
batch_size = 16
"""


@pytest.fixture
def config(tmp_path, blobs):
    np.savez(tmp_path / "blobs.npz", **blobs)
    (tmp_path / "tiny.toml").write_text(CONFIG)
    return tmp_path / "tiny.toml"


@pytest.fixture(scope="module")
def taught(tmp_path_factory, blobs):
    """A configuration whose teacher was trained and asked, with the folder that keeps it."""
    folder = tmp_path_factory.mktemp("taught")
    np.savez(folder / "blobs.npz", **blobs)
    (folder / "tiny.toml").write_text(CONFIG)
    tune(load_config(folder / "tiny.toml"), trials=1, out=folder)
    return folder


@pytest.fixture
def out(taught, tmp_path):
    """A folder for a search that finds its teacher there, and no study."""
    shutil.copytree(taught / "tiny_tune/.stages", tmp_path / "tiny_tune/.stages")
    return tmp_path


@pytest.fixture
def taught_config(taught):
    return load_config(taught / "tiny.toml")


class Told(Silent):
    """Notes all tasks; Ctrl-C when the one whose name holds ``stop_at`` begins."""

    def __init__(self, stop_at=None):
        self.stop_at, self.tasks = stop_at, []

    def task(self, description, total=None):
        self.tasks.append(description)
        if self.stop_at is not None and self.stop_at in description:
            raise KeyboardInterrupt
        return super().task(description, total)


def trained(told):
    """The settings that were trained, without those of the repeats."""
    return [task for task in told.tasks if "trial" in task and "with its teacher" in task]


def test_it_is_stopped_and_goes_on_with_the_same_study(config, tmp_path):
    first, second, third = Told(stop_at="trial 2:"), Told(), Told()
    with pytest.raises(KeyboardInterrupt):
        tune(load_config(config), minutes=5, out=tmp_path, progress=first)
    assert sum("teacher: training" in task for task in first.tasks) == 1
    assert "trial 1: auto, temperature default, alpha default, 2 epochs" in trained(first)[0]
    stopped = trained(first)[1].split("trial 2: ")[1]

    result = tune(load_config(config), minutes=5, trials=2, out=tmp_path, progress=second)
    assert not any(task.startswith("teacher") for task in second.tasks)
    assert trained(second)[0].endswith(stopped)  # before anything new
    assert "best " in trained(second)[0]
    assert result.current.loss == "auto"
    assert 2 <= result.finished + result.pruned <= 3
    assert result == TuneResult.model_validate_json((tmp_path / "tiny_tune/tune.json").read_text())

    again = tune(load_config(config), minutes=1e-9, out=tmp_path, progress=third)
    assert not trained(third)  # no time: what is there is looked at
    assert again.best == result.best


def test_the_test_split_is_not_looked_at(config, taught, tmp_path, blobs):
    """Data that differ in their test split alone give the same."""
    np.savez(tmp_path / "blobs.npz", **blobs | {"y_test": blobs["y_test"][::-1]})
    result = tune(load_config(config), minutes=5, trials=1, out=tmp_path)
    other = json.loads((taught / "tiny_tune/tune.json").read_text())
    assert result.current.validation_accuracy == other["current"]["validation_accuracy"]


def search_with(monkeypatch, config, out, reached, **limits):
    """A search whose trainings take no time and reach what ``reached`` says of setting and seed."""
    asked, waited = [], []

    def run(trials, setting, *, seed, watch, prefix, wait=False):
        asked.append((setting, seed))
        waited.append((setting, wait))
        with RunDirectory(out / "fake" / f"{hash(setting)}-{seed}").locked() as directory:
            accuracy = reached(setting, seed)
            return directory.stage(
                "trial",
                TrialResult,
                lambda _folder: TrialResult(validation_accuracy=accuracy),
                depends_on={},
            )

    monkeypatch.setattr(Trials, "run", run)
    result = tune(config, out=out, **limits)
    assert (Setting.of(config.distill), False) not in waited  # there is no comparing without it
    return result, asked


def test_a_gain_beyond_the_spread_is_what_it_would_change(monkeypatch, taught_config, out):
    def reached(setting, seed):
        return (0.9 if setting.loss == "kd" else 0.8) + 0.01 * (seed % 2)

    result, asked = search_with(monkeypatch, taught_config, out, reached, minutes=5, trials=12)
    assert result.best.loss == "kd"
    assert result.gain.seeds == (1, 2, 3)  # none of them is the one that was searched with
    assert {seed for _setting, seed in asked} == {0, 1, 2, 3}
    assert result.gain.mean == pytest.approx(0.1)
    assert result.gain.spread == pytest.approx(1 / 40 / math.sqrt(12))  # one sample of 40
    assert result.changes["loss"] == ("auto", "kd")
    assert "beats the current one: +10.00 points on 3 other seeds" in describe_tuning(result)[-1]


def test_a_gain_within_the_spread_is_none(monkeypatch, taught_config, out):
    """The winner of the search is good luck: on other seeds it is as good as the rest."""

    def reached(setting, seed):
        return 0.9 if setting.loss == "kd" and seed in {0, 2} else 0.8

    result, _asked = search_with(monkeypatch, taught_config, out, reached, minutes=5, trials=12)
    assert result.best.loss == "kd"
    assert result.gain.mean == pytest.approx(0.1 / 3)
    assert result.gain.mean < result.gain.spread
    assert result.changes == {}
    said = describe_tuning(result)[-1]
    assert said.startswith("Nothing beats the current setting by more than the spread")
    assert said.endswith("Keep it.")


def test_the_current_setting_wins_a_draw(monkeypatch, taught_config, out):
    result, asked = search_with(
        monkeypatch, taught_config, out, lambda _setting, _seed: 0.8, minutes=5, trials=6
    )
    assert asked[0][0] == Setting.of(taught_config.distill)
    assert result.best == result.current
    assert result.gain is None
    assert "Nothing beats the current setting: keep it." in describe_tuning(result)


def test_the_search_ends_when_it_finds_nothing_new(monkeypatch, taught_config, out):
    space = {"loss": ("auto",), "temperature": (None,), "alpha": (None,), "epochs": (2, 8)}
    monkeypatch.setattr(tuning, "search_space", lambda *_: space | {"learning_rate": (3e-3,)})
    result, asked = search_with(monkeypatch, taught_config, out, lambda *_: 0.8, minutes=5)
    assert result.finished == 2
    assert len(asked) < 30


def test_a_training_below_the_median_is_stopped(taught_config, out, monkeypatch):
    """After four that ended, one that stays at chance is not trained to its end."""

    def run(trials, setting, *, seed, watch, prefix, wait=False):
        good = len(ended) < 5
        for epoch in range(1, setting.epochs + 1):
            watch(epoch, 0.9 if good else 0.1)
        ended.append(setting)
        with RunDirectory(out / "fake" / str(len(ended))).locked() as directory:
            return directory.stage(
                "trial",
                TrialResult,
                lambda _folder: TrialResult(validation_accuracy=0.9),
                depends_on={},
            )

    ended = []
    monkeypatch.setattr(Trials, "run", run)
    distill = taught_config.distill.model_copy(update={"epochs": 20})
    long = taught_config.model_copy(update={"distill": distill})
    result = tune(long, minutes=5, trials=8, out=out)
    assert result.pruned >= 1
    assert result.pruned + len(ended) >= 8


def test_the_space_begins_with_the_current_setting():
    config = DistillConfig(temperature=3.0, epochs=10, learning_rate=2e-3)
    space = search_space(config, classes=10)
    assert [choices[0] for choices in space.values()] == ["auto", 3.0, None, 10, 2e-3]
    assert space["temperature"] == (3.0, 1.0, 2.0, 4.0)
    assert space["epochs"] == (10, 40)
    assert space["learning_rate"] == (2e-3, 6e-4, 6e-3)
    assert "kd" in space["loss"]
    assert "ls_kd" not in space["loss"]  # it is what `auto` means for ten classes
    assert len(set(space["alpha"])) == len(space["alpha"]) == 6


def test_a_setting_that_another_process_trains_is_left_to_it(monkeypatch, taught_config, out):
    """The first answer is that it is in use; later the other process has finished it."""
    busy = []

    def reached(setting, seed):
        if setting.loss == "kd" and not busy:
            busy.append(setting)
            raise DirectoryInUseError("trials: is in use by another build.")
        return 0.8

    result, _asked = search_with(monkeypatch, taught_config, out, reached, minutes=5, trials=8)
    assert busy
    assert result.finished >= 2


def test_two_searches_share_a_study(monkeypatch, taught_config, out):
    def reached(setting, seed):
        return 0.9 if setting.loss == "kd" else 0.8

    one, _asked = search_with(monkeypatch, taught_config, out, reached, minutes=5, trials=4)
    two, asked = search_with(monkeypatch, taught_config, out, reached, minutes=5, trials=4)
    assert two.finished > one.finished
    searched = [setting for setting, seed in asked if seed == 0]
    assert Setting.of(taught_config.distill) not in searched  # it was trained in the first


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--minutes", "0"), "minutes: must be above 0, got 0."),
        (("--minutes", "-3"), "minutes: must be above 0, got -3."),
        (("--minutes", "nan"), "minutes: must be above 0, got nan."),
        (("--trials", "0"), "trials: must be at least 1, got 0."),
        (("--write",), "--write needs the CONFIG file to write to."),
        (("absent.toml",), "absent.toml: cannot be read"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(cli, tmp_path, arguments, message):
    outcome = cli("tune", *arguments, "--out", tmp_path / "build")
    assert outcome.code == 1
    assert outcome.err.startswith("Error: ")
    assert outcome.err.count("\n") == 1
    assert message in outcome.err
    assert not (tmp_path / "build").exists()


def test_a_loss_that_asks_the_teacher_in_every_step_is_refused():
    config = DistillConfig.model_construct(loss="hint", temperature=2.0, alpha=None)
    with pytest.raises(ConfigError, match="'hint' looks inside the teacher"):
        search_space(config, classes=10)


def result_with(changes):
    setting = TunedSetting(
        loss="auto",
        temperature=2.0,
        alpha=None,
        epochs=160,
        learning_rate=3e-3,
        validation_accuracy=0.9,
        seconds=1.0,
    )
    gain = Gain(
        seeds=(1, 2, 3),
        current=(0.9, 0.9, 0.9),
        best=(0.95, 0.94, 0.96),
        mean=0.05,
        spread=0.01,
        ci95=(0.025, 0.075),
    )
    return TuneResult(
        name="tiny",
        validation_samples=300,
        finished=9,
        pruned=2,
        current=setting,
        best=setting,
        gain=gain,
        changes=changes,
    )


CHANGES = {"loss": ("auto", "kd"), "alpha": (None, 0.9), "epochs": (160, 640)}


def test_the_command_prints_what_to_paste_and_writes_it(cli, config, monkeypatch):
    monkeypatch.setattr(tuning, "tune", lambda *_args, **_limits: result_with(CHANGES))
    outcome = cli("tune", config, "--write", "--quiet")
    assert outcome.code == 0, outcome.err
    assert render_changes(CHANGES) in outcome.out
    assert f"Wrote {config}" in outcome.out
    assert load_config(config).distill.loss == "kd"
    outcome = cli("tune", config, "--json", "--quiet")
    assert json.loads(outcome.out)["changes"]["epochs"] == [160, 640]


def test_nothing_is_written_when_nothing_is_better(cli, config, monkeypatch):
    monkeypatch.setattr(tuning, "tune", lambda *_args, **_limits: result_with({}))
    outcome = cli("tune", config, "--write", "--quiet")
    assert "Keep it." in outcome.out
    assert "Wrote" not in outcome.out
    assert config.read_text() == CONFIG


FILES = {
    "commented": (
        '# mine\nname = "x"\n[distill]  # how\n# about the loss\nloss = "auto" # as ever\n'
        '# alpha =\nepochs = 160\n\n# the target\n[target]\nlevel = "Os"\n',
        '# mine\nname = "x"\n[distill]  # how\n# about the loss\nloss = "kd" # as ever\n'
        'alpha = 0.9\nepochs = 640\n\n# the target\n[target]\nlevel = "Os"\n',
    ),
    "no section": (
        'name = "x"  # short\n',
        'name = "x"  # short\n\n[distill]\nloss = "kd"\nalpha = 0.9\nepochs = 640\n',
    ),
    "keys missing": (
        "[distill]\nepochs = 160\n\n[target]\n",
        '[distill]\nepochs = 640\nloss = "kd"\nalpha = 0.9\n\n[target]\n',
    ),
}


@pytest.mark.parametrize(("before", "after"), FILES.values(), ids=FILES.keys())
def test_comments_and_order_stay(tmp_path, before, after):
    file = tmp_path / "x.toml"
    file.write_text(before)
    assert write_changes(file, CHANGES) == file
    assert file.read_text() == after


@pytest.mark.parametrize("before", ["distill.epochs = 160\n", "distill = { epochs = 160 }\n"])
def test_a_file_in_another_style_is_left_alone(tmp_path, before):
    file = tmp_path / "x.toml"
    file.write_text(before)
    assert write_changes(file, CHANGES) == tmp_path / "x.tuned.toml"
    assert file.read_text() == before
    assert load_config(tmp_path / "x.tuned.toml") == Config(
        distill=DistillConfig(loss="kd", alpha=0.9, epochs=640)
    )
