"""What the teachers say of the training samples, asked once and kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.datasets import Dataset
from tinykd.errors import TeacherError
from tinykd.progress import Advance, Progress
from tinykd.tasks.view_targets import teach_views
from tinykd.teachers.cache import CHUNK, AnswerCache
from tinykd.teachers.ensemble import Ensemble
from tinykd.teachers.teacher import Teacher
from tinykd.views import make_views

SOFT_TARGETS_FILE = "soft_targets.npy"


def compute_soft_targets(
    teacher: Teacher | Ensemble,
    dataset: Dataset,
    *,
    augment: Sequence[str],
    view_targets: str = "own",
    progress: Progress,
    cache: AnswerCache | None = None,
) -> NDArray[np.float32]:
    """Ask each teacher once for every view of every training sample, and of the pool after them.

    Args:
        teacher: One, or several.
        dataset: Whose training samples are asked about.
        augment: Rows of ``VIEWS``.
        view_targets: ``own`` or ``mean``, of ``distill.view_targets``.
        progress: Shows the work.
        cache: Where earlier answers are, and these will be; None keeps nothing.

    Returns:
        float32 logits [views * (samples + pool), classes], in the order of ``Rows``.

    Raises:
        TeacherError: If there is a pool, and a teacher that is an array of logits.
    """
    views = make_views(dataset.x_train, augment).x
    answers = _together(teacher, views, dataset.y_train, dataset.classes, cache, progress)
    answers = teach_views(answers, view_targets, len(views), dataset.task)
    if dataset.x_unlabelled is None:
        return answers
    if not all(member.knows_all for member in teacher.members):
        raise TeacherError(
            "teacher: an array of logits knows nothing of unlabelled samples. Give the model "
            "itself, or leave data.unlabelled out."
        )
    pool = make_views(dataset.x_unlabelled, augment).x
    of_pool = _together(teacher, pool, None, dataset.classes, cache, progress)
    of_pool = teach_views(of_pool, view_targets, len(pool), dataset.task)
    return np.concatenate([answers, of_pool])


def _together(
    teacher: Teacher | Ensemble,
    views: Sequence[NDArray[Any]],
    labels: NDArray[Any] | None,
    classes: int,
    cache: AnswerCache | None,
    progress: Progress,
) -> NDArray[np.float32]:
    """Combined logits of all teachers, [views * samples, classes]; the pool has no labels."""
    tables = []
    for number, member in enumerate(teacher.members):
        which = f" {number + 1}" if len(teacher.members) > 1 else ""
        answers = _ask_views(member, views, classes, cache, which, progress)
        tables.append(member.as_logits(answers))
    return teacher.combine(tables, None if labels is None else np.tile(labels, len(views)))


def _ask_views(
    teacher: Teacher,
    views: Sequence[NDArray[Any]],
    classes: int,
    cache: AnswerCache | None,
    which: str,
    progress: Progress,
) -> NDArray[np.float32]:
    """Outputs of one teacher, [views * samples, classes]; each view is a table of its own."""
    tables = []
    with progress.task(f"teacher{which}: answering", sum(map(len, views))) as advance:
        for number, view in enumerate(views):

            def told(done: int, before: int = number * len(view)) -> None:
                advance(before + done)

            tables.append(_ask(teacher, view, classes, cache, told))
    return tables[0] if len(tables) == 1 else np.concatenate(tables)


def _ask(
    teacher: Teacher, x: NDArray[Any], classes: int, cache: AnswerCache | None, advance: Advance
) -> NDArray[np.float32]:
    """Outputs for samples [n, ...], float32 [n, classes]."""
    if not teacher.knows_all:
        return teacher.answer(x)
    if cache is not None and teacher.identity:
        depends_on = {"teacher": teacher.identity, "input_scale": teacher.input_scale}
        return cache.ask(teacher.answer, x, classes=classes, depends_on=depends_on, advance=advance)
    parts = []
    for start in range(0, len(x), CHUNK):
        advance(start)
        parts.append(teacher.answer(x[start : start + CHUNK]))
    return np.concatenate(parts)
