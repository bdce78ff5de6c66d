"""What the teacher tells: closed forms against NumPy, and the properties they were chosen for."""

import numpy as np
import pytest
import tensorflow as tf

from tinykd.config import DistillConfig
from tinykd.losses import (
    DEFAULT_ALPHA,
    LOSSES,
    Objective,
    choose_objective,
    soft_target_kl,
    standardized_kl,
    without_teacher,
)
from tinykd.teachers.load import as_logits


@pytest.fixture
def logits():
    """Student and teacher logits, float32 [6, 5], and labels."""
    rng = np.random.default_rng(0)
    student, teacher = rng.normal(0, (2.0, 6.0), (6, 5, 2)).astype(np.float32).transpose(2, 0, 1)
    return student, teacher, np.array([0, 1, 2, 3, 4, 0], np.int32)


def softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)


def kl(student, teacher, temperature):
    """Hinton, Vinyals and Dean, 2015, in double precision and one sample at a time."""
    total = 0.0
    for z_s, z_t in zip(np.float64(student), np.float64(teacher), strict=True):
        p, q = softmax(z_t / temperature), softmax(z_s / temperature)
        total += sum(p[k] * np.log(p[k] / q[k]) for k in range(len(p)))
    return temperature**2 * total / len(student)


def standardize(z):
    """Sun et al., 2024, equation 8: population deviation."""
    z = np.float64(z)
    return (z - z.mean(axis=1, keepdims=True)) / z.std(axis=1, keepdims=True)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0, 4.0, 20.0])
def test_soft_targets_are_the_scaled_divergence(logits, temperature):
    student, teacher, _ = logits
    loss = float(soft_target_kl(student, teacher, temperature))
    assert loss == pytest.approx(kl(student, teacher, temperature), rel=1e-4)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 4.0])
def test_standardised_logits_are_the_divergence_of_the_standardised(logits, temperature):
    student, teacher, _ = logits
    loss = float(standardized_kl(student, teacher, temperature))
    expected = kl(standardize(student), standardize(teacher), temperature)
    assert loss == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", LOSSES)
def test_a_student_that_agrees_has_nothing_to_learn(logits, name):
    _, teacher, _ = logits
    assert float(LOSSES[name](teacher, teacher, 2.0)) == pytest.approx(0.0, abs=1e-6)


def gradient(loss, student, *arguments):
    student = tf.constant(student)
    with tf.GradientTape() as tape:
        tape.watch(student)
        value = loss(student, *arguments)
    return tape.gradient(value, student).numpy()


def test_the_gradient_is_the_difference_of_the_softmaxes_times_the_temperature(logits):
    student, teacher, _ = logits
    for temperature in (1.0, 4.0):
        found = gradient(soft_target_kl, student, teacher, temperature)
        difference = softmax(student / temperature) - softmax(teacher / temperature)
        np.testing.assert_allclose(found, temperature * difference / 6, atol=1e-6)


def test_gradients_keep_their_size_when_the_temperature_changes(logits):
    """Without the factor of T squared they would be 16 times smaller at T = 4."""
    student, teacher, _ = logits
    small = 0.1  # in the limit of small logits the gradient does not depend on T at all
    at_1 = np.linalg.norm(gradient(soft_target_kl, small * student, small * teacher, 1.0))
    at_4 = np.linalg.norm(gradient(soft_target_kl, small * student, small * teacher, 4.0))
    assert at_4 == pytest.approx(at_1, rel=0.2)


def test_standardised_logits_know_neither_size_nor_shift(logits):
    student, teacher, _ = logits
    rng = np.random.default_rng(1)
    size, shift = np.float32(rng.uniform(0.1, 10, (6, 1))), np.float32(rng.normal(0, 5, (6, 1)))
    plain = float(standardized_kl(student, teacher, 2.0))
    assert float(standardized_kl(size * student + shift, teacher, 2.0)) == pytest.approx(
        plain, rel=1e-4
    )
    assert float(standardized_kl(student, size * teacher + shift, 2.0)) == pytest.approx(
        plain, rel=1e-4
    )
    assert float(soft_target_kl(size * student + shift, teacher, 2.0)) != pytest.approx(
        float(soft_target_kl(student, teacher, 2.0)), rel=0.1
    )


def test_with_two_classes_standardised_logits_say_only_which(logits):
    student, teacher, _ = logits
    student, teacher = np.abs(student[:, :2]) * [1, -1], np.abs(teacher[:, :2]) * [1, -1]
    assert float(standardized_kl(np.float32(student), np.float32(teacher), 2.0)) < 1e-6
    assert float(soft_target_kl(np.float32(student), np.float32(teacher), 2.0)) > 0.01


def test_equal_logits_have_no_deviation_and_yet_a_gradient():
    loss = gradient(standardized_kl, np.zeros((2, 4), np.float32), np.float32(np.eye(4)[:2]), 2.0)
    assert np.isfinite(loss).all()


@pytest.mark.parametrize("name", LOSSES)
def test_probabilities_teach_what_their_logits_teach(logits, name):
    """A temperature on probabilities themselves would be another, wrong loss."""
    student, teacher, _ = logits
    teacher = teacher / 3
    from_logits = float(LOSSES[name](student, teacher, 4.0))
    from_probabilities = float(LOSSES[name](student, as_logits(softmax(teacher)), 4.0))
    assert from_probabilities == pytest.approx(from_logits, rel=1e-4)
    assert float(LOSSES[name](student, softmax(teacher), 4.0)) != pytest.approx(
        from_logits, rel=0.01
    )


def test_the_objective_weighs_teacher_and_labels(logits):
    student, teacher, labels = logits
    supervised = -np.log(softmax(student)[np.arange(6), labels]).mean()
    for name, loss in LOSSES.items():
        taught = float(loss(student, teacher, 3.0))
        for alpha in (0.0, 0.3, 1.0):
            found = float(Objective(name, 3.0, alpha)(student, teacher, labels))
            assert found == pytest.approx((1 - alpha) * supervised + alpha * taught, rel=1e-5)


def test_without_a_teacher_no_logits_are_needed(logits):
    student, _, labels = logits
    alone = without_teacher(Objective("ls_kd", 2.0, 0.99))
    assert alone == Objective("ls_kd", 2.0, 0.0)
    supervised = -np.log(softmax(student)[np.arange(6), labels]).mean()
    assert float(alone(student, np.zeros((6, 0), np.float32), labels)) == pytest.approx(supervised)


@pytest.mark.parametrize(
    ("classes", "expected"), [(2, "kd"), (3, "kd"), (4, "ls_kd"), (10, "ls_kd")]
)
def test_left_to_itself_the_loss_suits_the_number_of_classes(classes, expected):
    assert choose_objective(DistillConfig(), classes) == Objective(
        expected, 2.0, DEFAULT_ALPHA[expected]
    )
    assert DEFAULT_ALPHA["kd"] == 0.98


def test_what_is_configured_is_obeyed():
    config = DistillConfig(loss="ls_kd", temperature=5.0, alpha=0.0)
    assert choose_objective(config, 2) == Objective("ls_kd", 5.0, 0.0)
