"""Regression, several labels and anomaly scores, from data to C: small builds of each."""

import json

import numpy as np
import pytest

import tinykd
from firmware_export.tflm import run_tflm
from tests.tinykd.test_report_html import Page
from tinykd.comparison import summarize
from tinykd.datasets import load_dataset
from tinykd.inference import dequantize, quantize_samples
from tinykd.report import FORMATS, read_report
from tinykd.report.comparison import COMPARISON_FORMATS, headline

TASKS = ("regression", "multi_label", "anomaly")


def samples(rng, count):
    return rng.normal(0.0, 20.0, (count, 6)).astype(np.float32)


def regression(rng):
    x, xt = samples(rng, 160), samples(rng, 60)
    weights = rng.normal(size=(6, 2))
    targets = {key: 500.0 + 3.0 * value @ weights for key, value in {"": x, "t": xt}.items()}
    return {
        "x_train": x,
        "y_train": targets[""],
        "x_test": xt,
        "y_test": targets["t"],
        "class_names": np.array(["force", "torque"]),
    }


def multi_label(rng):
    x, xt = samples(rng, 160), samples(rng, 60)
    return {
        "x_train": x,
        "y_train": (x[:, :3] > 0).astype(np.uint8),
        "x_test": xt,
        "y_test": (xt[:, :3] > 0).astype(np.uint8),
    }


def anomaly(rng):
    """Normal samples lie on a line, the others anywhere."""
    line = rng.normal(size=(1, 6))
    x, xt = (rng.normal(0.0, 20.0, (n, 1)) @ line for n in (160, 60))
    marks = (np.arange(60) % 2).astype(np.int64)
    xt = xt + marks[:, None] * rng.normal(0.0, 25.0, xt.shape)
    return {"x_train": np.float32(x), "x_test": np.float32(xt), "y_test": marks}


DATA = {"regression": regression, "multi_label": multi_label, "anomaly": anomaly}

CONFIG = """
name = "small"
data.source = "data.npz"
data.task = "{task}"
[teacher]
width = 4
epochs = 60
batch_size = 16
learning_rate = 0.01
[student]
architecture = "{architecture}"
width = 0.25
[distill]
epochs = 60
learning_rate = 0.01
batch_size = 16
[quantize]
epochs = 1
calibration_samples = 64
[target]
emulated_samples = 1
"""


@pytest.fixture(scope="module")
def builds(tmp_path_factory):
    """Task to its data set, the folder of its build, and its report."""
    made = {}
    for task in TASKS:
        folder = tmp_path_factory.mktemp(task)
        np.savez(folder / "data.npz", **DATA[task](np.random.default_rng(0)))
        architecture = "autoencoder" if task == "anomaly" else "mlp"
        file = folder / "small.toml"
        file.write_text(CONFIG.format(task=task, architecture=architecture))
        config = tinykd.load_config(file)
        report = tinykd.build(config, out=folder)
        made[task] = (load_dataset(config.data), folder / "small", report)
    return made


def metrics_of(report):
    return {model.name: model.metrics for model in report.models}


@pytest.mark.parametrize("task", TASKS)
def test_a_build_says_what_was_asked_and_keeps_its_promises(builds, task):
    _, folder, report = builds[task]
    assert report.data.task == task
    assert report.c_equals_tflm
    assert {model.name for model in report.models} >= {"teacher", "student", "c"}
    assert metrics_of(report)["c"] == metrics_of(report)["tflm"]
    for model in report.models:
        assert model.top1_accuracy is None
        low, high = model.ci95
        assert low <= model.headline <= high
    assert read_report(folder / "report.json") == report


@pytest.mark.parametrize("task", TASKS)
def test_the_student_has_learned_it(builds, task):
    c = metrics_of(builds[task][2])["c"]
    key, least = {
        "regression": ("r2", 0.9),
        "multi_label": ("mean_average_precision", 0.95),
        "anomaly": ("auc", 0.9),
    }[task]
    assert c[key] > least


@pytest.mark.parametrize("task", TASKS)
def test_pages_name_the_metric_and_no_other(builds, task):
    report = builds[task][2]
    terminal, page = FORMATS["terminal"](report), Page(FORMATS["html"](report)).text
    name = {"regression": "RMSE", "multi_label": "mAP", "anomaly": "AUC"}[task]
    for text in (terminal, page):
        assert name in text
        assert "top-1" not in text.lower()
        assert "validation accuracy" not in text.lower()
    assert "{{" not in page


def test_the_int8_file_answers_in_the_unit_of_the_targets(builds):
    data, folder, report = builds["regression"]
    tflite = (folder / "small.tflite").read_bytes()
    answers = dequantize(tflite, run_tflm(tflite, quantize_samples(tflite, data.x_test)))
    truth = data.y_test * data.output_scale
    assert 300 < truth.mean() < 700
    error = np.float64(answers) - truth
    found = metrics_of(report)["c"]
    assert found["rmse"] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-5)
    assert found["mae"] == pytest.approx(np.abs(error).mean(), rel=1e-5)
    assert [output.name for output in report.by_output] == ["force", "torque"]
    torque = report.by_output[1].metrics["mae"]
    assert torque == pytest.approx(np.abs(error[:, 1]).mean(), rel=0.02)  # LiteRT, 1 step off
    with np.load(folder / "predictions.npz") as kept:
        np.testing.assert_allclose(kept["c"], answers, rtol=1e-6)
        np.testing.assert_allclose(kept["labels"], truth, rtol=1e-6)
    header = (folder / "small.h").read_text()
    assert (
        "argmax" not in (folder / "firmware/examples/SmallSelfTest/SmallSelfTest.ino").read_text()
    )
    assert f"{report.name}_dequantize_output" in header


def test_a_teacher_trained_here_answers_in_the_unit_of_the_targets_too(builds):
    import keras

    data, folder, report = builds["regression"]
    (file,) = folder.rglob("teacher.keras")
    answers = keras.models.load_model(file)(data.x_test).numpy()
    error = answers - data.y_test * data.output_scale
    found = metrics_of(report)["teacher"]["rmse"]
    assert found == pytest.approx(np.sqrt((np.float64(error) ** 2).mean()), rel=1e-4)


def test_a_self_taught_teacher_answers_in_the_unit_of_the_targets_too(builds, tmp_path):
    from tinykd.progress import Silent
    from tinykd.teachers.self_taught import train_self_teacher
    from tinykd.teachers.teacher import open_teacher

    data, folder, _ = builds["regression"]
    config = tinykd.load_config(folder.parent / "small.toml")
    config = config.model_copy(update={"distill": config.distill.model_copy(update={"epochs": 10})})
    result = train_self_teacher(config, data, folder=tmp_path, progress=Silent())
    teacher = open_teacher(tmp_path / "teacher.keras", data)
    whole = teacher.outputs(data.x_validation, progress=Silent(), why="here")
    assert np.abs(whole).max() > 300
    learned = teacher.as_logits(whole)
    reached = data.task.score(learned, data.y_validation)
    assert reached == pytest.approx(result.validation_accuracy, abs=1e-5)


def test_what_flips_between_models_is_counted_as_the_task_has_it(builds):
    ledgers = {task: builds[task][2].ledger[0] for task in TASKS}
    assert {task: ledger.samples for task, ledger in ledgers.items()} == {
        "regression": 60,
        "multi_label": 180,
        "anomaly": 60,
    }
    report = builds["regression"][2]
    assert report.flipped is None
    (first, *_) = report.ledger
    scores = {model.name: model.headline for model in report.models}
    assert first.difference == pytest.approx(scores["student"] - scores["scratch"])


def test_the_device_is_told_the_threshold(builds):
    data, folder, report = builds["anomaly"]
    tflite = (folder / "small.tflite").read_bytes()

    def scores(x):
        rebuilt = dequantize(tflite, run_tflm(tflite, quantize_samples(tflite, x)))
        return np.square(np.float64(rebuilt) - x).mean(axis=1)

    normal = scores(data.x_validation)
    assert report.threshold == pytest.approx(np.quantile(normal, 0.95), rel=0.05)
    decided = (scores(data.x_test) > report.threshold).astype(int)
    confusion = np.array(report.confusion)
    assert abs(confusion[1, 1] - decided[data.y_test == 1].sum()) <= 1  # a score at the threshold
    sketch = (folder / "firmware/examples/SmallSelfTest/SmallSelfTest.ino").read_text()
    assert f"score > {report.threshold:.6e}f" in sketch
    assert builds["regression"][2].threshold is None


def test_a_comparison_goes_by_the_headline_and_its_direction(builds):
    report = builds["regression"][2]
    reports = [report.model_copy(update={"seeds": {"build": seed}}) for seed in (0, 1)]
    comparison = summarize(reports, new_teacher=False)
    assert comparison.seeds[0].top1_accuracy == {}
    assert comparison.seeds[0].scores == {model.name: model.headline for model in report.models}
    first = comparison.differences[0]
    assert first.verdict == ("better" if first.mean < 0 else "worse")
    assert "RMSE" in headline(comparison)
    for text in (
        COMPARISON_FORMATS["terminal"](comparison),
        COMPARISON_FORMATS["html"](comparison),
    ):
        assert "RMSE" in text
        assert "points" not in text.lower()
        assert "sign test" in text
    kept = json.loads(COMPARISON_FORMATS["json"](comparison))
    assert kept["task"] == "regression"


def test_evaluate_measures_the_files_of_a_build_alike(builds, cli):
    for task in TASKS:
        _, folder, report = builds[task]
        source = folder.parent / "small.toml"
        outcome = cli("evaluate", folder / "small.tflite", "--config", source, "--json")
        assert outcome.code == 0, outcome.err
        *_, c = json.loads(outcome.out)
        assert c["metrics"] == pytest.approx(metrics_of(report)["c"])
        shown = cli("evaluate", folder / "small.tflite", "--config", source).out
        name = {"regression": "RMSE", "multi_label": "mAP", "anomaly": "AUC"}[task]
        assert shown.startswith(name)
