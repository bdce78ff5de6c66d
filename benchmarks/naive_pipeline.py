"""How much faster is tinykd than the pipeline that a user would write from two guides?

Run it with `python -m benchmarks.naive_pipeline --data FILE.npz --teacher FILE.keras`. Both sides
get the same student with the same weights, samples, batch size, learning rate and number of steps.
The naive one is the `Distiller` of the Keras example, which asks the teacher in every step, then
`quantize_model`, `fit` and the converter as tensorflow-model-optimization's guide has them. Ours is
`tinykd.distill` with one loss and without a baseline, then its quantize stage.

Time is counted from an imported TensorFlow: processor time of all threads, which the load of the
machine hardly changes, and wall time. Each side has a process of its own. The mark is the accuracy
on validation that both float students reach: the lower of their best ones.

Source: Keras code example "Knowledge Distillation"; tensorflow-model-optimization,
"Quantization aware training in Keras example".
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.runs import Runs
from tinykd.backend import load_tensorflow
from tinykd.config import DataConfig, StudentConfig
from tinykd.datasets import Dataset, load_dataset
from tinykd.progress import Advance, Silent

RESULTS = Path(__file__).parent / "results" / "naive_pipeline.json"
BATCH, LEARNING_RATE, QAT_LEARNING_RATE = 128, 3e-3, 1e-4
NAIVE_ALPHA, NAIVE_TEMPERATURE = 0.1, 10.0
"""Those of the Keras example; alpha is the weight of the labels."""
LOSS: dict[str, Any] = {"loss": "kd", "temperature": 1.0, "alpha": 0.5}
"""Ours: one loss and no race, so that both sides take the same steps."""


@dataclass(frozen=True)
class Job:
    """What both sides do.

    Attributes:
        data: ``.npz`` file, or ``fashion-mnist``.
        teacher: ``.keras`` file of a Keras 3 model that takes raw samples.
        samples: Training samples before validation is taken off; 0 uses all.
        epochs: Of distillation.
        qat_epochs: Of quantization-aware training.
        width: Of the ``ds_cnn`` student.
        seed: Of the student's weights.
    """

    data: str
    teacher: str
    samples: int
    epochs: int
    qat_epochs: int
    width: float
    seed: int

    def dataset(self) -> Dataset:
        """A twelfth is kept for validation, as the teacher of the README was trained."""
        config = DataConfig(source=self.data, validation_every=12, max_train_samples=self.samples)
        return load_dataset(config)

    def student(self, dataset: Dataset) -> Any:
        """The same weights on both sides."""
        from tinykd.students.architectures import build_student

        student = StudentConfig(width=self.width)
        return build_student(student, dataset.input_shape, dataset.classes, seed=self.seed)


@dataclass
class Clock:
    """Times since the start, and what was known then; also a ``Progress`` of tinykd."""

    start: tuple[float, float] = field(default_factory=lambda: (time.process_time(), time.time()))
    epochs: list[tuple[float, float]] = field(default_factory=list)

    def now(self) -> tuple[float, float]:
        """Seconds of processor time and of wall time."""
        return time.process_time() - self.start[0], time.time() - self.start[1]

    @contextmanager
    def task(self, description: str, total: int | None = None) -> Iterator[Advance]:
        """Note the end of every epoch of the student."""

        def advance(_done: int) -> None:
            if description.startswith("student") and len(self.epochs) < (total or 0):
                self.epochs.append(self.now())

        yield advance


def tinykd_side(job: Job) -> dict[str, Any]:
    """One call to distil, one to quantize."""
    from tinykd import distill
    from tinykd.config import DistillConfig, QuantizeConfig
    from tinykd.distillation.rows import training_rows
    from tinykd.losses import choose_objective
    from tinykd.quantization.finetune import quantize_student
    from tinykd.teachers.teacher import open_teacher

    dataset = job.dataset()
    student = job.student(dataset)
    clock = Clock()
    teacher = open_teacher(Path(job.teacher), dataset)
    logits = teacher.logits(dataset.x_train, progress=Silent(), why="answering")
    settings = {"epochs": job.epochs, "batch_size": BATCH, "learning_rate": LEARNING_RATE, **LOSS}
    distill(logits, student, dataset, baseline=False, seed=job.seed, progress=clock, **settings)
    distilled = clock.now()
    config = DistillConfig(augment="none", **LOSS)
    with tempfile.TemporaryDirectory() as folder:
        result = quantize_student(
            QuantizeConfig(epochs=job.qat_epochs, learning_rate=QAT_LEARNING_RATE),
            student,
            choose_objective(config, dataset.classes),
            training_rows(dataset, config, logits),
            dataset,
            batch_size=BATCH,
            seed=job.seed,
            folder=Path(folder),
            progress=Silent(),
        )
        quantized = clock.now()
        tflite = (Path(folder) / f"{result.shipped}.tflite").read_bytes()
    validation = student.distillation.curves[0].validation_accuracy
    outputs = student.predict(_scaled(dataset.x_test, dataset, student), verbose=0)
    return _summary(clock, validation, distilled, quantized, outputs, tflite, dataset)


def naive_side(job: Job) -> dict[str, Any]:
    """As the two guides have it, with a learning rate that falls as ours does."""
    import keras
    import tensorflow as tf
    import tf_keras
    from tensorflow_model_optimization.quantization.keras import quantize_model

    from tinykd.tflite_file import fold_input_scale

    dataset = job.dataset()
    student = job.student(dataset)
    x, x_validation, x_test = (
        _scaled(part, dataset, student)
        for part in (dataset.x_train, dataset.x_validation, dataset.x_test)
    )
    clock = Clock()
    teacher = keras.saving.load_model(job.teacher, compile=False)
    steps = len(x) // BATCH * job.epochs
    distiller = _naive_distiller(student, teacher, 1.0 / dataset.input_scale)
    decay = tf_keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    distiller.compile(
        optimizer=tf_keras.optimizers.Adam(decay),
        metrics=[tf_keras.metrics.SparseCategoricalAccuracy("accuracy")],
    )
    note = tf_keras.callbacks.LambdaCallback(
        on_epoch_end=lambda _epoch, _logs: clock.epochs.append(clock.now())
    )
    whole = len(x) // BATCH * BATCH
    tf_keras.utils.set_random_seed(job.seed)
    history = distiller.fit(
        x[:whole],
        dataset.y_train[:whole],
        batch_size=BATCH,
        epochs=job.epochs,
        validation_data=(x_validation, dataset.y_validation),
        validation_batch_size=512,
        callbacks=[note],
        verbose=0,
    )
    distilled = clock.now()
    qat = quantize_model(student)
    qat.compile(
        optimizer=tf_keras.optimizers.Adam(QAT_LEARNING_RATE),
        loss=tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    qat.fit(
        x[:whole],
        dataset.y_train[:whole],
        batch_size=BATCH,
        epochs=job.qat_epochs,
        validation_data=(x_validation, dataset.y_validation),
        validation_batch_size=512,
        verbose=0,
    )
    converter = tf.lite.TFLiteConverter.from_keras_model(qat)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample[None]] for sample in x[:512])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    tflite = converter.convert()
    quantized = clock.now()
    outputs = student.predict(x_test, verbose=0)
    accuracies = history.history["val_accuracy"]
    # so that the file takes raw samples like ours, and is asked in the same way
    tflite = fold_input_scale(tflite, dataset.input_scale)
    return _summary(clock, accuracies, distilled, quantized, outputs, tflite, dataset)


def _naive_distiller(student: Any, teacher: Any, teacher_scale: float) -> Any:
    """The subclass of the Keras example: the teacher answers in every step."""
    import tensorflow as tf
    import tf_keras

    divergence = tf_keras.losses.KLDivergence()
    labels_loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    class NaiveDistiller(tf_keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.student = student

        def call(self, x: Any, training: bool | None = None) -> Any:  # noqa: FBT001  # Keras' own
            return self.student(x, training=training)

        def train_step(self, data: Any) -> dict[str, Any]:
            x, y = data
            taught = teacher(x * teacher_scale, training=False)
            with tf.GradientTape() as tape:
                outputs = self.student(x, training=True)
                soft = divergence(
                    tf.nn.softmax(taught / NAIVE_TEMPERATURE, axis=1),
                    tf.nn.softmax(outputs / NAIVE_TEMPERATURE, axis=1),
                )
                loss = NAIVE_ALPHA * labels_loss(y, outputs)
                loss += (1.0 - NAIVE_ALPHA) * soft * NAIVE_TEMPERATURE**2
            variables = self.student.trainable_variables
            gradients = tape.gradient(loss, variables)
            self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
            self.compiled_metrics.update_state(y, outputs)
            return {metric.name: metric.result() for metric in self.metrics}

        def test_step(self, data: Any) -> dict[str, Any]:
            x, y = data
            self.compiled_metrics.update_state(y, self.student(x, training=False))
            return {metric.name: metric.result() for metric in self.metrics}

    return NaiveDistiller()


def _scaled(x: Any, dataset: Dataset, student: Any) -> Any:
    scaled = x.astype(np.float32) * np.float32(dataset.input_scale)
    return scaled.reshape(len(x), *student.input_shape[1:])


def _summary(
    clock: Clock,
    validation: Any,
    distilled: tuple[float, float],
    quantized: tuple[float, float],
    outputs: Any,
    tflite: bytes,
    dataset: Dataset,
) -> dict[str, Any]:
    """Times are [processor, wall] in seconds since the start."""
    from tinykd.inference import classify_int8

    def score(answers: Any, labels: Any) -> float:
        return float(np.mean(np.argmax(answers, axis=1) == labels))

    return {
        "validation_accuracy": [float(value) for value in validation],
        "epoch_seconds": clock.epochs,
        "distilled_seconds": distilled,
        "quantized_seconds": quantized,
        "test_accuracy": score(outputs, dataset.y_test),
        "int8_validation_accuracy": score(
            classify_int8(tflite, dataset.x_validation), dataset.y_validation
        ),
        "int8_test_accuracy": score(classify_int8(tflite, dataset.x_test), dataset.y_test),
        "int8_bytes": len(tflite),
    }


SIDES = {"naive": naive_side, "tinykd": tinykd_side}


def run_in_a_process(side: str, job: Job) -> dict[str, Any]:
    """One side, in a fresh process, so that neither warms anything up for the other."""
    command = [sys.executable, "-m", "benchmarks.naive_pipeline", "--side", side]
    for name, value in vars(job).items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


def seconds_to(mark: float, side: dict[str, Any]) -> tuple[float, float]:
    """When validation accuracy first reached the mark."""
    reached = next(i for i, value in enumerate(side["validation_accuracy"]) if value >= mark)
    processor, wall = side["epoch_seconds"][reached]
    return processor, wall


def print_table(naive: dict[str, Any], ours: dict[str, Any]) -> None:
    """Seconds and accuracies of both, and the ratio."""
    mark = min(max(side["validation_accuracy"]) for side in (naive, ours))
    rows = [f"to {100 * mark:.2f} % validation", "all epochs of the student", "to the int8 file"]
    times = [
        (seconds_to(mark, side), side["distilled_seconds"], side["quantized_seconds"])
        for side in (naive, ours)
    ]
    print("\n| | naive, processor s | tinykd | ratio | naive, wall s | tinykd | ratio |")
    print("|---|---|---|---|---|---|---|")
    for row, ((cpu, wall), (our_cpu, our_wall)) in zip(rows, zip(*times, strict=True), strict=True):
        print(
            f"| {row} | {cpu:.0f} | {our_cpu:.0f} | {cpu / our_cpu:.2f} "
            f"| {wall:.0f} | {our_wall:.0f} | {wall / our_wall:.2f} |"
        )
    print("\n| test accuracy | naive | tinykd |\n|---|---|---|")
    for name in ("test_accuracy", "int8_test_accuracy"):
        print(f"| {name} | {100 * naive[name]:.2f} | {100 * ours[name]:.2f} |")


@click.command()
@click.option("--data", default="fashion-mnist", show_default=True)
@click.option("--teacher", required=True)
@click.option("--samples", default=0, show_default=True, help="0 uses all.")
@click.option("--epochs", default=20, show_default=True)
@click.option("--qat-epochs", default=3, show_default=True)
@click.option("--width", default=2.0, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--side", type=click.Choice(list(SIDES)), default=None, hidden=True)
def main(side: str | None, **settings: Any) -> None:
    """Run both sides, unless they are known, and print the ratio."""
    job = Job(**settings)
    if side is not None:
        load_tensorflow(Silent())
        print(json.dumps(SIDES[side](job)))
        return
    runs = Runs(RESULTS)
    size = f"{job.samples or 'all'} samples, {job.epochs} + {job.qat_epochs} epochs"
    files = Path(job.data).name, Path(job.teacher).name
    depends_on = (*files, *list(vars(job).values())[2:], LOSS)
    found = {
        name: runs.get(
            f"{name}, {size}, seed {job.seed}",
            depends_on,
            lambda name=name: run_in_a_process(name, job),  # type: ignore[misc]
        )
        for name in SIDES
    }
    print_table(found["naive"], found["tinykd"])


if __name__ == "__main__":
    main()
