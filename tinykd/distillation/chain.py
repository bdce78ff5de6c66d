"""Longer ways from a teacher to a student: over assistants, and on to further generations.

Neither helps always: each is tried beside the direct way, and validation decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.config import DistillConfig, StudentConfig
from tinykd.results import ChainLink, TrainingCurve
from tinykd.training import Rows, Trainee, predict

LARGE_GAP = 50.0
"""A teacher with so many times the parameters is far from its student."""

WIDEST = 16.0


@dataclass(frozen=True)
class Pupil:
    """A student that was trained.

    Attributes:
        name: For its checkpoint.
        taught_by: ``teacher``, or the link of the chain before it.
        trainee: The network, and how it is fed.
        curve: Its training.
        validation_accuracy: Top-1 in [0, 1].
    """

    name: str
    taught_by: str
    trainee: Trainee
    curve: TrainingCurve
    validation_accuracy: float

    def answer(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """Its logits for raw samples."""
        return predict(self.trainee, x)

    @property
    def link(self) -> ChainLink:
        """What the report says of it."""
        return ChainLink(
            name=self.name,
            parameters=int(self.trainee.model.count_params()),
            validation_accuracy=self.validation_accuracy,
        )


Teach = Callable[[str, str, StudentConfig, int, Rows], Pupil]
"""Train a new student: its name, whose pupil it is, architecture, seed, and rows with answers."""


def follow_chain(
    config: DistillConfig,
    student: StudentConfig,
    direct: Pupil,
    rows: Rows,
    *,
    widths: list[float],
    seed: int,
    teach: Teach,
) -> tuple[Pupil, list[ChainLink]]:
    """Try the longer ways.

    Args:
        config: Number of generations.
        student: Architecture and width.
        direct: The student of the teacher itself.
        rows: Training rows with the teacher's answers.
        widths: Of the assistants, the nearest to the teacher first.
        seed: Of the direct student.
        teach: Trains one network.

    Returns:
        The best student on validation, the direct one if they are level, and every network.
    """
    best = direct
    links: list[ChainLink] = []
    if widths:
        assisted, links = _over_assistants(student, rows, widths, seed, teach)
        best = _better(best, assisted)
    pupil = best
    for generation in range(2, config.generations + 1):
        pupil = _next_generation(pupil, generation, student, rows, seed, teach)
        links.append(pupil.link)
        best = _better(best, pupil)
    return best, links


def assistant_widths(
    config: DistillConfig, student: StudentConfig, parameters: int, teacher: Callable[[], Any]
) -> list[float]:
    """Widths of the assistants that a configuration asks for.

    ``auto`` takes one half-way on a logarithmic scale, or none where the teacher is near. Chains
    were also found to do nothing that an early-stopped teacher does not do better (Cho and
    Hariharan, "On the Efficacy of Knowledge Distillation", ICCV 2019, section 5.2): hence not the
    default.

    Args:
        config: Its ``assistants``.
        student: Its architecture and width.
        parameters: Of the student; they grow with the square of the width.
        teacher: Gives the teacher's model, when its size matters.

    Source: Mirzadeh et al., "Improved Knowledge Distillation via Teacher Assistant", AAAI 2020,
    section 4.
    """
    if isinstance(config.assistants, list):
        return config.assistants
    if config.assistants == "none":
        return []
    gap = teacher().count_params() / parameters
    return [min(WIDEST, round(student.width * gap**0.25, 2))] if gap > LARGE_GAP else []


def _over_assistants(
    student: StudentConfig, rows: Rows, widths: list[float], seed: int, teach: Teach
) -> tuple[Pupil, list[ChainLink]]:
    """Teacher to assistant, assistant to assistant, the last one to the student."""
    links: list[ChainLink] = []
    taught_by = "teacher"
    for width in widths:
        wider = student.model_copy(update={"width": float(width)})
        name = f"assistant_{width / student.width:g}"
        assistant = teach(name, taught_by, wider, seed, rows)
        links.append(assistant.link)
        rows, taught_by = rows.answered_by(assistant.answer), assistant.name
    pupil = teach("student_of_assistant", taught_by, student, seed, rows)
    return pupil, [*links, pupil.link]


def _next_generation(
    parent: Pupil, generation: int, student: StudentConfig, rows: Rows, seed: int, teach: Teach
) -> Pupil:
    """A new student from other weights, taught by one that is like it.

    Source: Furlanello et al., "Born-Again Neural Networks", ICML 2018, section 3.1.
    """
    answered = rows.answered_by(parent.answer)
    return teach(f"generation_{generation}", parent.name, student, seed + generation - 1, answered)


def _better(kept: Pupil, other: Pupil) -> Pupil:
    return other if other.validation_accuracy > kept.validation_accuracy else kept
