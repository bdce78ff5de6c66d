"""What ``auto`` chooses from: the losses that have won somewhere, and where each makes sense.

Standardised logits gained 10 points on 900 digits and lost 0.25 on Fashion-MNIST, where ``dist``
gained 0.2: the order below is only where a race starts from.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinykd.config import DistillConfig, LossName, TaskName

SAMPLES_PER_PARAMETER = 4.0
"""From so many training samples for each parameter on, the student is the limit, not the data.

It lies between the digits students that standardised logits helped (900 samples, 570 to 7,210
parameters: at most 1.6) and the Fashion-MNIST student that they hurt (60,000 samples, 5,962
parameters: 10).
"""


@dataclass(frozen=True)
class Candidate:
    """One row of the table.

    Attributes:
        name: In the report.
        loss: Row of ``LOSSES``.
        reason: Why it is in the race.
        min_classes: With fewer it says little or nothing.
        rank_few: Place among the candidates where the data is the limit; 1 is the first choice.
        rank_many: Place where the student is the limit.
        temperature: Its own; None takes that of the loss.
        alpha: Weight of the teacher's term, the labels have the rest; None takes the loss's own.
        task: Row of ``TASKS`` that it is for.
    """

    name: str
    loss: LossName
    reason: str
    min_classes: int
    rank_few: int
    rank_many: int
    temperature: float | None = None
    alpha: float | None = None
    task: TaskName = "classification"

    def settle(self, config: DistillConfig) -> DistillConfig:
        """The configuration with this loss in place of ``auto``; what is configured stays."""
        temperature = self.temperature if config.temperature is None else config.temperature
        alpha = self.alpha if config.alpha is None else config.alpha
        chosen = {"loss": self.loss, "temperature": temperature, "alpha": alpha}
        return config.model_copy(update=chosen)


CANDIDATES = (
    Candidate(
        "ls_kd",
        "ls_kd",
        "standardised logits won at every size on 900 digits; they say little of three classes",
        min_classes=4,
        rank_few=1,
        rank_many=3,
    ),
    Candidate(
        "kd_half",
        "kd",
        "temperature 1 and half of the weight on the labels: gentle enough for tiny students, and "
        "made for two classes",
        min_classes=2,
        rank_few=2,
        rank_many=2,
        temperature=1.0,
        alpha=0.5,
    ),
    Candidate(
        "dist",
        "dist",
        "correlations were all that helped on Fashion-MNIST, where the student is the limit",
        min_classes=3,
        rank_few=3,
        rank_many=1,
    ),
    Candidate(
        "regression",
        "regression",
        "half of the weight on the targets, half on the teacher's values",
        min_classes=1,
        rank_few=1,
        rank_many=1,
        task="regression",
    ),
    Candidate(
        "multi_label",
        "multi_label",
        "half of the weight on the labels, half on the teacher's probability of each",
        min_classes=1,
        rank_few=1,
        rank_many=1,
        task="multi_label",
    ),
    Candidate(
        "reconstruction",
        "reconstruction",
        "the sample and what the teacher makes of it, in equal parts",
        min_classes=1,
        rank_few=1,
        rank_many=1,
        task="anomaly",
    ),
)


def find_candidates(
    classes: int,
    *,
    samples: int = 0,
    parameters: int = 1,
    task: TaskName = "classification",
) -> tuple[Candidate, ...]:
    """The candidates that suit a task, the first choice first.

    Args:
        classes: Number of logits.
        samples: For training.
        parameters: Of the student.
        task: Row of ``TASKS``.
    """
    suitable = [row for row in CANDIDATES if row.task == task and classes >= row.min_classes]
    if is_student_the_limit(samples, parameters):
        return tuple(sorted(suitable, key=lambda row: row.rank_many))
    return tuple(sorted(suitable, key=lambda row: row.rank_few))


def is_student_the_limit(samples: int, parameters: int) -> bool:
    """Whether there are so many samples that a larger student would learn more from them."""
    return samples >= SAMPLES_PER_PARAMETER * parameters


def settle(config: DistillConfig, chosen: str | None) -> DistillConfig:
    """The configuration with the candidate that a race has chosen; None changes nothing."""
    found = [row.settle(config) for row in CANDIDATES if row.name == chosen]
    return found[0] if found else config
