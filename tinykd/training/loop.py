"""One training loop for every network here, Keras 3 or tf_keras, float or fake-quantized.

A whole epoch is one graph: for networks this small, returning to Python after each step costs as
much as the step. Every random choice comes from the seed and the epoch's number, and the state is
written to disk while training, so that a training that was stopped goes on to the same result.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

from tinykd.errors import TinykdError
from tinykd.interrupts import raise_if_asked
from tinykd.lesson import Lesson, Mixture
from tinykd.progress import Advance
from tinykd.results import TrainingCurve
from tinykd.tasks import CLASSIFICATION, Task
from tinykd.training.answers import forward_function, validate
from tinykd.training.rows import Rows
from tinykd.training.schedule import Schedule
from tinykd.training.state import State, write_checkpoint
from tinykd.training.trainee import Trainee

Goal = Callable[[Lesson], Any]
"""From one batch to a scalar loss."""

Watch = Callable[[int, float], None]
"""Told the number of finished epochs and the validation score, 1 at most."""

CHECKPOINT_SECONDS = 5.0
"""A training that is killed loses this much work, or one epoch if that takes longer."""


def train(
    trainee: Trainee,
    objective: Goal,
    rows: Rows,
    *,
    validation: tuple[NDArray[Any], NDArray[Any]],
    schedule: Schedule,
    seed: int,
    checkpoint: Path,
    advance: Advance,
    until: int | None = None,
    watch: Watch | None = None,
    task: Task = CLASSIFICATION,
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
        until: Pause after so many epochs of the schedule; called again, it goes on from there to
            what it would have come to without a pause. None trains to the end.
        watch: Told the validation score after each epoch; what it raises ends the training.
        task: What validation goes by.

    Returns:
        Loss and validation score of every epoch that ran.

    Raises:
        TinykdError: If the loss is no longer a number.
    """
    steps_per_epoch = rows.samples // min(schedule.batch_size, rows.samples)
    optimizer = _build_optimizer(trainee, schedule, schedule.epochs * steps_per_epoch)
    run_epoch = _epoch_function(trainee, objective, rows, optimizer, schedule.batch_size)
    state = State.load_or_new(checkpoint, trainee, optimizer)
    forward = forward_function(trainee)
    freeze_at = schedule.epochs - math.floor(schedule.frozen_fraction * schedule.epochs)
    last = schedule.epochs if until is None else min(until, schedule.epochs)
    kept, saved_at = state.snapshot(), time.monotonic()
    try:
        while state.epoch < last and not state.is_finished(schedule.patience):
            if trainee.freeze is not None and state.epoch >= freeze_at:
                trainee.freeze()
            order = rows.order(batch_size=schedule.batch_size, seed=seed, epoch=state.epoch)
            loss = float(run_epoch(tf.constant(order)))
            validation_loss, score, right = validate(forward, validation, task)
            _check_finite(trainee.name, state.epoch, loss, validation_loss)
            state.record(loss, validation_loss, score, right)
            kept = state.snapshot()
            advance(state.epoch)
            raise_if_asked()
            if watch is not None:
                watch(state.epoch, state.accuracies[-1])
            if time.monotonic() - saved_at > CHECKPOINT_SECONDS:
                write_checkpoint(checkpoint, kept)
                saved_at = time.monotonic()
    except KeyboardInterrupt:  # in the middle of an epoch: its half-trained weights do not count
        write_checkpoint(checkpoint, kept)
        state.restore_best()
        raise
    if schedule.patience is not None and last == schedule.epochs:
        state.restore_best()
    write_checkpoint(checkpoint, state.snapshot())
    advance(last)
    return TrainingCurve(
        name=trainee.name,
        loss=tuple(state.losses),
        validation_accuracy=tuple(state.accuracies),
    )


def make_deterministic(seed: int) -> None:
    """Make TensorFlow's arithmetic repeatable on one machine, and seed it."""
    tf.config.experimental.enable_op_determinism()
    tf_keras.utils.set_random_seed(seed)


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
    mixed_in = _mixed_in(rows, labelled)
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
                lesson = replace(lesson, labelled=labelled, mixture=mixed_in(batch))
                loss = objective(lesson)
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
            total += loss
        return total / tf.cast(steps, tf.float32)

    return cast(Callable[[Any], Any], tf.function(run_epoch))


def _mixed_in(rows: Rows, labelled: int | None) -> Callable[[Any], Mixture | None]:
    """From row numbers of a batch to the second labels of those that have labels."""
    if rows.mixture is None:
        return lambda _batch: None
    labels, share = tf.constant(rows.mixture.labels), tf.constant(rows.mixture.share)

    def mixed_in(batch: Any) -> Mixture:
        first = batch[:labelled]
        return Mixture(tf.gather(labels, first), tf.gather(share, first))

    return mixed_in


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
