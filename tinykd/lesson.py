"""One batch as a loss sees it: what the student says, what the teacher says, and the labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

UNLABELLED = -1
"""In place of a label."""


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
class Mixture:
    """What rows are mixed of, besides the sample that gives them their label.

    Attributes:
        labels: int32 [rows]; label of the sample that was mixed in.
        share: float32 [rows]; of the first sample, from 0.5 to 1, where the row is that alone.
    """

    labels: Any
    share: Any


@dataclass(frozen=True)
class Lesson:
    """What an objective needs of one training step.

    Attributes:
        student_logits: What the student says, float32 [batch, classes]; of a task without classes,
            its outputs.
        teacher_logits: float32 [batch, classes]; [batch, 0] where there is no teacher.
        labels: int32 [batch]; ``UNLABELLED`` where nobody said what it is. Of another task,
            float32 [batch, outputs].
        features: One entry for each pair of layers that is compared.
        epoch: Epochs that are over, a fraction within one; for terms that come in slowly.
        labelled: Rows that have labels; they stand first. None: all of them.
        mixture: Second label of rows that are mixed of two samples; None where none is.
    """

    student_logits: Any
    teacher_logits: Any
    labels: Any
    features: tuple[FeaturePair, ...] = ()
    epoch: Any = 0.0
    labelled: int | None = None
    mixture: Mixture | None = None

    @property
    def with_labels(self) -> tuple[Any, Any]:
        """The student's logits and the labels of the rows that have one."""
        return self.student_logits[: self.labelled], self.labels[: self.labelled]

    @property
    def supposed_labels(self) -> Any:
        """Labels, int32 [batch]; those of the teacher where there are none."""
        if self.labelled is None:
            return self.labels
        import tensorflow as tf

        taught = tf.argmax(self.teacher_logits, axis=-1, output_type=tf.int32)
        return tf.where(self.labels == UNLABELLED, taught, self.labels)
