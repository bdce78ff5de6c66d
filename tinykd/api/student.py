"""Any Keras student, looked at before it is trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinykd.api.data import Split
from tinykd.errors import StudentError
from tinykd.keras_models import ends_in, head_of, library_of
from tinykd.probabilities import Head, gives_probabilities
from tinykd.training import Trainee, predict


def examine_student(student: Any, split: Split) -> Trainee:
    """The student as it is trained: built, and known to give logits or probabilities.

    Raises:
        StudentError: If it has several inputs or outputs, or does not take the samples.
    """
    if library_of(student).backend.backend() != "tensorflow":
        raise StudentError("the student's Keras does not run on TensorFlow. Set KERAS_BACKEND.")
    trainee = Trainee("student", student, split.input_scale)
    try:
        outputs = np.asarray(student(trainee.prepare(split.x[:64]), training=False))
    except Exception as error:  # each Keras raises whatever its layers raise
        reason = " ".join(str(error).split())[:160]
        raise StudentError(
            f"the student does not take samples of {split.x.shape[1:]}: {reason}"
        ) from None
    task = split.task
    fewest = 2 if task.says_class else 1
    if outputs.ndim != 2 or outputs.shape[1] < fewest:
        least = "class, two at least" if task.says_class else f"of its {task.outputs}, in one row"
        raise StudentError(
            f"the student gives {outputs.shape[1:]} for a sample; needed: one value for each "
            f"{least}."
        )
    if task.refused_ending and ends_in(student, task.refused_ending):
        raise StudentError(
            f"the student ends in a {task.refused_ending}; {task.name} learns logits. Leave it "
            "out: a label holds where its logit is above 0."
        )
    if not task.says_class:
        return trainee
    head: Head = "softmax" if gives_probabilities(outputs) else head_of(student)
    return Trainee("student", student, split.input_scale, head=head)


def count_classes(trainee: Trainee, split: Split) -> int:
    """Number of the student's classes, or of its other outputs.

    Raises:
        StudentError: If a label is none of them, or there are other than so many targets.
    """
    classes = int(trainee.model(trainee.prepare(split.x[:1]), training=False).shape[-1])
    if not split.task.says_class:
        if split.y.shape[1] != classes:
            raise StudentError(
                f"the student gives {classes} values for a sample, but the data has "
                f"{split.y.shape[1]} {split.task.outputs}."
            )
        return classes
    largest = int(max(split.y.max(), split.y_validation.max()))
    if largest >= classes:
        raise StudentError(
            f"the student has {classes} classes, 0 to {classes - 1}, but the data has label "
            f"{largest}."
        )
    return classes


@contextmanager
def learning_in_network_units(student: Any, split: Split) -> Iterator[None]:
    """Let a student's outputs be divided by a power of two, exactly, while it learns.

    Real targets may have any size, and steps of an optimizer have one: it would take thousands to
    a target of a thousand. For the same reason it starts from the mean of the targets.

    Raises:
        StudentError: If its last layer has no weights to divide, or an activation behind them.
    """
    if split.student_scale == 1.0:
        yield
        return
    _multiply_head(student, 1.0 / split.student_scale)
    _start_from_the_mean(student, split)
    try:
        yield
    finally:
        _multiply_head(student, split.student_scale)


def in_network_units(student: Any, scale: float) -> Any:
    """A copy of a student whose outputs are divided by a power of two, exactly; itself for 1.

    Raises:
        StudentError: If its last layer has no weights to divide, or an activation behind them.
    """
    if scale == 1.0:
        return student
    copy = library_of(student).models.clone_model(student)
    copy.set_weights(student.get_weights())
    _multiply_head(copy, 1.0 / scale)
    return copy


def _multiply_head(student: Any, factor: float) -> None:
    head = student.layers[-1]
    function = getattr(getattr(head, "activation", None), "__name__", "")
    if function != "linear" or not head.get_weights():
        raise StudentError(
            f"the student ends in '{head.name}'; real targets need a Dense layer without "
            "activation at the end."
        )
    head.set_weights([weights * np.float32(factor) for weights in head.get_weights()])


def _start_from_the_mean(student: Any, split: Split) -> None:
    """Move the bias so that the mean of the outputs is that of the targets."""
    kernel, *bias = student.layers[-1].get_weights()
    if bias:
        said = predict(Trainee("student", student, split.input_scale), split.x)
        student.layers[-1].set_weights([kernel, bias[0] + (split.y - said).mean(axis=0)])
