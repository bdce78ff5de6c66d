"""Weighted sums: what is configured is what is minimised, and what cannot help is refused."""

import inspect
from pathlib import Path

import numpy as np
import pytest

from tinykd.config import DistillConfig, parse_config
from tinykd.errors import ConfigError
from tinykd.lesson import FeaturePair, Lesson
from tinykd.losses import LOSSES, Objective, Term, choose_objective, find_loss


@pytest.fixture
def lesson():
    """Six samples of five classes, with one pair of features of equal channels."""
    rng = np.random.default_rng(0)
    student, teacher = rng.normal(0, (2.0, 6.0), (6, 5, 2)).astype(np.float32).transpose(2, 0, 1)
    ours, theirs = rng.normal(0, 1, (2, 6, 4, 3)).astype(np.float32)
    return Lesson(
        student, teacher, np.int32([0, 1, 2, 3, 4, 0]), (FeaturePair(ours, ours, theirs),)
    )


def supervised(lesson):
    z = np.float64(lesson.student_logits)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(6), lesson.labels]).mean()


def choose(classes=5, **settings):
    config = parse_config({"distill": settings}, source="here")
    return choose_objective(config.distill, classes)


CLASSIFICATION = [name for name, row in LOSSES.items() if row.task == "classification"]


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_alone_a_loss_stands_beside_the_labels(lesson, name):
    row = LOSSES[name]
    taught = float(row(lesson, **row.options))
    found = float(choose(loss=name)(lesson))
    assert found == pytest.approx(row.labels * supervised(lesson) + row.weight * taught, rel=1e-5)
    for alpha in (0.0, 0.3, 1.0):
        found = float(choose(loss=name, alpha=alpha)(lesson))
        assert found == pytest.approx((1 - alpha) * supervised(lesson) + alpha * taught, rel=1e-5)


def test_a_sum_has_the_weights_that_are_written(lesson):
    losses = {"ls_kd": 0.5, "labels": 0.25, "attention": 3.0, "dkd": {"weight": 2.0, "beta": 1.0}}
    objective = choose(losses=losses, temperature=3.0)
    expected = (
        0.25 * supervised(lesson)
        + 0.5 * float(LOSSES["ls_kd"](lesson, temperature=3.0))
        + 3.0 * float(LOSSES["attention"](lesson))
        + 2.0 * float(LOSSES["dkd"](lesson, temperature=3.0, alpha=1.0, beta=1.0))
    )
    assert float(objective(lesson)) == pytest.approx(expected, rel=1e-5)
    assert objective.name == "ls_kd + attention + dkd"
    assert objective.weights == {"labels": 0.25, "ls_kd": 0.5, "attention": 3.0, "dkd": 2.0}
    assert objective.alpha == pytest.approx(5.5 / 5.75)
    assert objective.temperature == 3.0


def test_a_loss_of_features_is_summed_over_the_pairs(lesson):
    twice = Lesson(lesson.student_logits, lesson.teacher_logits, lesson.labels, 2 * lesson.features)
    for name in ("hint", "attention", "rkd"):
        once = float(LOSSES[name](lesson))
        assert float(LOSSES[name](twice)) == pytest.approx(2 * once, rel=1e-6)


def test_a_weight_that_comes_in_slowly(lesson):
    losses = {"kd": {"weight": 2.0, "warmup_epochs": 4}, "labels": 1.0}
    objective = choose(losses=losses)
    taught = float(LOSSES["kd"](lesson, temperature=2.0))
    for epoch, share in ((0.0, 0.0), (1.0, 0.25), (4.0, 1.0), (9.0, 1.0)):
        now = Lesson(lesson.student_logits, lesson.teacher_logits, lesson.labels, epoch=epoch)
        expected = supervised(lesson) + 2.0 * share * taught
        assert float(objective(now)) == pytest.approx(expected, rel=1e-5)


def test_without_a_teacher_no_logits_are_needed(lesson):
    alone = choose(loss="ls_kd").without_teacher()
    assert alone == Objective(1.0)
    nobody = Lesson(lesson.student_logits, np.zeros((6, 0), np.float32), lesson.labels)
    assert float(alone(nobody)) == pytest.approx(supervised(lesson), rel=1e-6)


def test_on_logits_alone_terms_of_features_are_left_out():
    both = choose(losses={"ls_kd": 0.9, "hint": 5.0, "labels": 0.1})
    assert both.compares_features
    assert both.needs("hints")
    assert not both.needs("maps")
    assert both.on_logits() == choose(losses={"ls_kd": 0.9, "labels": 0.1})
    assert choose(losses={"hint": 1.0}).on_logits() == Objective(1.0)


@pytest.mark.parametrize(
    ("classes", "expected"), [(2, "kd"), (3, "kd"), (4, "ls_kd"), (10, "ls_kd")]
)
def test_left_to_itself_the_loss_suits_the_number_of_classes(classes, expected):
    labels, weight, temperature = {"kd": (0.5, 0.5, 1.0), "ls_kd": (0.01, 0.99, 2.0)}[expected]
    term = Term(expected, weight, {"temperature": temperature})
    assert choose_objective(DistillConfig(), classes) == Objective(labels, (term,))


@pytest.mark.parametrize("loss", ["auto", "kd"])
def test_layers_that_no_loss_compares_are_refused(loss):
    config = DistillConfig(loss=loss, features={"conv": "conv_1"})
    with pytest.raises(ConfigError, match=r"distill.features: layers are named, and '.*' compares"):
        choose_objective(config, classes=10)


def test_what_is_configured_is_obeyed():
    term = Term("ls_kd", 0.0, {"temperature": 5.0})
    assert choose(loss="ls_kd", temperature=5.0, alpha=0.0) == Objective(1.0, (term,))


@pytest.mark.parametrize("name", ["ls_kd", "dkd", "dist"])
def test_two_classes_are_too_few_for_some(name):
    for settings in ({"loss": name}, {"losses": {"kd": 1.0, name: 0.5}}):
        with pytest.raises(ConfigError, match=f"'{name}' says nothing with 2 classes: .*'kd'"):
            choose(classes=2, **settings)
        assert choose(classes=3, **settings)


def test_a_loss_of_another_task_is_refused():
    with pytest.raises(ConfigError, match="'regression' is for regression, not for classification"):
        find_loss("regression", classes=5)
    assert find_loss("regression", classes=1, task="regression") is LOSSES["regression"]
    with pytest.raises(ConfigError, match="there is no loss 'rgression'"):
        find_loss("rgression", classes=5)


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        ({"kd": {"weigth": 1.0}}, "'kd' has no option 'weigth'. It has: temperature, "),
        ({"attention": {"temperature": 2.0}}, "'attention' has no option 'temperature'"),
        ({"labels": {"weight": 1.0}}, "'labels' has a weight alone"),
        ({"kd": 0.0, "labels": 0.0}, "every weight is 0"),
    ],
)
def test_a_sum_that_makes_no_sense_is_refused(losses, message):
    with pytest.raises(ConfigError, match=message):
        choose(losses=losses)


@pytest.mark.parametrize("name", LOSSES)
def test_every_row_is_documented_and_its_options_are_its_parameters(name):
    row = LOSSES[name]
    assert "Source: " in row.compute.__doc__
    defaults = {
        key: parameter.default
        for key, parameter in inspect.signature(row.compute).parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }
    assert dict(row.options) == defaults
    assert bool(row.few_classes) == (row.min_classes > 2)


def test_the_documentation_has_every_loss_with_its_weights_and_options():
    text = (Path(__file__).parents[2] / "docs" / "distillation.md").read_text()
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines()]
    table = {row[1]: row[2:5] for row in rows if len(row) == 8 and row[1].startswith("`")}
    assert table == {
        f"`{name}`": [
            f"{row.weight:g}",
            f"{row.labels:g}",
            ", ".join(f"{key} {value:g}" for key, value in row.options.items()),
        ]
        for name, row in LOSSES.items()
        if row.task == "classification"
    }
    assert all(f"`{name}`" in text for name in LOSSES)
