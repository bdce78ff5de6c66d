"""``auto``: which losses race for a task, and what the race may cost."""

from __future__ import annotations

from tinykd.config import DistillConfig, TaskName
from tinykd.distillation.race import Learn, plan_race, run_race
from tinykd.losses import find_candidates
from tinykd.losses.candidates import is_student_the_limit
from tinykd.results import Race


def is_raced(config: DistillConfig) -> bool:
    """Whether the configuration leaves the loss to a race."""
    return config.loss == "auto" and config.losses is None


def race_losses(
    config: DistillConfig,
    learn: Learn,
    *,
    classes: int,
    samples: int,
    parameters: int,
    scratch: bool = True,
    task: TaskName = "classification",
) -> Race:
    """Let the candidates that suit a task race one another.

    Args:
        config: Epochs, batch size and ``race_fraction``.
        learn: Trains a candidate a little further.
        classes: Number of logits.
        samples: For training.
        parameters: Of the student.
        scratch: The student without a teacher runs along.
        task: Row of ``TASKS``.
    """
    candidates = find_candidates(classes, samples=samples, parameters=parameters, task=task)
    plan = plan_race(
        [candidate.name for candidate in candidates],
        epochs=config.epochs,
        fraction=config.race_fraction,
        steps_per_epoch=samples // min(config.batch_size, samples),
    )
    limit = "student" if is_student_the_limit(samples, parameters) else "data"
    prior = f"where the {limit} is the limit ({samples:,} samples, {parameters:,} parameters)"
    return run_race(plan, learn, prior=prior, scratch=scratch)
