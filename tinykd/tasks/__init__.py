"""Tasks: what a student can be asked, and all that depends on it."""

from tinykd.tasks.classification import TOP1, Classification
from tinykd.tasks.task import Duel, Metric, Task

__all__ = ["CLASSIFICATION", "TASKS", "TOP1", "Duel", "Metric", "Task"]

CLASSIFICATION = Classification()

TASKS: dict[str, Task] = {
    "classification": CLASSIFICATION,
}
"""One row for each task; a stage asks its row and knows no task by name."""
