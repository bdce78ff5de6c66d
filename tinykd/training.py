"""One training loop for every network here, Keras 3 or tf_keras, float or fake-quantized.

A whole epoch is one graph: for networks this small, returning to Python after each step costs as
much as the step. Every random choice comes from the seed and the epoch's number, and the state is
written to disk while training, so that a training that was stopped goes on to the same result.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

from tinykd.errors import TinykdError
from tinykd.keras_models import sample_shape
from tinykd.lesson import UNLABELLED, Lesson
from tinykd.probabilities import log_of_probabilities
from tinykd.progress import Advance
from tinykd.results import TrainingCurve

if TYPE_CHECKING:
    from tinykd.taps import Taps

Goal = Callable[[Lesson], Any]
"""From one batch to a scalar loss."""

CHECKPOINT_SECONDS = 5.0
"""A training that is killed loses this much work, or one epoch if that takes longer."""


@dataclass(frozen=True)
class Rows:
    """Training rows in memory. A row is one view of one sample.

    Attributes:
        x: Raw samples, [views * samples, ...]; view ``v`` of sample ``i`` is ``v * samples + i``.
        labels: int32, [views * samples].
        teacher_logits: float32, [views * samples, classes]; the teacher saw the very same views.
        samples: Number of samples.
        pool: Rows without labels that are mixed into every step.
        pool_ratio: Rows of the pool for each row with a label.
    """

    x: NDArray[Any]
    labels: NDArray[np.int32]
    teacher_logits: NDArray[np.float32]
    samples: int
    pool: Rows | None = None
    pool_ratio: float = 1.0

    @classmethod
    def of_views(
        cls,
        views: Sequence[NDArray[Any]],
        labels: NDArray[np.int32],
        teacher_logits: NDArray[np.float32] | None = None,
    ) -> Rows:
        """Rows of a list of views, each [samples, ...]; without a teacher its logits are empty."""
        rows = np.concatenate(views)
        if teacher_logits is None:
            teacher_logits = np.zeros((len(rows), 0), np.float32)
        return cls(rows, np.tile(labels, len(views)), teacher_logits, len(labels))

    def with_pool(
        self,
        views: Sequence[NDArray[Any]],
        teacher_logits: NDArray[np.float32],
        *,
        ratio: float = 1.0,
    ) -> Rows:
        """The same rows, and in every step ``ratio`` times as many that only the teacher labels."""
        unlabelled = np.full(len(views[0]), UNLABELLED, np.int32)
        pool = Rows.of_views(views, unlabelled, teacher_logits)
        return replace(self, pool=pool, pool_ratio=ratio)

    def without_pool(self) -> Rows:
        """The rows that have labels, in the same order and in as many steps."""
        return replace(self, pool=None)

    def answered_by(self, answer: Callable[[NDArray[Any]], NDArray[np.float32]]) -> Rows:
        """The same rows, with the logits of another teacher for every one of them."""
        pool = None if self.pool is None else self.pool.answered_by(answer)
        return replace(self, teacher_logits=answer(self.x), pool=pool)

    def labelled_in(self, batch_size: int) -> int | None:
        """Rows of a step that have labels; None: all of them."""
        return None if self.pool is None else min(batch_size, self.samples)

    def order(self, *, batch_size: int, seed: int, epoch: int) -> NDArray[np.int32]:
        """Row numbers of one epoch: each sample once, in random order, in a random view.

        Rows of the pool are numbered after the others. An epoch draws as many as it needs: a large
        pool is seen over several epochs, a small one several times in each.

        Returns:
            int32 [steps, batch + drawn from the pool]; samples that do not fill a batch wait for
            another epoch.
        """
        rng = np.random.default_rng((seed, epoch))
        rows = self._draw(rng, self.samples)
        batch = min(batch_size, self.samples)
        steps = self.samples // batch
        order = rows[: steps * batch].reshape(steps, batch)
        if self.pool is not None:
            drawn = max(1, round(self.pool_ratio * batch))
            unlabelled = len(self.x) + self.pool._draw(rng, steps * drawn)
            order = np.concatenate([order, unlabelled.reshape(steps, drawn)], axis=1)
        return order.astype(np.int32)

    def _draw(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        """So many row numbers in random views; no sample again before all have been drawn."""
        views = rng.integers(len(self.x) // self.samples, size=count)
        rounds = [rng.permutation(self.samples) for _ in range(math.ceil(count / self.samples))]
        return np.concatenate(rounds)[:count] + self.samples * views


@dataclass(frozen=True)
class Schedule:
    """Length, step size and stopping rule of one training.

    Attributes:
        epochs: At most so many.
        batch_size: Samples in one step.
        learning_rate: Peak.
        warmup_fraction: Share of the steps in which the learning rate rises from 0.
        weight_decay: Decoupled, applied to kernels only.
        patience: Stop when validation has not improved for so many epochs, and return to the best;
            None runs to the end and keeps the last weights.
        frozen_fraction: Share of the epochs, at the end, after ``freeze`` has been called.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    warmup_fraction: float = 0.05
    weight_decay: float = 0.0
    patience: int | None = None
    frozen_fraction: float = 0.0

    def learning_rate_at(self, step: Any, steps: int) -> Any:
        """Linear warm-up, then half a cosine to zero. ``step`` is a float tensor."""
        warmup = max(1.0, self.warmup_fraction * steps)
        cosine = 0.5 * (1.0 + tf.cos(math.pi * (step - warmup) / max(1.0, steps - warmup)))
        return self.learning_rate * tf.where(step < warmup, (step + 1.0) / warmup, cosine)


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
        gives_probabilities: The model ends in a softmax; its logarithm is what is trained.
    """

    name: str
    model: Any
    input_scale: float
    training: bool = True
    freeze: Callable[[], None] | None = None
    taps: Taps | None = None
    gives_probabilities: bool = False

    @property
    def variables(self) -> list[Any]:
        """Everything that training changes, adaptors included."""
        adaptors = [] if self.taps is None else self.taps.adaptor_variables
        return _variables([*self.model.variables, *adaptors])

    @property
    def trainable_variables(self) -> list[Any]:
        """What has a gradient."""
        adaptors = [] if self.taps is None else self.taps.adaptor_variables
        return _variables([*self.model.trainable_variables, *adaptors])

    def logits(self, outputs: Any) -> Any:
        """Logits of the model's outputs: of probabilities, up to a constant for each sample."""
        return log_of_probabilities(outputs) if self.gives_probabilities else outputs

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


def train(
    trainee: Trainee,
    objective: Goal,
    rows: Rows,
    *,
    validation: tuple[NDArray[Any], NDArray[np.int32]],
    schedule: Schedule,
    seed: int,
    checkpoint: Path,
    advance: Advance,
) -> TrainingCurve:
    """Train a network in place; continue from ``checkpoint`` if it is there.

    Interrupted, it leaves the network with its best weights so far, and where it was on disk.

    Args:
        trainee: The network.
        objective: From what a batch says to a scalar loss.
        rows: Training rows.
        validation: Raw samples and labels, for the curve and for early stopping.
        schedule: How long and how fast.
        seed: Of the order of the samples and their views.
        checkpoint: File for the state; it is left there when training ends.
        advance: Told the number of finished epochs.

    Returns:
        Loss and validation accuracy of every epoch that ran.

    Raises:
        TinykdError: If the loss is no longer a number.
    """
    steps_per_epoch = rows.samples // min(schedule.batch_size, rows.samples)
    optimizer = _build_optimizer(trainee, schedule, schedule.epochs * steps_per_epoch)
    run_epoch = _epoch_function(trainee, objective, rows, optimizer, schedule.batch_size)
    state = _State.load_or_new(checkpoint, trainee, optimizer)
    forward = _forward_function(trainee)
    freeze_at = schedule.epochs - math.floor(schedule.frozen_fraction * schedule.epochs)
    kept, saved_at = state.snapshot(), time.monotonic()
    try:
        while state.epoch < schedule.epochs and not state.is_finished(schedule.patience):
            if trainee.freeze is not None and state.epoch >= freeze_at:
                trainee.freeze()
            order = rows.order(batch_size=schedule.batch_size, seed=seed, epoch=state.epoch)
            loss = float(run_epoch(tf.constant(order)))
            validation_loss, validation_accuracy = _validate(forward, validation)
            _check_finite(trainee.name, state.epoch, loss, validation_loss)
            state.record(loss, validation_loss, validation_accuracy)
            kept = state.snapshot()
            advance(state.epoch)
            if time.monotonic() - saved_at > CHECKPOINT_SECONDS:
                _write_checkpoint(checkpoint, kept)
                saved_at = time.monotonic()
    except KeyboardInterrupt:  # in the middle of an epoch: its half-trained weights do not count
        _write_checkpoint(checkpoint, kept)
        state.restore_best()
        raise
    if schedule.patience is not None:
        state.restore_best()
    _write_checkpoint(checkpoint, state.snapshot())
    advance(schedule.epochs)
    return TrainingCurve(
        name=trainee.name,
        loss=tuple(state.losses),
        validation_accuracy=tuple(state.accuracies),
    )


def predict(
    trainee: Trainee, x: NDArray[Any], *, advance: Advance = lambda _done: None
) -> NDArray[np.float32]:
    """Outputs for raw samples in inference mode, float32 [n, classes]."""
    return _run_batches(_forward_function(trainee), x, advance)


def accuracy(logits: NDArray[Any], labels: NDArray[np.int32]) -> float:
    """Share of samples whose largest logit is that of the label."""
    return float(np.mean(np.argmax(logits, axis=1) == labels))


def cross_entropy(logits: Any, labels: Any) -> Any:
    """Mean cross-entropy of logits [n, classes] and int32 labels [n]."""
    return tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    )


def make_deterministic(seed: int) -> None:
    """Make TensorFlow's arithmetic repeatable on one machine, and seed it."""
    tf.config.experimental.enable_op_determinism()
    tf_keras.utils.set_random_seed(seed)


def _variables(variables: Any) -> list[Any]:
    """The ``tf.Variable`` behind each variable of either Keras."""
    return [
        getattr(variable, "value", variable) if _is_keras_3(variable) else variable
        for variable in variables
    ]


def _is_keras_3(variable: Any) -> bool:
    return type(variable).__module__.split(".")[0] == "keras"


def _build_optimizer(trainee: Trainee, schedule: Schedule, steps: int) -> Any:
    """AdamW with the schedule inside; biases and normalization are not decayed.

    Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, algorithm 2.
    """

    class WarmupCosine(tf_keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
        def __call__(self, step: Any) -> Any:
            return schedule.learning_rate_at(tf.cast(step, tf.float32), steps)

    variables = trainee.trainable_variables
    optimizer = tf_keras.optimizers.AdamW(
        WarmupCosine(), weight_decay=schedule.weight_decay, global_clipnorm=1.0, jit_compile=False
    )
    optimizer.exclude_from_weight_decay([v for v in variables if v.shape.rank < 2])
    optimizer.build(variables)
    return optimizer


def _epoch_function(
    trainee: Trainee, objective: Goal, rows: Rows, optimizer: Any, batch_size: int
) -> Callable[[Any], Any]:
    """One epoch as a graph: from row numbers, int32 [steps, batch], to the mean loss."""
    parts = [rows] if rows.pool is None else [rows, rows.pool]
    x = tf.constant(np.concatenate([part.x for part in parts]))
    labels = tf.constant(np.concatenate([part.labels for part in parts]))
    teacher_logits = tf.constant(np.concatenate([part.teacher_logits for part in parts]))
    labelled = rows.labelled_in(batch_size)
    variables = trainee.trainable_variables

    def run_epoch(order: Any) -> Any:
        total = tf.constant(0.0)
        steps = tf.shape(order)[0]
        for step in tf.range(steps):
            batch = order[step]
            epoch = tf.cast(optimizer.iterations / tf.cast(steps, tf.int64), tf.float32)
            with tf.GradientTape() as tape:
                lesson = trainee.learn(
                    tf.gather(x, batch),
                    tf.gather(teacher_logits, batch),
                    tf.gather(labels, batch),
                    epoch,
                )
                loss = objective(replace(lesson, labelled=labelled))
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
            total += loss
        return total / tf.cast(steps, tf.float32)

    return cast(Callable[[Any], Any], tf.function(run_epoch))


def _forward_function(trainee: Trainee) -> Callable[[Any], Any]:
    """Raw samples to logits in inference mode, as one graph for any batch size."""

    def forward(x: Any) -> Any:
        return trainee.logits(trainee.model(trainee.prepare(x), training=False))

    return cast(Callable[[Any], Any], tf.function(forward, reduce_retracing=True))


def _run_batches(
    forward: Callable[[Any], Any],
    x: NDArray[Any],
    advance: Advance = lambda _done: None,
    batch_size: int = 512,
) -> NDArray[np.float32]:
    outputs = []
    for start in range(0, len(x), batch_size):
        outputs.append(forward(tf.constant(x[start : start + batch_size])).numpy())
        advance(min(start + batch_size, len(x)))
    return np.concatenate(outputs).astype(np.float32)


def _validate(
    forward: Callable[[Any], Any], validation: tuple[NDArray[Any], NDArray[np.int32]]
) -> tuple[float, float]:
    """Cross-entropy and accuracy on the validation split."""
    x, labels = validation
    logits = _run_batches(forward, x)
    return float(cross_entropy(logits, labels)), accuracy(logits, labels)


def _check_finite(name: str, epoch: int, *losses: float) -> None:
    """Refuse to go on with weights that are lost.

    Raises:
        TinykdError: If a loss is infinite or not a number.
    """
    if not all(math.isfinite(loss) for loss in losses):
        raise TinykdError(
            f"{name}: training diverged in epoch {epoch + 1}, its loss is no longer a number. "
            "Lower the learning_rate of this stage, and check the range of the data."
        )


def _write_checkpoint(checkpoint: Path, arrays: Mapping[str, Any]) -> None:
    """Write a snapshot under a temporary name, then rename it."""
    temporary = checkpoint.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.savez(file, **arrays)
    temporary.replace(checkpoint)


@dataclass
class _State:
    """Where a training stands; everything that a continued training needs."""

    variables: list[Any]
    model_variables: list[Any]
    best: list[NDArray[Any]]
    epoch: int = 0
    losses: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)

    @classmethod
    def load_or_new(cls, checkpoint: Path, trainee: Trainee, optimizer: Any) -> _State:
        model_variables = trainee.variables
        state = cls(
            [*model_variables, *_variables(optimizer.variables)],
            model_variables,
            best=[variable.numpy() for variable in model_variables],
        )
        if checkpoint.exists():
            state._load(checkpoint)
        return state

    def record(self, loss: float, validation_loss: float, validation_accuracy: float) -> None:
        """Note a finished epoch, and its weights if they are the best so far."""
        if validation_loss < min(self.validation_losses, default=math.inf):
            self.best = [variable.numpy() for variable in self.model_variables]
        self.epoch += 1
        self.losses.append(loss)
        self.validation_losses.append(validation_loss)
        self.accuracies.append(validation_accuracy)

    def is_finished(self, patience: int | None) -> bool:
        """The best epoch lies ``patience`` epochs back."""
        if patience is None or not self.validation_losses:
            return False
        return self.epoch - int(np.argmin(self.validation_losses)) > patience

    def restore_best(self) -> None:
        """Return the network to the epoch of the lowest validation loss."""
        for variable, value in zip(self.model_variables, self.best, strict=True):
            variable.assign(value)

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays that no longer change."""
        arrays = {f"v{i}": variable.numpy() for i, variable in enumerate(self.variables)}
        arrays |= {f"b{i}": value for i, value in enumerate(self.best)}
        history = {
            "epoch": self.epoch,
            "losses": self.losses,
            "accuracies": self.accuracies,
            "validation_losses": self.validation_losses,
        }
        return {**arrays, "history": np.array(json.dumps(history))}

    def _load(self, checkpoint: Path) -> None:
        """Take over a checkpoint; one that is damaged or of another network is as good as none."""
        try:
            with checkpoint.open("rb") as file, np.load(file, allow_pickle=False) as saved:
                history = json.loads(str(saved["history"]))
                values = [saved[f"v{i}"] for i in range(len(self.variables))]
                best = [saved[f"b{i}"] for i in range(len(self.model_variables))]
            if any(v.shape != x.shape for v, x in zip(self.variables, values, strict=True)):
                return
        except Exception:  # zipfile, zlib or NumPy, as the damage will have it
            return
        for variable, value in zip(self.variables, values, strict=True):
            variable.assign(value)
        self.best = best
        for name, value in history.items():
            setattr(self, name, value)
