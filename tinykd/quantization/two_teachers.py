"""The float student as a second teacher while it learns to be int8.

It knows the function that is to be kept, the teacher and the labels know a better one: the first
keeps int8 faithful, the others accurate. Its logits are computed once for every row, as the
teacher's are, and travel beside them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.lesson import Lesson
from tinykd.losses.soft_targets import soft_target_kl
from tinykd.training import Goal, Rows


@dataclass(frozen=True)
class TwoTeachers:
    """``(1 - self_alpha) * goal + self_alpha * T^2 KL(float student || int8 student)``.

    Attributes:
        goal: What the float student was trained for.
        self_alpha: Weight of the float student, in [0, 1].
        self_temperature: Softens both distributions.
        classes: Number of logits.

    Source:
        Mishra and Marr, "Apprentice: Using Knowledge Distillation Techniques To Improve
        Low-Precision Network Accuracy", ICLR 2018, section 3, with the network as its own teacher.
    """

    goal: Goal
    self_alpha: float
    self_temperature: float
    classes: int

    def __call__(self, lesson: Lesson) -> Any:
        """Mean over the batch, a scalar; the last ``classes`` logits are the float student's."""
        teacher = lesson.teacher_logits[:, : -self.classes]
        own = lesson.teacher_logits[:, -self.classes :]
        taught = self.goal(replace(lesson, teacher_logits=teacher))
        kept = soft_target_kl(lesson.student_logits, own, self.self_temperature)
        return (1.0 - self.self_alpha) * taught + self.self_alpha * kept


def with_own_logits(rows: Rows, own_logits: NDArray[np.float32]) -> Rows:
    """Rows that carry the float student's logits after the teacher's.

    Args:
        rows: Training rows.
        own_logits: float32 [views * samples, classes].
    """
    both = np.concatenate([rows.teacher_logits, own_logits], axis=1)
    return replace(rows, teacher_logits=both)
