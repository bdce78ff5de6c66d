"""One batch as a loss sees it: what the student says, what the teacher says, and the labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FeaturePair:
    """What a layer of the student and a layer of the teacher say of the same batch.

    Attributes:
        student: float32 [batch, positions, channels]; a vector has one position.
        adapted: The student's, through an adaptor to the teacher's channels; None without one.
        teacher: float32 [batch, positions, teacher's channels]; no gradient goes into it.
    """

    student: Any
    adapted: Any
    teacher: Any


@dataclass(frozen=True)
class Lesson:
    """What an objective needs of one training step.

    Attributes:
        student_logits: float32 [batch, classes].
        teacher_logits: float32 [batch, classes]; [batch, 0] where there is no teacher.
        labels: int32 [batch].
        features: One entry for each pair of layers that is compared.
        epoch: Epochs that are over, a fraction within one; for terms that come in slowly.
    """

    student_logits: Any
    teacher_logits: Any
    labels: Any
    features: tuple[FeaturePair, ...] = ()
    epoch: Any = 0.0
