"""Any Keras student, looked at before it is trained."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinykd.api.data import Split
from tinykd.errors import StudentError
from tinykd.keras_models import ends_in, library_of
from tinykd.probabilities import gives_probabilities
from tinykd.training import Trainee


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
    if outputs.ndim != 2 or outputs.shape[1] < 2:
        raise StudentError(
            f"the student gives {outputs.shape[1:]} for a sample; needed: one value for each "
            "class, two at least."
        )
    probabilities = ends_in(student, "softmax") or gives_probabilities(outputs)
    return Trainee("student", student, split.input_scale, gives_probabilities=probabilities)


def count_classes(trainee: Trainee, split: Split) -> int:
    """Number of the student's classes.

    Raises:
        StudentError: If a label is none of them.
    """
    classes = int(trainee.model(trainee.prepare(split.x[:1]), training=False).shape[-1])
    largest = int(max(split.y.max(), split.y_validation.max()))
    if largest >= classes:
        raise StudentError(
            f"the student has {classes} classes, 0 to {classes - 1}, but the data has label "
            f"{largest}."
        )
    return classes
