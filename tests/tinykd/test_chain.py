"""Assistants and generations: who teaches whom, and that validation decides."""

import keras
import numpy as np
import pytest
import tf_keras

import tinykd
from tinykd.api.run import Run
from tinykd.config import Config, DistillConfig, StudentConfig, TeacherConfig, parse_config
from tinykd.distillation.chain import assistant_widths, describe_chain, follow_chain
from tinykd.distillation.pupil import Pupil
from tinykd.distillation.stage import distill_student
from tinykd.errors import ConfigError, TinykdError
from tinykd.progress import Silent
from tinykd.results import TrainingCurve
from tinykd.students.files import load_student
from tinykd.tasks import CLASSIFICATION
from tinykd.teachers.self_taught import train_self_teacher
from tinykd.teachers.teacher import open_teacher
from tinykd.training import Rows, Trainee, accuracy, predict

STUDENT = StudentConfig(architecture="mlp", width=0.5)
QUICK = {"epochs": 8, "batch_size": 16, "learning_rate": 0.01, "augment": "none"}


class Constant:
    """A network that says its own number of everything."""

    def __init__(self, number):
        self.number = number

    def count_params(self):
        return self.number


class Numbered(Pupil):
    def answer(self, x):
        return np.full((len(x), 4), self.trainee.model.number, np.float32)


def pupil(name, taught_by, number, score):
    trainee = Trainee(name, Constant(number), 1.0)
    curve = TrainingCurve(name=name, loss=(), validation_accuracy=())
    return Numbered(name, taught_by, trainee, curve, score)


def follow(scores, **settings):
    """Networks whose accuracies are given; returns the best, and what each was taught with."""
    taught = []
    rows = Rows.of_views([np.zeros((3, 2))], np.zeros(3, np.int32), np.zeros((3, 4)))
    rows = rows.with_pool([np.zeros((2, 2))], np.zeros((2, 4)))

    def teach(name, taught_by, config, seed, rows):
        said = {*rows.teacher_logits.ravel(), *rows.pool.teacher_logits.ravel()}
        taught.append((name, taught_by, config.width, seed, *said))
        return pupil(name, taught_by, len(taught), scores[len(taught)])

    widths = settings.pop("widths", [])
    direct = pupil("student", "teacher", 99, scores[0])
    best, pupils = follow_chain(
        DistillConfig(**settings),
        STUDENT,
        direct,
        rows,
        widths=widths,
        seed=7,
        teach=teach,
        task=CLASSIFICATION,
    )
    links = describe_chain(best, pupils)
    names = ["student", *(entry[0] for entry in taught)]
    assert [link.name for link in links] == (names if taught else [])
    assert [link.name for link in links if link.is_kept] == ([best.name] if taught else [])
    return best, taught


def test_each_generation_is_taught_by_the_one_before():
    best, taught = follow([0.5, 0.7, 0.6], generations=3)
    assert taught == [
        ("generation_2", "student", 0.5, 8, 99.0),
        ("generation_3", "generation_2", 0.5, 9, 1.0),
    ]
    assert best.name == "generation_2"


def test_assistants_stand_between_teacher_and_student():
    best, taught = follow([0.5, 0.9, 0.8, 0.6], widths=[4.0, 2.0])
    assert taught == [
        ("assistant_8", "teacher", 4.0, 7, 0.0),
        ("assistant_4", "assistant_8", 2.0, 7, 1.0),
        ("student_of_assistant", "assistant_4", 0.5, 7, 2.0),
    ]
    assert best.name == "student_of_assistant"  # never a larger one


def test_what_does_not_gain_is_not_kept():
    assert follow([0.6, 0.9, 0.6], widths=[2.0])[0].name == "student"
    assert follow([0.6, 0.6, 0.5], generations=3)[0].name == "student"
    assert follow([0.6], generations=1)[1] == []


def test_a_chain_hands_on_the_mean_of_the_views_where_the_teacher_gave_it(monkeypatch):
    monkeypatch.setattr(Numbered, "answer", lambda _self, x: np.float32(x))
    views = [np.float32([[0, 0]] * 3), np.float32([[4, 0]] * 3)]
    rows = Rows.of_views(views, np.zeros(3, np.int32), np.zeros((6, 2)))
    rows = rows.with_pool(views, np.zeros((6, 2)))
    for view_targets, said in {"own": [0.5, 1 / (1 + np.exp(-4))], "mean": [0.741] * 2}.items():
        taught = []

        def teach(name, taught_by, _config, _seed, rows, taught=taught):
            taught.append(rows)
            return pupil(name, taught_by, 1, 0.5)

        config = DistillConfig(generations=2, view_targets=view_targets, augment="flip")
        student = pupil("student", "teacher", 1, 0.5)
        settings = {"seed": 0, "teach": teach, "task": CLASSIFICATION}
        follow_chain(config, STUDENT, student, rows, widths=[2.0], **settings)
        assert len(taught) == 3
        for lesson in taught[1:]:
            for part in (lesson, lesson.pool):
                logits = part.teacher_logits
                first = np.exp(logits[:, 0]) / np.exp(logits).sum(axis=1)
                np.testing.assert_allclose(first, np.repeat(said, 3), atol=1e-3)


def test_auto_wants_a_large_gap():
    def widths(assistants, teacher):
        config = DistillConfig(assistants=assistants)
        return assistant_widths(config, STUDENT, 100, lambda: Constant(teacher))

    assert widths("auto", 5_000) == []
    assert widths("auto", 25_600) == [2.0]  # 16 times the parameters, and 16 times again
    assert widths("none", 10**6) == []
    assert widths([3.0, 1], 10) == [3.0, 1]
    with pytest.raises(ConfigError, match=r"distill.assistants.*: widths are from 0.1 to 16"):
        parse_config({"distill": {"assistants": [99.0]}}, source="test")


def test_the_stage_stores_the_best_and_says_whose_student_it_is(dataset, tmp_path):
    result = distill_student(
        DistillConfig(**QUICK, generations=2, assistants=[1.0]),
        STUDENT,
        dataset,
        np.float32(np.eye(4))[dataset.y_train] * 8,
        open_teacher=lambda: pytest.fail("its size does not matter"),
        seed=0,
        folder=tmp_path,
        progress=Silent(),
    )
    names = ["student", "assistant_2", "student_of_assistant", "generation_2"]
    assert [link.name for link in result.chain] == names
    assert [link.taught_by for link in result.chain[:3]] == ["teacher", "teacher", "assistant_2"]
    assert {file.name for file in tmp_path.iterdir()} == {"scratch.h5", "student.h5"}
    stored = load_student(tmp_path / "student.h5")
    assert stored.count_params() == result.student.parameters == result.chain[2].parameters
    assert result.chain[1].parameters > result.student.parameters
    logits = predict(Trainee("student", stored, dataset.input_scale), dataset.x_validation)
    best = accuracy(logits, dataset.y_validation)
    assert best == result.student_validation_accuracy
    same_size = [link for link in result.chain if link.parameters == result.student.parameters]
    assert best == max(link.validation_accuracy for link in same_size)
    kept = next(link for link in result.chain if link.is_kept)
    assert kept.validation_accuracy == best
    assert [curve.name for curve in result.curves] == ["scratch", "student"]


def test_a_student_without_a_larger_teacher_has_one_like_itself(dataset, tmp_path):
    config = Config(
        student=STUDENT, distill=DistillConfig(**QUICK), teacher=TeacherConfig(kind="self")
    )
    result = train_self_teacher(config, dataset, folder=tmp_path, progress=Silent())
    teacher = open_teacher(tmp_path / "teacher.keras", dataset)  # of raw samples
    said = accuracy(predict(teacher.trainee, dataset.x_validation), dataset.y_validation)
    assert said == result.validation_accuracy > 0.5
    assert [file.name for file in tmp_path.iterdir()] == ["teacher.keras"]


def test_from_python_too(dataset, monkeypatch):
    """The student teaches the next one the mean of what it says of all views."""
    taught, learn = [], Run.learn

    def look(self, name, objective, place, until=None):
        taught.append(self.rows.teacher_logits.reshape(9, -1, 4))
        return learn(self, name, objective, place, until)

    monkeypatch.setattr(Run, "learn", look)
    x, y = np.float32(dataset.x_train) / 255, dataset.y_train
    layers = tf_keras.layers
    for targets, is_mean in (("own", False), ("mean", True)):
        student, teacher = (
            tf_keras.Sequential([layers.Flatten(input_shape=(5, 5, 1)), layers.Dense(4)])
            for _ in "ab"
        )
        settings = {**QUICK, "augment": "shift", "epochs": 1, "loss": "kd", "baseline": False}
        tinykd.distill(teacher, student, (x, y), generations=2, view_targets=targets, **settings)
        for logits in taught[-2:]:
            assert np.array_equal(logits, np.broadcast_to(logits[:1], logits.shape)) == is_mean


def test_from_python_the_best_generation_comes_back(dataset):
    keras.utils.set_random_seed(0)
    layers = tf_keras.layers
    student = tf_keras.Sequential([layers.Flatten(), layers.Dense(4)])
    x, y = np.float32(dataset.x_train) / 255, dataset.y_train
    answers = 8 * np.float32(np.eye(4))[y]
    settings = {**QUICK, "baseline": False}
    tinykd.distill(answers, student, (x, y), generations=3, **settings)
    found = student.distillation
    held_out = np.mean(np.argmax(student(x[::5]), axis=1) == y[::5])
    assert held_out == pytest.approx(found.student_validation_accuracy)
    assert [(link.name, link.taught_by) for link in found.chain] == [
        ("student", "teacher"),
        ("generation_2", "student"),
        ("generation_3", "generation_2"),
    ]
    (kept,) = [link for link in found.chain if link.is_kept]
    assert kept.validation_accuracy == found.student_validation_accuracy
    with pytest.raises(TinykdError, match="assistants are wider students of the pipeline"):
        tinykd.distill(answers, student, (x, y), assistants="auto")
