"""A network to be trained, of either Keras, and how it is fed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from tinykd.keras_models import sample_shape
from tinykd.lesson import Lesson
from tinykd.probabilities import LOGITS, Head

if TYPE_CHECKING:
    from tinykd.taps import Taps


@dataclass(frozen=True)
class Trainee:
    """A network to be trained, and how it is fed.

    Attributes:
        name: For the curve, such as ``teacher``, ``scratch``, ``student`` or ``qat``.
        model: Keras 3 or tf_keras model from float32 to logits.
        input_scale: What raw samples are multiplied by.
        training: Value of the model's ``training`` argument while it learns.
        freeze: Called before each of the last ``frozen_fraction`` of the epochs.
        taps: Layers that are compared with those of a teacher, which then runs in every step.
        head: What the model ends in; what is trained are the logits before it.
    """

    name: str
    model: Any
    input_scale: float
    training: bool = True
    freeze: Callable[[], None] | None = None
    taps: Taps | None = None
    head: Head = ""

    @property
    def variables(self) -> list[Any]:
        """Everything that training changes, adaptors included."""
        adaptors = [] if self.taps is None else self.taps.adaptor_variables
        return variables_behind([*self.model.variables, *adaptors])

    @property
    def trainable_variables(self) -> list[Any]:
        """What has a gradient."""
        adaptors = [] if self.taps is None else self.taps.adaptor_variables
        return variables_behind([*self.model.trainable_variables, *adaptors])

    def logits(self, outputs: Any) -> Any:
        """Logits of the model's outputs: of a softmax, up to a constant for each sample."""
        return LOGITS[self.head](outputs)

    def learn(self, rows: Any, teacher_logits: Any, labels: Any, epoch: Any) -> Lesson:
        """What the model says of a batch while it learns, beside what it should say."""
        inputs = self.prepare(rows)
        if self.taps is None:
            outputs = self.model(inputs, training=self.training)
            return Lesson(self.logits(outputs), teacher_logits, labels, epoch=epoch)
        outputs, _taught, features = self.taps.answer(inputs, rows, training=self.training)
        return Lesson(self.logits(outputs), teacher_logits, labels, features, epoch)

    def prepare(self, rows: Any) -> Any:
        """Raw rows to what the network takes."""
        scaled = tf.cast(rows, tf.float32) * self.input_scale
        shape = sample_shape(self.model)
        return scaled if shape is None or None in shape else tf.reshape(scaled, [-1, *shape])


def variables_behind(variables: Any) -> list[Any]:
    """The ``tf.Variable`` behind each variable of either Keras."""
    return [
        getattr(variable, "value", variable) if _is_keras_3(variable) else variable
        for variable in variables
    ]


def _is_keras_3(variable: Any) -> bool:
    return type(variable).__module__.split(".")[0] == "keras"
