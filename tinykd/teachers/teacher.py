"""The teacher stage: a network that is ready to be asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.config import TeacherConfig
from tinykd.datasets import Dataset
from tinykd.probabilities import as_logits, gives_probabilities
from tinykd.progress import Progress
from tinykd.results import TeacherResult
from tinykd.teachers.architectures import build_teacher
from tinykd.teachers.load import check_teacher, load_teacher
from tinykd.training import (
    Rows,
    Schedule,
    Trainee,
    accuracy,
    cross_entropy,
    make_deterministic,
    predict,
    train,
)
from tinykd.views import VIEWS

TEACHER_FILE = "teacher.keras"

FEW_SAMPLES = 5_000
"""Up to so many samples the teacher trains on shifted views of them; more need no help."""


@dataclass(frozen=True)
class Teacher:
    """A network that answers with logits.

    Attributes:
        model: Keras 3 or tf_keras model.
        input_scale: What raw samples are multiplied by for it.
        name: What to call it in an error: its file.
    """

    model: Any
    input_scale: float
    name: str

    @property
    def trainee(self) -> Trainee:
        """The same for a training step, where it is asked and does not learn."""
        return Trainee("teacher", self.model, self.input_scale)

    def logits(self, x: NDArray[Any], *, progress: Progress, why: str) -> NDArray[np.float32]:
        """Answer raw samples [n, ...] in inference mode: float32 [n, classes].

        Probabilities are turned into their logarithms.
        """
        return as_logits(self.outputs(x, progress=progress, why=why))

    def outputs(self, x: NDArray[Any], *, progress: Progress, why: str) -> NDArray[np.float32]:
        """What the network gives for raw samples [n, ...]: float32 [n, classes]."""
        with progress.task(f"teacher: {why}", len(x)) as advance:
            return predict(self.trainee, x, advance=advance)


def train_teacher(
    config: TeacherConfig, dataset: Dataset, *, seed: int, folder: Path, progress: Progress
) -> TeacherResult:
    """Train a teacher, without label smoothing and with early stopping, into ``teacher.keras``.

    An over-confident teacher has nothing to teach but the labels: hence the early stop.

    Source: Cho and Hariharan, "On the Efficacy of Knowledge Distillation", ICCV 2019, section 5.
    """
    make_deterministic(seed)
    model = build_teacher(dataset.input_shape, dataset.classes, width=config.width, seed=seed)
    views = VIEWS["shift" if len(dataset.x_train) <= FEW_SAMPLES else "none"](dataset.x_train)
    rows = Rows.of_views(views, dataset.y_train)
    with progress.task("teacher: training", config.epochs) as advance:
        curve = train(
            Trainee("teacher", model, 1.0),
            lambda lesson: cross_entropy(lesson.student_logits, lesson.labels),
            rows,
            validation=(dataset.x_validation, dataset.y_validation),
            schedule=Schedule(
                epochs=config.epochs,
                batch_size=config.batch_size,
                learning_rate=config.learning_rate,
                weight_decay=1e-4,
                patience=config.patience,
            ),
            seed=seed,
            checkpoint=folder / "checkpoint.npz",
            advance=advance,
        )
    model.save(folder / TEACHER_FILE)
    outputs = predict(Trainee("teacher", model, 1.0), dataset.x_validation)
    (folder / "checkpoint.npz").unlink()
    return TeacherResult(
        description="trained here",
        parameters=int(model.count_params()),
        gives_probabilities=False,
        validation_accuracy=accuracy(outputs, dataset.y_validation),
        curve=curve,
    )


def examine_teacher(teacher: Teacher, dataset: Dataset, *, progress: Progress) -> TeacherResult:
    """Find out what a user's teacher gives, and how good it is on validation."""
    outputs = teacher.outputs(dataset.x_validation, progress=progress, why="checking")
    return TeacherResult(
        description=Path(teacher.name).name,
        parameters=int(teacher.model.count_params()),
        gives_probabilities=gives_probabilities(outputs),
        validation_accuracy=accuracy(outputs, dataset.y_validation),
    )


def open_teacher(path: Path, dataset: Dataset, *, input_scale: float = 1.0) -> Teacher:
    """Open a teacher's file, and check that it suits the data.

    Raises:
        TeacherError: If neither Keras can open it, or its input or its classes do not match.
    """
    model = load_teacher(path)
    check_teacher(model, dataset, path=str(path))
    return Teacher(model, input_scale, str(path))
