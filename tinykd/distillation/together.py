"""Several models as one teacher in a training step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tinykd.errors import TinykdError
from tinykd.keras_models import head_of
from tinykd.probabilities import LOGITS, as_logits_in_graph


class Together:
    """Answers with the logarithm of the mean probability of its members, as ``combine`` does.

    Args:
        teachers: Models of either Keras that give logits or probabilities, [n, classes].

    Raises:
        TinykdError: If there is none.

    Source: Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015,
    section 1.
    """

    def __init__(self, teachers: Sequence[Any]) -> None:
        if not teachers:
            raise TinykdError("teacher: the list is empty. Give one at least.")
        self.teachers = tuple(teachers)

    def __call__(self, x: Any, *, training: bool = False) -> Any:
        """Logits, float32 [n, classes], in inference mode.

        Raises:
            TinykdError: If one has other classes than the first.
        """
        answers = [
            taught_logits(teacher, teacher(x, training=training)) for teacher in self.teachers
        ]
        classes = answers[0].shape[-1]
        for number, answer in enumerate(answers, 1):
            if answer.shape[-1] != classes:
                raise TinykdError(
                    f"teacher {number} gives {answer.shape[-1]} values for a sample and the first "
                    f"{classes}; all must have one for each class."
                )
        log_p = tf.stack([tf.nn.log_softmax(answer) for answer in answers])
        return tf.reduce_logsumexp(log_p, axis=0) - math.log(len(answers))


def taught_logits(teacher: Any, outputs: Any) -> Any:
    """Logits of a teacher's outputs, by its last layer or, where that is silent, by value."""
    head = head_of(teacher)
    return LOGITS[head](outputs) if head else as_logits_in_graph(outputs)
