"""``Distiller``: a Keras model that learns from a teacher, for those who want to call ``fit``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

import tensorflow as tf

from tinykd.config import DistillConfig, parse_config
from tinykd.distillation.together import Together, taught_logits
from tinykd.errors import ConfigError, TinykdError
from tinykd.keras_models import check_distinct, head_of, is_graph, library_of
from tinykd.lesson import FeaturePair, Lesson
from tinykd.losses import Objective, choose_objective
from tinykd.probabilities import LOGITS, as_logits_in_graph
from tinykd.taps import Taps, make_taps
from tinykd.training import cross_entropy


@dataclass(frozen=True)
class _Aside:
    """What Keras shall not count among the weights of the model that is trained.

    Attributes:
        teacher: Asked in inference mode, never trained.
        taps: Compared layers; None where logits are enough.
        epoch: Number of the epoch, float32 variable.
    """

    teacher: Any
    taps: Taps | None
    epoch: tf.Variable


class Distiller:
    """An ordinary Keras model, of the student's Keras, whose ``fit`` asks a teacher too.

    The teacher sees every batch as the student does, in inference mode; neither its weights nor its
    statistics change, and they are not among the distiller's. ``predict`` and ``evaluate`` are
    the student's alone: ``val_loss`` is its cross-entropy with the labels. ``save`` saves the
    student.

    Args:
        teacher: Model of either Keras that gives logits or probabilities, [n, classes]; or a list
            of several, whose mean probability is taken.
        student: The same of the network to be trained; its Keras is that of the distiller.
        features: Student's layers to teacher's layers, for ``hint``, ``attention`` and ``rkd``; an
            empty mapping matches them by resolution. None compares no features.
        seed: Of the adaptors between their channels.

    Raises:
        TinykdError: If one is no Keras model, or both are the same.
        ConfigError: If a layer does not exist, or two cannot be compared.
    """

    def __new__(cls, teacher: Any, student: Any, **settings: Any) -> Any:
        """An instance of the subclass that belongs to the student's Keras."""
        if cls is Distiller:
            chosen = _distiller_of(library_of(student))
            return chosen.__new__(chosen, teacher, student, **settings)
        return super().__new__(cls, teacher, student, **settings)  # type: ignore[call-arg]

    def __init__(
        self,
        teacher: Any,
        student: Any,
        *,
        features: Mapping[str, str] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        several = isinstance(teacher, list | tuple)
        teachers = list(teacher) if several else [teacher]
        check_distinct(student, teachers)
        for one in teachers:
            library_of(one)
        taps = None
        if features is not None:
            if several:
                raise ConfigError(
                    "features are those of one teacher; several have no mean. Give one, or leave "
                    "features out."
                )
            taps = make_taps(student, teacher, features, adapt=True, maps=False, seed=seed)
        self.student = student
        self.adaptors = list(taps.adaptors) if taps else []
        self.loss_mean = library_of(student).metrics.Mean(name="loss")
        asked = Together(teachers) if several else teacher
        self.aside = _Aside(asked, taps, tf.Variable(0.0, trainable=False))
        self.chosen = _Choice(DistillConfig())
        self.built = bool(student.built)  # nothing else has weights that wait for a first batch

    def compile(
        self,
        optimizer: Any = "adam",
        losses: str | Mapping[str, Any] | Objective = "auto",
        *,
        temperature: float | None = None,
        alpha: float | None = None,
        metrics: Any = None,
        **settings: Any,
    ) -> None:
        """Choose what is minimised, and by what.

        Args:
            optimizer: Of the student's Keras, or its name.
            losses: Name of a loss, a weighted sum such as ``{"dist": 1.0, "labels": 1.0}``, or an
                ``Objective``.
            temperature: Softens both distributions; None leaves each loss its own.
            alpha: Weight of a single loss; the labels have ``1 - alpha``.
            metrics: As every Keras model takes them; they see the student's outputs.
            settings: For Keras. ``jit_compile`` is off unless asked for: XLA is many times slower
                on depthwise convolutions.

        Raises:
            ConfigError: If a loss does not exist, does not suit, or needs ``features``.
        """
        self.chosen = _Choice(_as_config(losses, temperature, alpha))
        classes = _class_count(self.student)
        if classes is not None:
            self._objective(classes)
        settings = {"jit_compile": False, **settings}
        super().compile(optimizer=optimizer, metrics=metrics, **settings)  # type: ignore[misc]

    def fit(self, *arguments: Any, callbacks: Any = None, **settings: Any) -> Any:
        """As every Keras model: labels are integers [n], or one-hot [n, classes]."""
        given = callbacks if isinstance(callbacks, list | tuple) else [callbacks]
        count = library_of(self).callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, _logs: self.aside.epoch.assign(epoch)
        )
        callbacks = [*(callback for callback in given if callback is not None), count]
        return super().fit(*arguments, callbacks=callbacks, **settings)  # type: ignore[misc]

    def call(self, inputs: Any, training: bool | None = None) -> Any:  # noqa: FBT001  # Keras' own
        """The student's outputs."""
        return self.student(inputs, training=training)

    def train_step(self, data: Any) -> dict[str, Any]:
        """One step on one batch."""
        x, y = self._unpack(data)
        with tf.GradientTape() as tape:
            outputs, lesson = self._ask_both(x, _as_labels(y))
            loss = self._objective(int(outputs.shape[-1]))(lesson)
            if self.student.losses:
                loss += tf.add_n(self.student.losses)
        variables = self.trainable_variables  # type: ignore[attr-defined]
        gradients = tape.gradient(loss, variables, unconnected_gradients="zero")
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))  # type: ignore[attr-defined]
        return self._results(x, y, outputs, loss)

    def test_step(self, data: Any) -> dict[str, Any]:
        """The student alone, against the labels."""
        x, y = self._unpack(data)
        outputs = self.student(x, training=False)
        loss = cross_entropy(_student_logits(self.student, outputs), _as_labels(y))
        return self._results(x, y, outputs, loss)

    @property
    def metrics(self) -> list[Any]:
        """The loss, then what ``compile`` was given."""
        others = [m for m in super().metrics if m.name != "loss"]  # type: ignore[misc]
        return [self.loss_mean, *others]

    def save(self, path: Any, **settings: Any) -> None:
        """Save the student: it is what was trained, and runs without the teacher."""
        self.student.save(path, **settings)

    def _ask_both(self, x: Any, labels: Any) -> tuple[Any, Lesson]:
        """The student's outputs, and the lesson of this batch."""
        aside = self.aside
        features: tuple[FeaturePair, ...] = ()
        if aside.taps is None:
            outputs = self.student(x, training=True)
            taught = tf.stop_gradient(aside.teacher(x, training=False))
        else:
            outputs, taught, features = aside.taps.answer(x, x, training=True)
        if taught.shape[-1] != outputs.shape[-1]:
            raise TinykdError(
                f"the teacher gives {taught.shape[-1]} values for a sample and the student "
                f"{outputs.shape[-1]}; both must have one for each class."
            )
        logits = _student_logits(self.student, outputs)
        lesson = Lesson(logits, taught_logits(aside.teacher, taught), labels, features, aside.epoch)
        return outputs, lesson

    def _objective(self, classes: int) -> Objective:
        """What is minimised.

        Raises:
            ConfigError: If a loss does not suit so few classes, or needs ``features``.
        """
        config = self.chosen.config
        objective = config if isinstance(config, Objective) else choose_objective(config, classes)
        if objective.compares_features and self.aside.taps is None:
            raise ConfigError(
                f"'{objective.name}' compares features: build Distiller(teacher, student, "
                "features={}) to match layers by resolution, or name pairs of layers."
            )
        return objective

    def _results(self, x: Any, y: Any, outputs: Any, loss: Any) -> dict[str, Any]:
        self.loss_mean.update_state(loss, sample_weight=tf.shape(outputs)[0])
        results: dict[str, Any] = self.compute_metrics(x, y, outputs, None)  # type: ignore[attr-defined]
        return results

    def _unpack(self, data: Any) -> tuple[Any, Any]:
        x, y, weights = library_of(self).utils.unpack_x_y_sample_weight(data)
        if y is None or weights is not None:
            raise TinykdError("a Distiller learns from (samples, labels), without sample weights.")
        return x, y


@dataclass(frozen=True)
class _Choice:
    """What ``compile`` was told, kept as it is: Keras would wrap a plain dictionary."""

    config: DistillConfig | Objective


@cache
def _distiller_of(library: ModuleType) -> Any:
    """The class for students of one Keras."""
    return type("Distiller", (Distiller, library.Model), {"__doc__": Distiller.__doc__})


def _as_config(
    losses: str | Mapping[str, Any] | Objective, temperature: float | None, alpha: float | None
) -> DistillConfig | Objective:
    if isinstance(losses, Objective):
        return losses
    key = "loss" if isinstance(losses, str) else "losses"
    value = losses if isinstance(losses, str) else dict(losses)
    table = {key: value, "temperature": temperature, "alpha": alpha}
    return parse_config({"distill": table}, source="compile").distill


def _class_count(student: Any) -> int | None:
    """Number of logits; None where a subclassed model has not told yet."""
    return int(student.outputs[0].shape[-1]) if is_graph(student) else None


def _student_logits(student: Any, outputs: Any) -> Any:
    return LOGITS[head_of(student)](outputs) if is_graph(student) else as_logits_in_graph(outputs)


def _as_labels(y: Any) -> Any:
    """Integers [n], of integers [n] or [n, 1], or of one-hot vectors [n, classes]."""
    if y.shape.rank == 2 and y.shape[-1] != 1:
        return tf.argmax(y, axis=-1, output_type=tf.int32)
    return tf.cast(tf.reshape(y, [-1]), tf.int32)
