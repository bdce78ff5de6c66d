"""Teachers in the forms that people have them in; each answers samples with logits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.errors import TeacherError
from tinykd.keras_models import library_of
from tinykd.probabilities import as_logits
from tinykd.teachers.cache import user_cache
from tinykd.teachers.files import hash_file
from tinykd.teachers.foreign import saved_model_answers, tflite_answers
from tinykd.teachers.load import load_teacher
from tinykd.teachers.probe import PROBED, probe
from tinykd.training import Trainee, answerer


def open_any_teacher(teacher: Any) -> Any:
    """A Keras model where the teacher is one, or a file of one; else a function of samples.

    Args:
        teacher: Keras model, or path of a ``.keras``, ``.h5`` or ``.tflite`` file or of a
            SavedModel folder.

    Raises:
        TeacherError: If it is something else, or cannot be opened.
    """
    if not isinstance(teacher, str | Path):
        library_of(teacher)
        return teacher
    path = Path(teacher)
    if not path.exists():
        raise TeacherError(f"teacher: there is no file '{path}'.")
    if path.suffix == ".tflite":
        return tflite_answers(path.read_bytes())
    if path.is_dir():
        return saved_model_answers(path)
    if path.suffix not in {".keras", ".h5"}:
        raise TeacherError(
            f"teacher: '{path}' is no .keras, .h5 or .tflite file and no SavedModel folder."
        )
    return load_teacher(path)


@dataclass(frozen=True)
class Given:
    """A teacher as a caller gave it.

    Attributes:
        opened: Keras model, function from samples to outputs, or an array of logits.
        identity: Hash of its file; empty, as for all that is in memory, its answers are not kept.
    """

    opened: Any
    identity: str = ""

    @property
    def is_array(self) -> bool:
        """Whether it has answers to the training samples alone."""
        return isinstance(self.opened, np.ndarray)


def as_list(teacher: Any) -> list[Given]:
    """Several teachers, or one alone, each opened; an array of logits stays as it is.

    Raises:
        TeacherError: If there is none, or one cannot be opened.
    """
    teachers = list(teacher) if isinstance(teacher, list | tuple) else [teacher]
    if not teachers:
        raise TeacherError("teacher: the list is empty. Give one at least.")
    return [_open(one) for one in teachers]


def _open(teacher: Any) -> Given:
    if isinstance(teacher, np.ndarray):
        return Given(teacher)
    opened = open_any_teacher(teacher)
    return Given(opened, hash_file(Path(teacher)) if isinstance(teacher, str | Path) else "")


Read = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""From a teacher's outputs to what a student learns: logits, or targets in its units."""


def ask_views(
    teacher: Any,
    views: Sequence[NDArray[Any]],
    classes: int,
    *,
    name: str = "teacher",
    read: Read = as_logits,
    identity: str = "",
) -> NDArray[np.float32]:
    """Logits for every view of samples, float32 [views * n, classes].

    Probabilities become their logarithms. The cache has a table for each view, as builds have it.

    Args:
        teacher: What ``open_any_teacher`` gave.
        views: At least one, each [n, ...], as the teacher takes them.
        classes: Number of values that a student gives.
        name: What to call it in an error.
        read: How its outputs are understood.
        identity: Hash that no other teacher has, for the user's cache; empty keeps nothing.

    Raises:
        TeacherError: If it does not take the samples, or gives another number of values.
    """
    answer, answer_few = _ways_to_ask(teacher)
    first = probe(answer_few, views[0], name=name)
    _check_shape(first.shape, len(views[0][:PROBED]), classes, name)
    cache = user_cache() if identity else None
    depends_on = {"teacher": identity, "input_scale": 1.0}

    def ask(view: NDArray[Any]) -> NDArray[np.float32]:
        if cache is None:
            said: NDArray[np.float32] = answer(view)
            return said
        return cache.ask(answer, view, classes=classes, depends_on=depends_on)

    outputs = np.concatenate([ask(view) for view in views])
    return check_logits(outputs, sum(map(len, views)), classes, name=name, read=read)


def _ways_to_ask(teacher: Any) -> tuple[Callable[[NDArray[Any]], Any], ...]:
    """As a graph, for many samples; and at once, which says what is wrong in plainer words."""
    if not hasattr(teacher, "trainable_variables"):
        return teacher, teacher
    trainee = Trainee("teacher", teacher, 1.0)
    return answerer(trainee), lambda x: teacher(trainee.prepare(x), training=False)


def check_logits(
    outputs: NDArray[Any],
    samples: int,
    classes: int,
    *,
    name: str = "teacher",
    read: Read = as_logits,
) -> NDArray[np.float32]:
    """Logits of outputs, or of a user's array of them, [samples, classes].

    Raises:
        TeacherError: If the shape is another, or a value is not finite.
    """
    _check_shape(outputs.shape, samples, classes, name)
    if not np.isfinite(outputs).all():
        raise TeacherError(f"{name}: answers hold NaN or infinity. Check the range of its input.")
    return read(outputs.astype(np.float32))


def _check_shape(shape: tuple[int, ...], samples: int, classes: int, name: str) -> None:
    if shape != (samples, classes):
        raise TeacherError(
            f"{name}: answers have shape {shape}; needed: ({samples}, {classes}), one row "
            "for each sample and one value for each class of the student."
        )
