"""What the teacher tells of the classes: closed forms against NumPy, and what they promise."""

import numpy as np
import pytest
import tensorflow as tf

from tinykd.config import DistillConfig
from tinykd.lesson import Lesson
from tinykd.losses import LOSSES, choose_objective
from tinykd.losses.soft_targets import (
    soft_target_cross_entropy,
    soft_target_kl,
    standardized_kl,
)
from tinykd.probabilities import as_logits

LABELS = np.array([0, 1, 2, 3, 4, 0], np.int32)

OF_LOGITS = [name for name, row in LOSSES.items() if row.needs.startswith("logits")]
OF_CLASSES = [name for name in OF_LOGITS if LOSSES[name].task == "classification"]


@pytest.fixture
def logits():
    """Student and teacher logits, float32 [6, 5]."""
    rng = np.random.default_rng(0)
    student, teacher = rng.normal(0, (2.0, 6.0), (6, 5, 2)).astype(np.float32).transpose(2, 0, 1)
    return student, teacher


def evaluate(name, student, teacher, **options):
    """A row of the table on plain arrays."""
    row = LOSSES[name]
    labels = (LABELS,) if row.needs == "logits and labels" else ()
    return row.compute(student, teacher, *labels, **options)


def softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)


def divergence(p, q):
    return sum(p[k] * np.log(p[k] / q[k]) for k in range(len(p)))


def kl(student, teacher, temperature):
    """Hinton, Vinyals and Dean, 2015, in double precision and one sample at a time."""
    total = 0.0
    for z_s, z_t in zip(np.float64(student), np.float64(teacher), strict=True):
        total += divergence(softmax(z_t / temperature), softmax(z_s / temperature))
    return temperature**2 * total / len(student)


def kd_ce(student, teacher, temperature):
    """The divergence and the teacher's own entropy."""
    p = softmax(np.float64(teacher) / temperature)
    entropy = -(p * np.log(p)).sum(axis=1).mean()
    return kl(student, teacher, temperature) + temperature**2 * entropy


def standardize(z):
    """Sun et al., 2024, equation 8: population deviation."""
    z = np.float64(z)
    return (z - z.mean(axis=1, keepdims=True)) / z.std(axis=1, keepdims=True)


def dkd(student, teacher, temperature, alpha=1.0, beta=8.0):
    """Zhao et al., 2022, equations 1 to 7, one sample at a time."""
    total = 0.0
    for z_s, z_t, label in zip(np.float64(student), np.float64(teacher), LABELS, strict=True):
        p, q = softmax(z_t / temperature), softmax(z_s / temperature)
        target = divergence([p[label], 1 - p[label]], [q[label], 1 - q[label]])
        others = np.delete(p, label), np.delete(q, label)
        total += alpha * target + beta * divergence(*(o / o.sum() for o in others))
    return temperature**2 * total / len(student)


def dist(student, teacher, temperature, beta=1.0, gamma=1.0):
    """Huang et al., 2022, with NumPy's own correlation."""
    p, q = (softmax(np.float64(z) / temperature) for z in (teacher, student))
    rows = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(p, q, strict=True)])
    columns = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(p.T, q.T, strict=True)])
    return temperature**2 * (beta * (1 - rows) + gamma * (1 - columns))


CLOSED_FORMS = {
    "kd": kl,
    "kd_ce": kd_ce,
    "ls_kd": lambda s, t, temperature: kl(standardize(s), standardize(t), temperature),
    "dkd": dkd,
    "dist": dist,
}


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0, 4.0, 20.0])
@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_closed_forms(logits, name, temperature):
    """In double precision the difference is rounding; float32 loses digits where terms cancel."""
    exact = CLOSED_FORMS[name](*logits, temperature)
    double = evaluate(name, *map(np.float64, logits), temperature=temperature)
    assert float(double) == pytest.approx(exact, rel=1e-5)
    single = evaluate(name, *logits, temperature=temperature)
    assert float(single) == pytest.approx(exact, rel=1e-3 if temperature > 4 else 1e-5)


def test_options_weigh_the_parts(logits):
    for alpha, beta in ((1.0, 0.0), (0.0, 1.0), (0.3, 4.0)):
        found = evaluate("dkd", *logits, temperature=2.0, alpha=alpha, beta=beta)
        assert float(found) == pytest.approx(dkd(*logits, 2.0, alpha, beta), rel=1e-5)
        found = evaluate("dist", *logits, temperature=2.0, beta=alpha, gamma=beta)
        assert float(found) == pytest.approx(dist(*logits, 2.0, alpha, beta), rel=1e-5)


def test_mse_of_logits_does_not_see_a_constant(logits):
    student, teacher = logits
    difference = np.float64(student) - teacher
    difference -= difference.mean(axis=1, keepdims=True)
    expected = np.mean(difference**2)
    assert float(evaluate("mse_logits", student, teacher)) == pytest.approx(expected, rel=1e-5)
    shifted = float(evaluate("mse_logits", student + 7, teacher))
    assert shifted == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", sorted(set(OF_CLASSES) - {"kd_ce"}))
def test_a_student_that_agrees_has_nothing_to_learn(logits, name):
    _, teacher = logits
    assert float(evaluate(name, teacher, teacher)) == pytest.approx(0.0, abs=1e-5)


def gradient(loss, student, *arguments, **options):
    student = tf.constant(student)
    with tf.GradientTape() as tape:
        tape.watch(student)
        value = loss(student, *arguments, **options)
    return tape.gradient(value, student).numpy()


def test_the_gradient_is_the_difference_of_the_softmaxes_times_the_temperature(logits):
    student, teacher = logits
    for temperature in (1.0, 4.0):
        found = gradient(soft_target_kl, student, teacher, temperature)
        difference = softmax(student / temperature) - softmax(teacher / temperature)
        np.testing.assert_allclose(found, temperature * difference / 6, atol=1e-6)


def test_cross_entropy_has_the_gradient_of_the_divergence(logits):
    for temperature in (1.0, 4.0):
        np.testing.assert_allclose(
            gradient(soft_target_cross_entropy, *logits, temperature),
            gradient(soft_target_kl, *logits, temperature),
            atol=1e-6,
        )


@pytest.mark.parametrize("name", ["kd", "kd_ce", "dkd"])
def test_gradients_keep_their_size_when_the_temperature_changes(logits, name):
    """Without the factor of T squared they would be 16 times smaller at T = 4."""
    small = [0.1 * z for z in logits]  # in the limit of small logits T does not matter at all
    sizes = [
        np.linalg.norm(
            gradient(lambda s, t=t: evaluate(name, s, small[1], temperature=t), small[0])
        )
        for t in (1.0, 4.0)
    ]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.25)


def test_standardised_logits_know_neither_size_nor_shift(logits):
    student, teacher = logits
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


def test_correlation_wants_probabilities_that_are_linear_not_equal(logits):
    _, teacher = logits
    p = softmax(np.float64(teacher))
    blurred = np.log(0.5 * p + 0.5 / 5)  # half way to a uniform distribution
    assert float(evaluate("dist", blurred, np.float64(teacher))) == pytest.approx(0.0, abs=1e-9)
    assert float(evaluate("kd", blurred, np.float64(teacher))) > 0.1


@pytest.mark.parametrize("name", ["ls_kd", "dkd", "dist"])
def test_with_two_classes_some_losses_say_only_which_or_nothing(logits, name):
    """Why the table refuses them: a teacher that is surer changes nothing or one part alone."""
    student, teacher = (np.float32([[a, -a] for a in np.abs(z[:, 0])]) for z in logits)
    options = {"alpha": 0.0} if name == "dkd" else {"gamma": 0.0} if name == "dist" else {}
    labels = (LABELS % 2,) if name == "dkd" else ()
    assert float(LOSSES[name].compute(student, teacher, *labels, **options)) < 1e-5
    assert float(soft_target_kl(student, teacher, 2.0)) > 0.01


@pytest.mark.parametrize("name", ["ls_kd", "dist", "dkd"])
def test_equal_logits_have_no_deviation_and_yet_a_gradient(name):
    labels = (np.int32([0, 1]),) if name == "dkd" else ()
    loss = gradient(
        LOSSES[name].compute, np.zeros((2, 4), np.float32), np.float32(np.eye(4)[:2]), *labels
    )
    assert np.isfinite(loss).all()


@pytest.mark.parametrize("name", ["kd", "kd_ce", "dkd", "dist"])
def test_a_teacher_that_is_quite_sure_gives_no_infinity(name):
    teacher = np.float32(np.eye(6, 5)) * 500
    student = np.float32(np.roll(np.eye(6, 5), 1, axis=1)) * 500
    assert np.isfinite(float(evaluate(name, student, teacher)))
    assert np.isfinite(gradient(lambda s: evaluate(name, s, teacher), student)).all()


@pytest.mark.parametrize("name", OF_CLASSES)
def test_probabilities_teach_what_their_logits_teach(logits, name):
    """A temperature on probabilities themselves would be another, wrong loss."""
    student, teacher = logits
    teacher = teacher / 3
    probabilities = softmax(teacher)
    options = {"temperature": 4.0} if "temperature" in LOSSES[name].options else {}

    def both(answers):
        value = float(evaluate(name, student, answers, **options))
        return value, gradient(lambda s: evaluate(name, s, answers, **options), student)

    from_logits, gradient_of_logits = both(teacher)
    from_probabilities, gradient_of_probabilities = both(as_logits(probabilities))
    assert from_probabilities == pytest.approx(from_logits, rel=1e-4)
    np.testing.assert_allclose(gradient_of_probabilities, gradient_of_logits, atol=1e-5)
    assert both(probabilities)[0] != pytest.approx(from_logits, rel=0.01)


def objective_of(task, name, **settings):
    config = DistillConfig(loss=name, **settings)
    return choose_objective(config, classes=5, task=task)


def huber(difference):
    size = np.abs(difference)
    return np.where(size <= 1, 0.5 * size**2, size - 0.5).mean()


def test_regression_weighs_targets_and_teacher(logits):
    student, teacher = logits
    targets = np.float32((student + teacher) / 2) + np.float32(np.linspace(-2, 2, 6)[:, None])
    lesson = Lesson(student, teacher, targets)
    taught = np.mean((student - teacher) ** 2)
    found = float(objective_of("regression", "regression", alpha=0.3)(lesson))
    assert found == pytest.approx(0.7 * huber(student - targets) + 0.3 * taught, rel=1e-5)
    half = objective_of("regression", "auto")
    assert (half.name, half.alpha) == ("regression", 0.5)
    alone = float(half.without_teacher()(lesson))
    assert alone == pytest.approx(huber(student - targets), rel=1e-5)
    worse = [
        np.sum((s - y) ** 2) + 2 > np.sum((t - y) ** 2)
        for s, t, y in zip(student, teacher, targets, strict=True)
    ]
    assert 0 < sum(worse) < 6
    bounded = np.mean(
        [np.sum((s - y) ** 2) * w for s, y, w in zip(student, targets, worse, strict=True)]
    )
    losses = {"bounded_regression": {"weight": 0.3, "margin": 2.0}, "labels": 0.7}
    objective = choose_objective(DistillConfig(losses=losses), classes=5, task="regression")
    found = float(objective(lesson))
    assert found == pytest.approx(0.7 * huber(student - targets) + 0.3 * bounded, rel=1e-5)


def test_several_labels_are_each_a_coin(logits):
    student, teacher = (np.float64(z) / 2 for z in logits)
    p, q = 1 / (1 + np.exp(-teacher / 2)), 1 / (1 + np.exp(-student / 2))
    expected = 4 * np.mean(p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q)))
    found = float(LOSSES["multi_label"].compute(student, teacher, temperature=2.0))
    assert found == pytest.approx(expected, rel=1e-5)
    labels = np.float32(np.arange(30).reshape(6, 5) % 3 == 0)
    halves = objective_of("multi_label", "auto")
    z = np.float64(logits[0])
    supervised = np.mean(np.log1p(np.exp(z)) - z * labels)
    alone = float(halves.without_teacher()(Lesson(logits[0], logits[1], labels)))
    assert alone == pytest.approx(supervised, rel=1e-5)
    sure = np.full((2, 3), 300.0, np.float32)
    assert np.isfinite(float(LOSSES["multi_label"].compute(-sure, sure)))


def test_autoencoders_learn_samples_and_scores(logits):
    student, teacher = logits
    samples = np.zeros_like(student)
    objective = choose_objective(
        DistillConfig(losses={"reconstruction": 0.5, "labels": 1.0}), classes=5, task="anomaly"
    )
    found = float(objective(Lesson(student, teacher, samples)))
    expected = np.mean(student**2) + 0.5 * np.mean((student - teacher) ** 2)
    assert found == pytest.approx(expected, rel=1e-5)
    assert objective_of("anomaly", "auto").weights == {"labels": 1.0, "reconstruction": 1.0}
    score, taught = student[:, :1], teacher[:, :1]
    size = np.abs(score - taught)
    expected = np.where(size <= 2, 0.5 * size**2, 2 * (size - 1)).mean()
    assert float(LOSSES["score"].compute(score, taught, delta=2.0)) == pytest.approx(
        expected, rel=1e-5
    )
