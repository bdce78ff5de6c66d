"""``auto`` with real training: who is right wins, and a race that is stopped goes on."""

import dataclasses

import numpy as np
import pytest
import tf_keras

import tinykd
from tinykd.config import DistillConfig, StudentConfig
from tinykd.distillation.stage import distill_student
from tinykd.errors import ConfigError
from tinykd.losses import choose_objective, find_candidates, settle
from tinykd.losses import table as losses_table
from tinykd.progress import Silent
from tinykd.students.files import load_student
from tinykd.training import loop

RACERS = find_candidates(4)
NAMES = tuple(row.name for row in RACERS)
STUDENT = StudentConfig(architecture="mlp", width=0.5)
RACED = DistillConfig(
    epochs=20, batch_size=4, learning_rate=0.01, augment="none", race_fraction=0.8
)
"""30 steps an epoch: 16 epochs of budget are rungs of 5 and 10 for three candidates."""


@pytest.fixture(scope="module")
def soft_targets(dataset):
    """The labels, as a teacher that never errs would say them: [120, 4]."""
    return np.float32(np.eye(4))[dataset.y_train] * 8


@pytest.fixture
def only(monkeypatch):
    """Rig the table of losses: all but one teach the opposite."""

    def rig(name):
        for candidate in RACERS:
            if candidate.name != name:
                loss = candidate.loss
                row = losses_table.LOSSES[loss]
                upside_down = dataclasses.replace(
                    row, compute=lambda s, t, row=row, **options: row.compute(s, -t, **options)
                )
                monkeypatch.setitem(losses_table.LOSSES, loss, upside_down)

    return rig


def distil(folder, dataset, soft_targets, config=RACED, progress=None):
    folder.mkdir(exist_ok=True)
    return distill_student(
        config,
        STUDENT,
        dataset,
        soft_targets,
        open_teacher=lambda: pytest.fail("its answers are there"),
        seed=0,
        folder=folder,
        progress=progress or Silent(),
    )


@pytest.fixture
def epochs(monkeypatch):
    """Counts the epochs that are trained."""
    real, counted = loop.validate, []

    def validate(*arguments):
        counted.append(1)
        return real(*arguments)

    monkeypatch.setattr(loop, "validate", validate)
    return counted


@pytest.mark.parametrize("winner", NAMES)
def test_whoever_is_right_wins(dataset, soft_targets, tmp_path, only, epochs, winner):
    """Labels say nothing here: they are shuffled, and validation knows who taught the truth."""
    only(winner)
    labels = np.random.default_rng(0).permutation(dataset.y_train)
    found = distil(tmp_path / "a", dataclasses.replace(dataset, y_train=labels), soft_targets)
    assert found.race.chosen == winner
    assert found.loss == RACERS[NAMES.index(winner)].loss
    assert found.shipped == "student"
    assert found.student_validation_accuracy > 0.8
    assert found.scratch_validation_accuracy < 0.6
    assert [rung.epochs for rung in found.race.rungs] == [5, 10]
    assert found.race.budget_epochs == 16
    assert found.race.extra_epochs == 15
    assert len(epochs) == 2 * 20 + 15
    assert {s.candidate for s in found.race.rungs[0].scores} == {*NAMES, "scratch"}
    assert {file.name for file in (tmp_path / "a").iterdir()} == {"scratch.h5", "student.h5"}


def test_scratch_wins_where_every_candidate_misleads(dataset, soft_targets, tmp_path):
    mostly = RACED.model_copy(update={"alpha": 0.9})
    found = distil(tmp_path / "a", dataset, np.roll(soft_targets, 1, axis=1), mostly)
    assert found.shipped == "scratch"
    assert "Without a teacher the student was as good by then" in found.race.reason


@pytest.fixture(scope="module")
def whole(dataset, soft_targets, tmp_path_factory):
    """A folder and what was found in it: a race that nobody stopped."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, distil(folder, dataset, soft_targets)


def same_students(*folders):
    students = [load_student(folder / "student.h5").get_weights() for folder in folders]
    return all(map(np.array_equal, *students))


def test_the_winner_is_trained_as_if_it_had_been_named(dataset, soft_targets, tmp_path, whole):
    folder, raced = whole
    assert raced.race.rungs
    named = distil(tmp_path / "named", dataset, soft_targets, settle(RACED, raced.race.chosen))
    assert named.race is None
    assert raced.model_copy(update={"race": None}) == named
    assert same_students(folder, tmp_path / "named")


class Stopping(Silent):
    """Raises as Ctrl-C does, in one epoch of one task."""

    def __init__(self, task, epoch):
        self.stop, self.at = task, epoch

    def task(self, description, total=None):
        task = super().task(description, total)
        return _Stop(self.at) if description.endswith(self.stop) and total >= self.at else task


class _Stop:
    def __init__(self, epoch):
        self.epoch = epoch

    def __enter__(self):
        def advance(done):
            if done == self.epoch:
                raise KeyboardInterrupt

        return advance

    def __exit__(self, *_exception):
        return False


def test_a_race_that_is_stopped_goes_on(dataset, soft_targets, tmp_path, whole, epochs):
    folder, expected = whole
    for stop in (Stopping("race, kd_half", 2), Stopping(f"race, {expected.race.chosen}", 6)):
        with pytest.raises(KeyboardInterrupt):
            distil(tmp_path, dataset, soft_targets, progress=stop)
    assert distil(tmp_path, dataset, soft_targets) == expected
    assert len(epochs) == 2 * 20 + expected.race.extra_epochs  # none was trained twice
    assert same_students(folder, tmp_path)


def in_fewer_classes(dataset, classes):
    """The same samples with other labels, and a teacher that never errs about those."""
    few = dataclasses.replace(
        dataset,
        y_train=dataset.y_train % classes,
        y_validation=dataset.y_validation % classes,
        class_names=dataset.class_names[:classes],
    )
    return few, np.float32(np.eye(classes))[few.y_train] * 8


def test_three_classes_race_with_what_suits_them(dataset, tmp_path):
    race = distil(tmp_path / "a", *in_fewer_classes(dataset, 3)).race
    assert race.candidates == ("kd_half", "dist")
    assert [s.candidate for s in race.rungs[0].scores] == ["kd_half", "dist", "scratch"]


def test_two_classes_have_one_loss_that_suits_them(dataset, tmp_path):
    found = distil(tmp_path / "a", *in_fewer_classes(dataset, 2))
    assert (found.loss, found.temperature, found.alpha) == ("kd", 1.0, 0.5)
    assert found.race.rungs == ()
    assert found.race.reason.endswith("; there is no other.")
    with pytest.raises(ConfigError, match="'ls_kd' says nothing with 2 classes"):
        choose_objective(DistillConfig(loss="ls_kd"), 2)


def network():
    tf_keras.utils.set_random_seed(0)
    layers = tf_keras.layers
    hidden = [layers.Flatten(), layers.Dense(8, activation="relu"), layers.Dense(4)]
    return tf_keras.Sequential([layers.Input((5, 5, 1)), *hidden])


def test_python_races_too_and_goes_on(dataset, soft_targets, tmp_path, epochs):
    settings = {"epochs": 20, "batch_size": 4, "race_fraction": 0.5, "learning_rate": 0.01}
    whole = tinykd.distill(soft_targets, network(), dataset, **settings)
    found = whole.distillation
    assert found.race.chosen in NAMES
    assert [s.candidate for s in found.race.rungs[0].scores][-1] == "scratch"
    assert len(epochs) == 2 * 20 + found.race.extra_epochs
    assert found.race.extra_epochs <= 10
    with pytest.raises(KeyboardInterrupt):
        tinykd.distill(
            soft_targets,
            network(),
            dataset,
            folder=tmp_path,
            progress=Stopping("race, kd_half", 3),
            **settings,
        )
    resumed = tinykd.distill(soft_targets, network(), dataset, folder=tmp_path, **settings)
    assert resumed.distillation == found
    assert all(map(np.array_equal, whole.get_weights(), resumed.get_weights()))
    assert not list(tmp_path.iterdir())


def test_python_without_a_baseline_races_without_scratch(dataset, soft_targets):
    settings = {"epochs": 8, "batch_size": 4, "race_fraction": 0.5}
    found = tinykd.distill(soft_targets, network(), dataset, baseline=False, **settings)
    (rung,) = found.distillation.race.rungs
    assert "scratch" not in {score.candidate for score in rung.scores}
