"""The float student as a second teacher while it learns to be int8.

It knows the function that is to be kept, the teacher and the labels know a better one: the first
keeps int8 faithful, the others accurate. Its logits are computed once for every row that is shown,
and travel beside the teacher's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.lesson import Lesson
from tinykd.losses import LOSSES
from tinykd.training import Goal, Rows

CHUNK = 4096
"""Rows that are gathered at once: all of them would be the training data again."""

Answer = Callable[[NDArray[Any]], NDArray[np.float32]]
"""From raw samples [n, ...] to logits, float32 [n, classes]."""


@dataclass(frozen=True)
class TwoTeachers:
    """``(1 - self_alpha) * goal + self_alpha * T^2 KL(float student || int8 student)``.

    A task without classes has another distance in place of the divergence.

    Attributes:
        goal: What the float student was trained for.
        self_alpha: Weight of the float student, in [0, 1].
        self_temperature: Softens both distributions.
        classes: Number of logits.
        own_loss: Row of ``LOSSES`` by which the float student teaches.

    Source:
        Mishra and Marr, "Apprentice: Using Knowledge Distillation Techniques To Improve
        Low-Precision Network Accuracy", ICLR 2018, section 3, with the network as its own teacher.
    """

    goal: Goal
    self_alpha: float
    self_temperature: float
    classes: int
    own_loss: str = "kd"

    def __call__(self, lesson: Lesson) -> Any:
        """Mean over the batch, a scalar; the last ``classes`` logits are the float student's."""
        teacher = lesson.teacher_logits[:, : -self.classes]
        own = lesson.teacher_logits[:, -self.classes :]
        taught = self.goal(replace(lesson, teacher_logits=teacher))
        loss = LOSSES[self.own_loss]
        options = {"temperature": self.self_temperature} if "temperature" in loss.options else {}
        kept = loss(replace(lesson, teacher_logits=own), **options)
        return (1.0 - self.self_alpha) * taught + self.self_alpha * kept


def with_own_logits(rows: Rows, answer: Answer, shown: NDArray[np.int32], classes: int) -> Rows:
    """Rows, and those of their pool, that carry the float student's logits after the teacher's.

    Args:
        rows: Training rows.
        answer: Asks the float student about the samples of rows.
        shown: Numbers of the rows that are learned from, as ``Rows.shown`` gives them; the student
            is not asked about the others, which are many where views are many and epochs few. Their
            logits are NaN.
        classes: Number of logits.
    """
    count = len(rows.x)
    own, of_pool = shown[shown < count], shown[shown >= count] - count
    logits = np.full((count, classes), np.nan, np.float32)
    for start in range(0, len(own), CHUNK):
        chunk = own[start : start + CHUNK]
        logits[chunk] = answer(rows.x[chunk])
    both = np.concatenate([rows.teacher_logits, logits], axis=1)
    pool = None if rows.pool is None else with_own_logits(rows.pool, answer, of_pool, classes)
    return replace(rows, teacher_logits=both, pool=pool)
