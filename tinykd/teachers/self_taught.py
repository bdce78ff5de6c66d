"""Where there is no larger teacher: the student's own architecture, trained on labels alone."""

from __future__ import annotations

from pathlib import Path

import tf_keras

from tinykd.config import Config
from tinykd.datasets import Dataset
from tinykd.losses import Objective
from tinykd.progress import Progress
from tinykd.results import TeacherResult
from tinykd.students.architectures import build_student
from tinykd.teachers.teacher import TEACHER_FILE
from tinykd.training import Rows, Schedule, Trainee, make_deterministic, predict, train
from tinykd.views import make_views


def train_self_teacher(
    config: Config, dataset: Dataset, *, folder: Path, progress: Progress
) -> TeacherResult:
    """Train the first of a line of equal networks, into ``teacher.keras``.

    It starts from other weights than the student that it teaches, and takes the same steps. The
    file takes raw samples, as every teacher does.

    Source: Furlanello et al., "Born-Again Neural Networks", ICML 2018, section 3.1.
    """
    seed = config.seed + len("teacher")  # no generation of students starts there
    make_deterministic(seed)
    model = build_student(
        config.student, dataset.input_shape, dataset.classes, seed=seed, start=dataset.start
    )
    trainee = Trainee("teacher", model, dataset.input_scale)
    schedule = config.distill
    views = make_views(dataset.x_train, schedule.views)
    with progress.task("teacher: training its like", schedule.epochs) as advance:
        curve = train(
            trainee,
            Objective(labels=1.0, task=dataset.task.name),
            Rows.of_views(views.x, dataset.labels_of(views.x), mixture=views.mixture),
            validation=(dataset.x_validation, dataset.y_validation),
            schedule=Schedule.of_student(schedule),
            seed=seed,
            checkpoint=folder / "checkpoint.npz",
            advance=advance,
            task=dataset.task,
        )
    inputs = tf_keras.layers.Input(model.input_shape[1:])
    scaled = tf_keras.layers.Rescaling(dataset.input_scale)(inputs)
    outputs = model(scaled)
    if dataset.output_scale != 1.0:
        outputs = tf_keras.layers.Rescaling(dataset.output_scale)(outputs)
    tf_keras.Model(inputs, outputs, name="teacher").save(folder / TEACHER_FILE)
    (folder / "checkpoint.npz").unlink()
    answers = predict(trainee, dataset.x_validation)
    return TeacherResult(
        description="the student's like, trained here",
        parameters=int(model.count_params()),
        gives_probabilities=False,
        validation_accuracy=dataset.task.score(answers, dataset.y_validation),
        curve=curve,
    )
