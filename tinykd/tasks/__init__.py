"""Tasks: what a student can be asked, and all that depends on it."""

from tinykd.tasks.anomaly import Anomaly
from tinykd.tasks.classification import TOP1, Classification
from tinykd.tasks.metric import Duel, Metric
from tinykd.tasks.multi_label import MultiLabel
from tinykd.tasks.regression import Regression
from tinykd.tasks.task import Task

__all__ = ["CLASSIFICATION", "TASKS", "TOP1", "Duel", "Metric", "Task"]

CLASSIFICATION = Classification()

TASKS: dict[str, Task] = {
    "classification": CLASSIFICATION,
    "regression": Regression(),
    "multi_label": MultiLabel(),
    "anomaly": Anomaly(),
}
"""One row for each task; a stage asks its row and knows no task by name."""
