"""The teacher stage: a network that is ready to be asked."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.config import TeacherConfig
from tinykd.datasets import Dataset
from tinykd.errors import ConfigError
from tinykd.progress import Progress
from tinykd.results import TeacherResult
from tinykd.tasks import CLASSIFICATION, Task
from tinykd.teachers.architectures import build_teacher, scale_outputs
from tinykd.teachers.files import hash_file
from tinykd.teachers.foreign import Answer
from tinykd.teachers.load import check_teacher, load_teacher
from tinykd.training import (
    Rows,
    Schedule,
    Trainee,
    answerer,
    make_deterministic,
    predict,
    train,
)
from tinykd.views import make_views

TEACHER_FILE = "teacher.keras"

FEW_SAMPLES = 5_000
"""Up to so many samples the teacher trains on shifted views of them; more need no help."""


@dataclass(frozen=True)
class Teacher:
    """Something that answers samples with logits.

    Attributes:
        model: Keras 3 or tf_keras model; None where there is only ``asked``.
        input_scale: What raw samples are multiplied by for it.
        name: What to call it in an error: its file.
        identity: Hash that no other teacher has; empty, its answers are not kept on disk.
        asked: In place of a model: from raw samples [n, ...] to outputs [n, classes].
        weights: Number of weights where there is no model; 0 where nobody knows.
        knows_all: False for an array of logits: it has answers to the training data alone.
        task: What it is asked.
        output_scale: Of the data: what it gives has the unit of the targets.
    """

    model: Any
    input_scale: float
    name: str
    identity: str = ""
    asked: Answer | None = None
    weights: int = 0
    knows_all: bool = True
    task: Task = CLASSIFICATION
    output_scale: float = 1.0

    @property
    def members(self) -> tuple[Teacher, ...]:
        """Itself: an ensemble has several."""
        return (self,)

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return self.weights if self.model is None else int(self.model.count_params())

    @property
    def trainee(self) -> Trainee:
        """The same for a training step, where it is asked and does not learn.

        Raises:
            ConfigError: If it has no layers to look at.
        """
        if self.model is None:
            raise ConfigError(
                f"{self.name}: does not show the features that the loss compares. Give a .keras or "
                ".h5 teacher, or use a loss on logits such as 'ls_kd'."
            )
        return Trainee("teacher", self.model, self.input_scale)

    @cached_property
    def answer(self) -> Answer:
        """From raw samples to outputs, in inference mode."""
        return answerer(self.trainee) if self.asked is None else self.asked

    def combine(
        self, logits: Sequence[NDArray[np.float32]], _labels: NDArray[Any] | None = None
    ) -> NDArray[np.float32]:
        """Its own logits: there is nothing to combine."""
        return logits[0]

    def logits(self, x: NDArray[Any], *, progress: Progress, why: str) -> NDArray[np.float32]:
        """Answer raw samples [n, ...] in inference mode: float32 [n, classes].

        Probabilities are turned into their logarithms, targets into the network's units.
        """
        return self.as_logits(self.outputs(x, progress=progress, why=why))

    def as_logits(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """What it gives as a student learns it."""
        return self.task.as_logits(outputs, self.output_scale)

    def outputs(self, x: NDArray[Any], *, progress: Progress, why: str) -> NDArray[np.float32]:
        """What the network gives for raw samples [n, ...]: float32 [n, classes]."""
        with progress.task(f"teacher: {why}", len(x)) as advance:
            if self.asked is not None:
                return self.asked(x)
            return predict(self.trainee, x, advance=advance)


def train_teacher(
    config: TeacherConfig, dataset: Dataset, *, seed: int, folder: Path, progress: Progress
) -> TeacherResult:
    """Train a teacher, without label smoothing and with early stopping, into ``teacher.keras``."""
    result = train_member(config, dataset, seed=seed, folder=folder, progress=progress)
    discard_checkpoints(folder)
    return result


def train_member(
    config: TeacherConfig,
    dataset: Dataset,
    *,
    seed: int,
    folder: Path,
    progress: Progress,
    number: int = 0,
) -> TeacherResult:
    """Train one of several teachers; its checkpoint stays, so that it is not trained again.

    An over-confident teacher has nothing to teach but the labels: hence the early stop.

    Source: Cho and Hariharan, "On the Efficacy of Knowledge Distillation", ICCV 2019, section 5.
    """
    make_deterministic(seed)
    model = build_teacher(
        dataset.input_shape,
        dataset.classes,
        width=config.width,
        seed=seed,
        start=dataset.start,
        rebuilds=dataset.task.rebuilds,
    )
    views = make_views(dataset.x_train, ["shift"] if len(dataset.x_train) <= FEW_SAMPLES else [])
    rows = Rows.of_views(views.x, dataset.labels_of(views.x))
    what = f"teacher {number + 1}: training" if number else "teacher: training"
    with progress.task(what, config.epochs) as advance:
        curve = train(
            Trainee("teacher", model, 1.0),
            lambda lesson: dataset.task.label_loss(lesson.student_logits, lesson.labels),
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
            checkpoint=folder / (f"checkpoint_{number}.npz" if number else "checkpoint.npz"),
            advance=advance,
            task=dataset.task,
        )
    answers = predict(Trainee("teacher", model, 1.0), dataset.x_validation)
    scale_outputs(model, dataset.output_scale)
    model.save(folder / member_file(number))
    return TeacherResult(
        description="trained here" + (f", number {number + 1}" if number else ""),
        parameters=int(model.count_params()),
        gives_probabilities=False,
        validation_accuracy=dataset.task.score(answers, dataset.y_validation),
        curve=curve,
    )


def examine_teacher(teacher: Teacher, dataset: Dataset, *, progress: Progress) -> TeacherResult:
    """Find out what a user's teacher gives, and how good it is on validation."""
    outputs = teacher.outputs(dataset.x_validation, progress=progress, why="checking")
    return TeacherResult(
        description=Path(teacher.name).name,
        parameters=teacher.parameters,
        gives_probabilities=dataset.task.is_probability(outputs),
        validation_accuracy=dataset.task.score(teacher.as_logits(outputs), dataset.y_validation),
    )


def member_file(number: int) -> str:
    """Name of the file of the first teacher that is trained here (0), the second, and so on."""
    return f"{Path(TEACHER_FILE).stem}_{number}.keras" if number else TEACHER_FILE


def discard_checkpoints(folder: Path) -> None:
    """Called when all teachers are there."""
    for checkpoint in folder.glob("checkpoint*.npz"):
        checkpoint.unlink()


def open_teacher(path: Path, dataset: Dataset, *, input_scale: float = 1.0) -> Teacher:
    """Open a teacher's Keras file, and check that it suits the data.

    Raises:
        TeacherError: If neither Keras can open it, or its input or its classes do not match.
    """
    model = load_teacher(path)
    check_teacher(model, dataset, path=str(path))
    return Teacher(
        model,
        input_scale,
        str(path),
        identity=hash_file(path),
        task=dataset.task,
        output_scale=dataset.output_scale,
    )


def open_trained(path: Path, dataset: Dataset) -> Teacher:
    """Open a teacher that was trained here; wherever that was, equal weights are one teacher."""
    model = load_teacher(path)
    check_teacher(model, dataset, path=str(path))
    digest = hashlib.sha256(b"trained here")
    for weights in model.get_weights():
        digest.update(f"{weights.shape}".encode())
        digest.update(weights.tobytes())
    return Teacher(
        model,
        1.0,
        str(path),
        identity=digest.hexdigest(),
        task=dataset.task,
        output_scale=dataset.output_scale,
    )
