"""One training loop for every network here, Keras 3 or tf_keras, float or fake-quantized."""

from tinykd.training.answers import accuracy, answerer, cross_entropy, predict
from tinykd.training.loop import Goal, Watch, make_deterministic, train
from tinykd.training.rows import Rows
from tinykd.training.schedule import Schedule
from tinykd.training.state import right_answers
from tinykd.training.trainee import Trainee

__all__ = [
    "Goal",
    "Rows",
    "Schedule",
    "Trainee",
    "Watch",
    "accuracy",
    "answerer",
    "cross_entropy",
    "make_deterministic",
    "predict",
    "right_answers",
    "train",
]
