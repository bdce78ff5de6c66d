"""Distillation: two students alike but for the teacher, and a teacher that stays as it was."""

import dataclasses

import keras
import numpy as np
import pytest
import tf_keras

from tinykd.config import DistillConfig, StudentConfig
from tinykd.distillation.stage import distill_student
from tinykd.progress import Silent
from tinykd.students.architectures import build_student
from tinykd.students.files import load_student
from tinykd.teachers.soft_targets import compute_soft_targets
from tinykd.teachers.teacher import Teacher
from tinykd.training import Trainee, accuracy, predict

STUDENT = StudentConfig(architecture="mlp", width=0.5)
CONFIG = DistillConfig(epochs=15, batch_size=16, learning_rate=0.01, augment="none")


def teacher_network(library):
    """With statistics that any step in training mode would move."""
    library.utils.set_random_seed(0)
    layers = library.layers
    inputs = layers.Input((5, 5, 1))
    x = layers.Flatten()(layers.BatchNormalization()(inputs))
    x = layers.Dropout(0.5)(layers.Dense(16, activation="relu")(x))
    return library.Model(inputs, layers.Dense(4)(x))


@pytest.fixture
def distill(dataset, tmp_path):
    """Run the stage into a folder of its own."""

    def run(soft_targets, config=CONFIG, *, data=dataset, name="stage", teacher=never):
        folder = tmp_path / name
        folder.mkdir()
        result = distill_student(
            config,
            STUDENT,
            data,
            soft_targets,
            open_teacher=teacher,
            seed=0,
            folder=folder,
            progress=Silent(),
        )
        return result, {key: load_student(folder / f"{key}.h5") for key in ("scratch", "student")}

    return run


@pytest.fixture(scope="module")
def soft_targets(dataset):
    """The labels, as a teacher that never errs would say them: [120, 4]."""
    return np.float32(np.eye(4))[dataset.y_train] * 8


def never():
    pytest.fail("the teacher's answers are there: it need not be opened")


def weights(model):
    return [array.copy() for array in model.get_weights()]


@pytest.mark.parametrize("library", [keras, tf_keras], ids=["keras 3", "tf_keras"])
def test_the_teacher_stays_bit_for_bit_and_the_student_learns(dataset, distill, library):
    model = teacher_network(library)
    before = weights(model)
    teacher = Teacher(model, 1 / 256, "teacher")
    asked = compute_soft_targets(teacher, dataset, augment=("shift",), progress=Silent())
    result, students = distill(asked, CONFIG.model_copy(update={"augment": "shift"}))
    assert result.augment == ("shift",)
    assert all(map(np.array_equal, before, weights(model)))
    fresh = build_student(STUDENT, (5, 5, 1), 4, seed=0)
    for student in students.values():
        assert not any(map(np.array_equal, fresh.get_weights(), student.get_weights()))
    again = compute_soft_targets(teacher, dataset, augment=("shift",), progress=Silent())
    assert np.array_equal(asked, again)  # no dropout in its answers


def test_both_students_start_alike_and_only_the_teacher_parts_them(distill, soft_targets):
    taught, students = distill(soft_targets, name="taught")
    assert taught.alpha == 0.99
    assert not all(map(np.array_equal, weights(students["scratch"]), weights(students["student"])))
    alone = CONFIG.model_copy(update={"alpha": 0.0})
    level, same = distill(soft_targets, alone, name="alone")
    assert all(map(np.array_equal, weights(same["scratch"]), weights(same["student"])))
    assert all(map(np.array_equal, weights(same["scratch"]), weights(students["scratch"])))
    assert level.shipped == "student"


def test_both_start_from_the_weights_of_the_seed(distill, soft_targets):
    """Steps too small for float32 leave every kernel where it started; biases leave zero."""
    still = CONFIG.model_copy(update={"epochs": 1, "learning_rate": 1e-30, "weight_decay": 0.0})
    _, students = distill(soft_targets, still)
    fresh = weights(build_student(STUDENT, (5, 5, 1), 4, seed=0))
    for student in students.values():
        for before, after in zip(fresh, weights(student), strict=True):
            assert np.array_equal(before, after) or before.ndim == 1


def test_the_result_is_that_of_the_stored_students(dataset, distill, soft_targets, tmp_path):
    result, students = distill(soft_targets)
    assert {file.name for file in (tmp_path / "stage").iterdir()} == {"scratch.h5", "student.h5"}
    found = {
        name: accuracy(
            predict(Trainee(name, model, dataset.input_scale), dataset.x_validation),
            dataset.y_validation,
        )
        for name, model in students.items()
    }
    assert result.student_validation_accuracy == found["student"] > 0.7
    assert result.scratch_validation_accuracy == found["scratch"] > 0.7
    assert [curve.name for curve in result.curves] == ["scratch", "student"]
    assert [len(curve.loss) for curve in result.curves] == [15, 15]
    assert (result.loss, result.temperature) == ("ls_kd", 2.0)
    assert result.student.parameters == students["student"].count_params()


def test_the_better_of_the_two_is_shipped(dataset, distill, soft_targets):
    """One of them is misled each time: by its teacher, or by labels that its teacher corrects."""
    misled, _ = distill(np.roll(soft_targets, 1, axis=1), name="misled")
    assert misled.student_validation_accuracy < misled.scratch_validation_accuracy
    assert misled.shipped == "scratch"
    wrong_labels = dataclasses.replace(dataset, y_train=(dataset.y_train + 1) % 4)
    helped, _ = distill(soft_targets, data=wrong_labels, name="helped")
    assert helped.student_validation_accuracy > helped.scratch_validation_accuracy
    assert helped.shipped == "student"


def test_a_stop_between_the_two_trainings_changes_nothing(dataset, distill, soft_targets, tmp_path):
    _, expected = distill(soft_targets, name="whole")

    class Stopping(Silent):
        def task(self, description, total=None):
            if "with its teacher" in description:
                raise KeyboardInterrupt
            return super().task(description, total)

    folder = tmp_path / "stopped"
    folder.mkdir()
    arguments = (CONFIG, STUDENT, dataset, soft_targets)
    settings = {"open_teacher": never, "seed": 0, "folder": folder}
    with pytest.raises(KeyboardInterrupt):
        distill_student(*arguments, **settings, progress=Stopping())
    distill_student(*arguments, **settings, progress=Silent())
    for name, model in expected.items():
        stored = load_student(folder / f"{name}.h5")
        assert all(map(np.array_equal, weights(model), weights(stored)))
