"""Networks before they are distilled: teachers, their answers, the untrained student."""

from __future__ import annotations

from tinykd.results.base import Result


class TrainingCurve(Result):
    """How one training went, one entry for each epoch.

    Attributes:
        name: ``teacher``, ``scratch``, ``student`` or ``qat``.
        loss: Mean training loss of the epoch.
        validation_accuracy: Top-1 accuracy on the validation split, in [0, 1].
    """

    name: str
    loss: tuple[float, ...]
    validation_accuracy: tuple[float, ...]


class TeacherResult(Result):
    """A teacher that is ready to be asked.

    Attributes:
        description: Where it comes from, such as ``trained here`` or a file name.
        parameters: Number of weights.
        gives_probabilities: True if it ends in a softmax or a sigmoid: what is distilled are the
            logits before it.
        validation_accuracy: Top-1 in [0, 1].
        curve: Its training, or None for a user's own teacher and for several.
        members: Where several teach together: each by itself. The figures above are those of all.
    """

    description: str
    parameters: int
    gives_probabilities: bool
    validation_accuracy: float
    curve: TrainingCurve | None = None
    members: tuple[TeacherResult, ...] = ()


class SoftTargetsResult(Result):
    """What the teacher said of the training samples.

    Attributes:
        views: Views of each sample that it was asked for.
        train_accuracy: Top-1 accuracy of what is taught of the training samples themselves.
    """

    views: int
    train_accuracy: float


class StudentSummary(Result):
    """What is known of a student before training.

    Attributes:
        architecture: Key of the ``STUDENTS`` table.
        width: Width multiplier.
        parameters: Number of weights, batch normalization included.
        macs: Multiply-accumulates of one inference.
    """

    architecture: str
    width: float
    parameters: int
    macs: int
