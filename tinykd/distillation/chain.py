"""Longer ways from a teacher to a student: over assistants, and on to further generations.

Neither helps always: each is tried beside the direct way, and validation decides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinykd.config import DistillConfig, StudentConfig
from tinykd.distillation.pupil import Pupil
from tinykd.results import ChainLink
from tinykd.tasks import Task
from tinykd.tasks.view_targets import teach_views
from tinykd.training import Rows

LARGE_GAP = 50.0
"""A teacher with so many times the parameters is far from its student."""

WIDEST = 16.0

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
    task: Task,
) -> tuple[Pupil, list[Pupil]]:
    """Try the longer ways.

    Args:
        config: Number of generations.
        student: Architecture and width.
        direct: The student of the teacher itself.
        rows: Training rows with the teacher's answers.
        widths: Of the assistants, the nearest to the teacher first.
        seed: Of the direct student.
        teach: Trains one network.
        task: What the data asks.

    Returns:
        The best student on validation, the direct one if they are level, and all that were
        trained, the direct one first.
    """
    best, pupils = direct, [direct]

    def answered_by(pupil: Pupil) -> Rows:
        return rows.answered_by(
            lambda x: teach_views(pupil.answer(x), config.view_targets, rows.views, task)
        )

    if widths:
        pupils += _over_assistants(student, rows, answered_by, widths, seed, teach)
        best = _better(best, pupils[-1])
    pupil = best
    for generation in range(2, config.generations + 1):
        answered = answered_by(pupil)
        pupil = _next_generation(pupil, generation, student, answered, seed, teach)
        pupils.append(pupil)
        best = _better(best, pupil)
    return best, pupils


def describe_chain(best: Pupil, pupils: list[Pupil]) -> tuple[ChainLink, ...]:
    """What the report says of a chain; nothing where there was none."""
    if len(pupils) == 1:
        return ()
    return tuple(
        ChainLink(
            name=pupil.name,
            taught_by=pupil.taught_by,
            parameters=int(pupil.trainee.model.count_params()),
            validation_accuracy=pupil.validation_accuracy,
            is_kept=pupil is best,
        )
        for pupil in pupils
    )


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
    student: StudentConfig,
    rows: Rows,
    answered_by: Callable[[Pupil], Rows],
    widths: list[float],
    seed: int,
    teach: Teach,
) -> list[Pupil]:
    """Teacher to assistant, assistant to assistant, the last one to the student."""
    pupils: list[Pupil] = []
    taught_by = "teacher"
    for width in widths:
        wider = student.model_copy(update={"width": float(width)})
        name = f"assistant_{width / student.width:g}"
        assistant = teach(name, taught_by, wider, seed, rows)
        pupils.append(assistant)
        rows, taught_by = answered_by(assistant), assistant.name
    return [*pupils, teach("student_of_assistant", taught_by, student, seed, rows)]


def _next_generation(
    parent: Pupil,
    generation: int,
    student: StudentConfig,
    answered: Rows,
    seed: int,
    teach: Teach,
) -> Pupil:
    """A new student from other weights, taught by one that is like it.

    Source: Furlanello et al., "Born-Again Neural Networks", ICML 2018, section 3.1.
    """
    return teach(f"generation_{generation}", parent.name, student, seed + generation - 1, answered)


def _better(kept: Pupil, other: Pupil) -> Pupil:
    return other if other.validation_accuracy > kept.validation_accuracy else kept
