"""Does int8 keep what was learned, where stock quantization-aware training does not?

Run it with `python -m benchmarks.quantization`; a run takes about a minute, and what was run before
is not repeated. It prints the tables of docs/quantization.md: two cases in which stock training
collapses, how faithful the files are, how much the float student should teach, and every layer.

900 digits to train on, 300 to choose on, 597 to test on, as in `small_students.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.int8_layers import print_layers
from benchmarks.paired import compare, mean_percent
from benchmarks.runs import Runs
from benchmarks.small_students import EPOCHS, TEACHER, Task, build_student, load_task, train_teacher
from tinykd.backend import load_tensorflow
from tinykd.progress import Silent

RESULTS = Path(__file__).parent / "results" / "quantization.json"
BATCH = 64
CHANNELS = (20, 40)
"""Of the distilled student, which has 1,890 parameters."""
SELF_ALPHAS = (0.0, 0.5, 1.0)


@dataclass(frozen=True)
class Case:
    """A student that stock quantization-aware training harms.

    Attributes:
        title: For the table.
        architecture: Row of ``STUDENTS``.
        width: Of the student.
        scale: What the pixels in [0, 1] are multiplied by.
        epochs: Of float training.
        learning_rate: Of Adam, in float training.
        skew: How much the channels of a depthwise kernel differ afterwards, at most; the
            batch-norm behind takes it back, so that the function stays the same.
    """

    title: str
    architecture: str
    width: float
    scale: float
    epochs: int
    learning_rate: float
    skew: float = 1.0

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """What the student takes."""
        return (64,) if self.architecture == "mlp" else (8, 8, 1)


CASES = (
    Case("MLP, inputs 0 to 64", "mlp", 1.0, 64.0, 30, 1e-3),
    Case("DS-CNN, depthwise channels rescaled 1 to 100 times", "ds_cnn", 0.5, 1.0, 30, 3e-3, 100.0),
    Case("DS-CNN, inputs 0 to 1", "ds_cnn", 0.5, 1.0, 30, 3e-3),
)

ROWS = {
    "float": "float",
    "ptq": "post-training quantization",
    "stock_1": "stock training, 1 epoch",
    "stock_5": "stock training, 5 epochs",
    "ours_0": "ours, calibrated only",
    "ours_1": "ours, 1 epoch",
    "ours_5": "ours, 5 epochs",
}


def run_case(case: Case, task: Task, seed: int) -> dict[str, Any]:
    """Train one student, make it int8 in every way; test accuracies, and how faithful ours is."""
    from tinykd import convert_qat, quantize
    from tinykd.convert import convert_ptq
    from tinykd.inference import classify_int8
    from tinykd.quantization.qat import calibrate, inference_form, quantization_aware

    x, x_validation, x_test = (
        (part * np.float32(case.scale)).reshape(-1, *case.sample_shape) for part in task.x
    )
    y, y_validation, y_test = task.y
    student = _trained(case, x, y, seed)
    files = {"ptq": convert_ptq(inference_form(student), x[:512]), **_stock(student, x, y, seed)}
    calibrated = quantization_aware(student)
    calibrate(calibrated, np.array_split(x[:512], 8))
    files["ours_0"] = convert_qat(calibrated)
    for epochs in (1, 5):
        data = (x, y, x_validation, y_validation)
        int8 = quantize(student, data, epochs=epochs, batch_size=BATCH, seed=seed)
        files[f"ours_{epochs}"] = convert_qat(int8.qat_model)
    found = {"float": _score(student(x_test, training=False).numpy(), y_test)}
    answers = {name: classify_int8(file, x_test) for name, file in files.items()}
    found |= {name: _score(outputs, y_test) for name, outputs in answers.items()}
    simulated = int8.qat_model(x_test, training=False).numpy()
    return {
        **found,
        "simulated": _score(simulated, y_test),
        "agreement": _agreement(simulated, answers["ours_5"]),
        **_bytes_of_c(files["ours_5"], x_test),
    }


def _trained(case: Case, x: NDArray[np.float32], y: NDArray[np.int32], seed: int) -> Any:
    import tf_keras

    from tinykd.students.architectures import STUDENTS

    tf_keras.backend.clear_session()
    tf_keras.utils.set_random_seed(seed)
    student = STUDENTS[case.architecture](case.sample_shape, 10, case.width)
    loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    student.compile(tf_keras.optimizers.Adam(case.learning_rate), loss)
    student.fit(x, y, batch_size=BATCH, epochs=case.epochs, verbose=0)
    for layer in student.layers:
        if case.skew > 1.0 and isinstance(layer, tf_keras.layers.DepthwiseConv2D):
            _skew(layer, case.skew, seed)
    return student


def _skew(depthwise: Any, greatest: float, seed: int) -> None:
    """Rescale the channels of a kernel, and the statistics of the batch-norm that reads them."""
    (kernel,) = depthwise.get_weights()  # the batch-norm has the bias
    norm = depthwise.outbound_nodes[0].outbound_layer
    factor = np.exp(np.random.default_rng(seed).uniform(0, np.log(greatest), kernel.shape[2]))
    depthwise.set_weights([kernel * factor[:, None]])
    gamma, beta, mean, variance = norm.get_weights()
    rescaled = (variance + norm.epsilon) * factor**2 - norm.epsilon
    norm.set_weights([gamma, beta, mean * factor, rescaled])


def _stock(student: Any, x: NDArray[np.float32], y: NDArray[np.int32], seed: int) -> dict[str, Any]:
    """Files after 1 and 5 epochs, by tensorflow-model-optimization's guide, in our batches."""
    import tensorflow as tf
    import tf_keras
    from tensorflow_model_optimization.quantization.keras import quantize_model

    tf_keras.utils.set_random_seed(seed)
    model = quantize_model(student)
    loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="adam", loss=loss)
    files = {}
    for epochs, more in ((1, 1), (5, 4)):
        model.fit(x, y, batch_size=BATCH, epochs=more, verbose=0)
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([row[None]] for row in x[:512])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        files[f"stock_{epochs}"] = converter.convert()
    return files


def _score(outputs: NDArray[Any], labels: NDArray[np.int32]) -> float:
    return float(np.mean(outputs.argmax(axis=1) == labels))


def _agreement(one: NDArray[Any], other: NDArray[Any]) -> float:
    return float(np.mean(one.argmax(axis=1) == other.argmax(axis=1)))


def _bytes_of_c(tflite: bytes, x: NDArray[np.float32]) -> dict[str, int]:
    from firmware_export.verify import verify_tflite
    from tinykd.inference import quantize_samples

    found = verify_tflite(tflite, inputs=quantize_samples(tflite, x), samples=16)
    return {"c_bytes": found.compared_bytes, "c_bytes_differing": found.differing_bytes}


def run_self_alpha(task: Task, teacher: Path, seed: int) -> dict[str, Any]:
    """Distil a student, make it int8 with each weight of the float student; accuracies."""
    from tinykd import convert_qat, distill, quantize
    from tinykd.inference import classify_int8

    student = build_student(CHANNELS, task.classes, seed)
    data = (task.x[0], task.y[0], task.x[1], task.y[1])
    settings: dict[str, Any] = {"loss": "ls_kd", "seed": seed}
    distill(teacher, student, data, baseline=False, augment="shift", epochs=EPOCHS, **settings)
    outputs = student.predict(task.x[2], verbose=0)
    found: dict[str, Any] = {"float_test": _score(outputs, task.y[2])}
    for alpha in SELF_ALPHAS:
        int8 = quantize(student, data, teacher=teacher, self_alpha=alpha, **settings)
        answers = classify_int8(convert_qat(int8.qat_model), task.x[2])
        found |= {
            "float_validation": int8.result.float_validation_accuracy,
            "ptq_validation": int8.result.ptq_validation_accuracy,
            f"validation_{alpha}": int8.result.qat_validation_accuracy,
            f"test_{alpha}": _score(answers, task.y[2]),
            f"agreement_{alpha}": _agreement(outputs, answers),
        }
    return found


def print_cases(table: Mapping[str, list[dict[str, Any]]]) -> None:
    """Means over the seeds, and against float."""
    for title, runs in table.items():
        print(f"\n{title}\n\n| | test | deviation | against float, points (95 %), wins |")
        print("|---|---|---|---|")
        for row, name in ROWS.items():
            values = [run[row] for run in runs]
            difference = compare(values, [run["float"] for run in runs]) if row != "float" else ""
            spread = 100 * float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
            print(f"| {name} | {mean_percent(values):.2f} | {spread:.2f} | {difference} |")


def print_faithfulness(table: Mapping[str, list[dict[str, Any]]]) -> None:
    """The model that is trained against its file, and the file against the C."""
    print("\n| | file - model, points (95 %), wins | same answer, least | C against TFLM |")
    print("|---|---|---|---|")
    for title, runs in table.items():
        gap = compare([run["ours_5"] for run in runs], [run["simulated"] for run in runs])
        least = 100 * min(run["agreement"] for run in runs)
        total, differing = (sum(r[k] for r in runs) for k in ("c_bytes", "c_bytes_differing"))
        print(f"| {title} | {gap} | {least:.2f} % | {differing} of {total:,} bytes differ |")


def print_self_alphas(runs: list[dict[str, Any]]) -> None:
    """Each weight of the float student: validation, test, and agreement with float."""
    print("\n| self_alpha | validation | test | against float, points (95 %), wins | same answer |")
    print("|---|---|---|---|---|")
    tests = [run["float_test"] for run in runs]
    validation = mean_percent([run["float_validation"] for run in runs])
    print(f"| float student | {validation:.2f} | {mean_percent(tests):.2f} | | |")
    for alpha in SELF_ALPHAS:
        means = [
            mean_percent([run[f"{k}_{alpha}"] for run in runs]) for k in ("validation", "test")
        ]
        difference = compare([run[f"test_{alpha}"] for run in runs], tests)
        same = mean_percent([run[f"agreement_{alpha}"] for run in runs])
        print(f"| {alpha:g} | {means[0]:.2f} | {means[1]:.2f} | {difference} | {same:.2f} |")


@click.command()
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(1, 20))
def main(seeds: int) -> None:
    """Run what is missing, then print the tables."""
    load_tensorflow(Silent())
    runs, task = Runs(RESULTS), load_task(10)
    data = [hashlib.sha256(part.tobytes()).hexdigest() for part in (*task.x, *task.y)]
    teacher = TEACHER.with_stem(f"{TEACHER.stem}_10")
    if not teacher.exists():
        train_teacher(task, teacher)
    cases = {
        case.title: _over_seeds(runs, seeds, case.title, (data, case), run_case, case, task)
        for case in CASES
    }
    title, depends_on = "self_alpha", (data, CHANNELS, EPOCHS, SELF_ALPHAS)
    alphas = _over_seeds(runs, seeds, title, depends_on, run_self_alpha, task, teacher)
    print_cases(cases)
    print_faithfulness(cases)
    print_self_alphas(alphas)
    print_layers()


def _over_seeds(
    runs: Runs,
    seeds: int,
    title: str,
    depends_on: object,
    compute: Callable[..., dict[str, Any]],
    *arguments: Any,
) -> list[dict[str, Any]]:
    return [
        runs.get(f"{title}, seed {seed}", (depends_on, seed), lambda s=seed: compute(*arguments, s))  # type: ignore[misc]
        for seed in range(seeds)
    ]


if __name__ == "__main__":
    main()
