"""What the teacher tells of its inside: closed forms against NumPy, and what they promise."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tinykd.losses.features import attention, hint, relations


@pytest.fixture
def features():
    """Student's and teacher's: [5, 6, 3] and [5, 6, 4], with their exact values in float64."""
    rng = np.random.default_rng(0)
    return rng.normal(0, 2, (5, 6, 3)), rng.normal(0, 1, (5, 6, 4))


def attention_maps(features):
    maps = (features**2).mean(axis=2)
    return maps / np.linalg.norm(maps, axis=1, keepdims=True)


def huber(difference):
    size = abs(difference)
    return 0.5 * size**2 if size <= 1 else size - 0.5


def distances(points):
    pairs = np.array([[np.linalg.norm(a - b) for b in points] for a in points])
    return pairs / pairs[pairs > 0].mean()


def angles(points):
    """Cosines, 0 where two of the three are the same point."""
    found = np.zeros((len(points),) * 3)
    for i, j, k in itertools.product(range(len(points)), repeat=3):
        if i != j and k != j:
            e, f = points[i] - points[j], points[k] - points[j]
            found[j, i, k] = e @ f / np.linalg.norm(e) / np.linalg.norm(f)
    return found


def test_a_hint_is_the_mean_squared_difference(features):
    student, teacher = features[0], features[1][..., :3]
    assert float(hint(student, teacher)) == pytest.approx(np.mean((student - teacher) ** 2))


def test_attention_compares_where_each_network_looks(features):
    expected = np.sum((attention_maps(features[0]) - attention_maps(features[1])) ** 2) / 5
    assert float(attention(*features)) == pytest.approx(expected, rel=1e-6)
    assert float(attention(*map(np.float32, features))) == pytest.approx(expected, rel=1e-5)
    assert float(attention(7 * features[1], features[1])) == pytest.approx(0.0, abs=1e-12)


def test_relations_compare_distances_and_angles(features):
    ours, theirs = (f.reshape(5, -1) for f in features)
    by_distance = np.mean([huber(a) for a in (distances(ours) - distances(theirs)).flat])
    by_angle = np.mean([huber(a) for a in (angles(ours) - angles(theirs)).flat])
    assert float(relations(*features, 1.0, 0.0)) == pytest.approx(by_distance, rel=1e-6)
    assert float(relations(*features, 0.0, 1.0)) == pytest.approx(by_angle, rel=1e-6)
    single = float(relations(*map(np.float32, features), 25.0, 50.0))
    assert single == pytest.approx(25 * by_distance + 50 * by_angle, rel=1e-5)


def test_relations_know_neither_size_nor_place_nor_direction(features):
    _, teacher = features
    rotation = np.linalg.qr(np.random.default_rng(1).normal(0, 1, (24, 24)))[0]
    moved = (3 * teacher.reshape(5, 24) @ rotation + 5).reshape(5, 6, 4)
    assert float(relations(moved, teacher)) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("loss", [hint, attention, relations])
def test_equal_samples_have_a_gradient_without_infinity(loss):
    student = tf.zeros((4, 2, 3))
    with tf.GradientTape() as tape:
        tape.watch(student)
        value = loss(student, tf.ones((4, 2, 3)))
    assert np.isfinite(float(value))
    assert np.isfinite(tape.gradient(value, student).numpy()).all()
