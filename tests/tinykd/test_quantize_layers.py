"""Which students quantization-aware training takes, and what it says of the others."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tinykd.errors import QuantizationError
from tinykd.quantization.fold import fold_batch_norm
from tinykd.quantization.layers import REMEDIES, SUPPORTED, check_quantizable
from tinykd.quantization.qat import quantization_aware
from tinykd.students.architectures import STUDENTS

L = tf_keras.layers


def network(body, shape=(8, 8, 2)):
    inputs = L.Input(shape, name="input")
    return tf_keras.Model(inputs, body(inputs), name="net")


def on_sequence(layer):
    return lambda: network(lambda x: layer(x), shape=(16, 4))


def on_image(layer):
    return lambda: network(lambda x: layer(x))


def merged(layer):
    return lambda: network(lambda x: layer([x, L.Conv2D(2, 1)(x)]))


# What tensorflow_model_optimization 0.8.1 refuses, or accepts and leaves float, and we refuse too.
REFUSED = {
    "Lambda": on_image(L.Lambda(lambda x: x, name="culprit")),
    "Maximum": merged(L.Maximum(name="culprit")),
    "LayerNormalization": on_image(L.LayerNormalization(name="culprit")),
    "Embedding": lambda: network(L.Embedding(10, 4, name="culprit"), shape=(16,)),
    "LSTM": on_sequence(L.LSTM(4, name="culprit")),
    "GRU": on_sequence(L.GRU(4, name="culprit")),
    "SimpleRNN": on_sequence(L.SimpleRNN(4, name="culprit")),
    "Bidirectional": on_sequence(L.Bidirectional(L.LSTM(4), name="culprit")),
    "MultiHeadAttention": lambda: network(
        lambda x: L.MultiHeadAttention(2, 4, name="culprit")(x, x), shape=(16, 4)
    ),
    "TimeDistributed": on_sequence(L.TimeDistributed(L.Dense(4), name="culprit")),
    "Resizing": on_image(L.Resizing(4, 4, name="culprit")),
    "RandomFlip": on_image(L.RandomFlip(name="culprit")),
    "RandomTranslation": on_image(L.RandomTranslation(0.1, 0.1, name="culprit")),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_layer_is_named_with_its_remedy(kind):
    with pytest.raises(QuantizationError) as error:
        quantization_aware(REFUSED[kind]())
    assert str(error.value).startswith(f"{kind} at 'culprit': ")
    assert str(error.value).endswith(REMEDIES[kind])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (lambda x: x[:, :4], r"SlicingOpLambda at '.*': .*Reshape in place of indexing"),
        (tf.abs, r"TFOpLambda at '.*': 'math.abs' is not trained in int8"),
        (lambda x: x / L.Conv2D(2, 1)(x), "divides tensors"),
        (lambda x: 1.0 / x, "divides by a tensor"),
        (lambda x: x + np.ones((8, 8, 2), np.float32), "the constant has another shape"),
    ],
)
def test_operator_on_a_tensor_is_refused_with_the_layer_to_use(body, message):
    with pytest.raises(QuantizationError, match=message):
        quantization_aware(network(body))


def test_every_remedy_is_for_a_layer_that_is_refused():
    assert not {layer.__name__ for layer in SUPPORTED} & set(REMEDIES)


def test_a_layer_nobody_thought_of_lists_the_supported_ones():
    class Unheard(L.Layer):
        def call(self, x):
            return x

    with pytest.raises(
        QuantizationError, match=r"Unheard at 'odd': .* Use one of: .*DepthwiseConv"
    ):
        quantization_aware(network(Unheard(name="odd")))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (lambda x: L.Dense(4, "gelu", name="odd")(x), "Dense at 'odd': activation 'gelu'.*swish"),
        (lambda x: L.Conv2D(4, 1, activation="hard_sigmoid", name="odd")(x), "'hard_sigmoid'"),
        (lambda x: L.Activation("selu", name="odd")(x), "Activation at 'odd': activation 'selu'"),
        (lambda x: L.PReLU(name="odd")(x), r"PReLU at 'odd': .*shared_axes=\[1, 2\]"),
        (
            lambda x: L.PReLU(tf_keras.initializers.Constant(1.5), shared_axes=[1, 2], name="odd")(
                x
            ),
            "PReLU at 'odd': a slope is 1.5",
        ),
        (lambda x: L.ReLU(1.0, name="odd")(L.Dense(4)(x)), "ReLU at 'odd': only ReLU"),
        (lambda x: L.ELU(0.5, name="odd")(x), "ELU at 'odd': alpha is 0.5"),
        (
            lambda x: L.Conv2DTranspose(2, 3, dilation_rate=2, name="odd")(x),
            r"Conv2DTranspose at 'odd': dilation_rate is \(2, 2\)",
        ),
        (
            lambda x: L.Concatenate(name="joined")(
                [L.Conv2D(2, 1)(x), L.Conv2D(2, 1, activation="elu", name="odd")(x)]
            ),
            "Concatenate at 'joined': 'odd_activation' is .* elu",
        ),
        (lambda x: L.BatchNormalization(name="odd")(x), "'odd' .* it is the output"),
        (
            lambda x: L.Conv2D(2, 3, padding="same", name="next")(
                L.BatchNormalization(beta_initializer="ones", name="odd")(
                    L.Conv2D(4, 1, activation="relu")(x)
                )
            ),
            "'odd' .*: 'next' pads it with zeros.* order them Conv2D, BatchNormalization, ReLU",
        ),
        (
            lambda x: L.Conv2D(2, 3, padding="same", name="next")(
                L.Rescaling(2.0, 1.0, name="odd")(x)
            ),
            "'odd' scales and shifts .* 'next' pads it with zeros, use padding='valid' there",
        ),
        (
            lambda x: L.Add(name="sum")(
                [x, L.BatchNormalization(name="odd")(L.Add()([x, L.Conv2D(2, 1)(x)]))]
            ),
            r"'odd' .*: 'sum' \(Add\) reads it",
        ),
        (
            lambda x: L.Concatenate(name="joined")([x, L.Conv2D(2, 1)(x)]),
            "Concatenate at 'joined': 'input' is the student's input, is read elsewhere",
        ),
        (
            lambda x: L.Concatenate(name="joined")(
                [L.Conv2D(2, 1)(x), L.Conv2D(2, 1, activation="tanh", name="odd")(x)]
            ),
            "Concatenate at 'joined': 'odd_activation' is",
        ),
        (
            lambda x: L.BatchNormalization(axis=1, name="odd")(L.Conv2D(4, 1)(x)),
            r"BatchNormalization at 'odd': axis is \[1\]",
        ),
        (lambda x: L.ReLU(name="odd")(L.MaxPooling2D()(x)), "ReLU at 'odd': must directly follow"),
    ],
)
def test_a_supported_layer_used_the_wrong_way_is_refused(body, message):
    with pytest.raises(QuantizationError, match=message):
        quantization_aware(network(body))


def test_relu_on_a_tensor_that_is_read_elsewhere_too_is_refused():
    def body(x):
        x = L.Conv2D(2, 1)(x)
        return L.Add()([x, L.ReLU(name="odd")(x)])

    with pytest.raises(QuantizationError, match="ReLU at 'odd'"):
        quantization_aware(network(body))


def test_a_layer_used_twice_is_refused():
    shared = L.Conv2D(2, 1, name="odd")
    with pytest.raises(QuantizationError, match="Conv2D at 'odd': is used more than once"):
        quantization_aware(network(lambda x: shared(shared(x))))


def test_uses_of_a_layer_in_other_models_do_not_count():
    student = network(lambda x: L.Conv2D(2, 1)(x))
    student(L.Input((8, 8, 2)))  # as a tap on a hidden layer would
    check_quantizable(student)


def test_two_outputs_are_refused():
    inputs = L.Input((4,))
    student = tf_keras.Model(inputs, [L.Dense(2)(inputs), L.Dense(2)(inputs)], name="forked")
    with pytest.raises(QuantizationError, match="'forked' has 1 inputs and 2 outputs"):
        quantization_aware(student)


def test_subclassed_and_keras_3_models_are_refused():
    class Own(tf_keras.Model):
        def call(self, x):
            return x

    with pytest.raises(QuantizationError, match=r"subclassed tf_keras\.Model"):
        quantization_aware(Own())
    with pytest.raises(QuantizationError, match="takes those of Keras 3 too"):
        quantization_aware(keras.Sequential([keras.layers.Dense(2)]))


def with_random_statistics(model, seed=0):
    """Batch-norm as after training; a fresh one would hide an error in the folding."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, L.BatchNormalization):
            for name in ("gamma", "moving_variance", "beta", "moving_mean"):
                variable = getattr(layer, name)
                if variable is not None:
                    low = -1.0 if name in {"beta", "moving_mean"} else 0.3
                    variable.assign(rng.uniform(low, 2.0, variable.shape))
        elif layer.get_weights():
            layer.set_weights([rng.normal(size=w.shape) * 0.3 for w in layer.get_weights()])
    return model


FOLDED = {
    **{name: lambda build=build: build((8, 8), 5, 0.5) for name, build in STUDENTS.items()},
    "dense": lambda: network(
        lambda x: L.ReLU()(L.BatchNormalization()(L.Dense(6)(L.Flatten()(x))))
    ),
    "without scale, center, bias": lambda: network(
        lambda x: L.BatchNormalization(scale=False)(
            L.Conv2D(4, 1)(L.BatchNormalization(center=False)(L.Conv2D(3, 3, use_bias=False)(x)))
        )
    ),
    "depth multiplier": lambda: network(
        lambda x: L.ReLU(6.0)(L.BatchNormalization()(L.DepthwiseConv2D(3, depth_multiplier=3)(x)))
    ),
    "activation layer": lambda: network(
        lambda x: L.Activation(tf.nn.relu6)(L.BatchNormalization()(L.Conv2D(4, 3)(x)))
    ),
    "dropout": lambda: network(lambda x: L.Dense(3)(L.Dropout(0.5)(L.Dense(4)(x)))),
}


@pytest.mark.parametrize("name", FOLDED)
def test_folding_keeps_the_function_and_leaves_no_batch_norm(name):
    student = with_random_statistics(FOLDED[name]())
    before = [weight.copy() for weight in student.get_weights()]
    x = np.random.default_rng(1).normal(size=(16, *student.input_shape[1:])).astype(np.float32)
    folded = fold_batch_norm(student)
    expected = student(x, training=False).numpy()
    # float32 rounding of sums of some hundred terms
    np.testing.assert_allclose(folded(x).numpy(), expected, atol=2e-5 * np.abs(expected).max())
    kinds = {type(layer) for layer in folded.layers}
    assert not kinds & {L.BatchNormalization, L.Dropout}
    assert {layer.name for layer in folded.layers} <= {layer.name for layer in student.layers}
    assert all(np.array_equal(a, b) for a, b in zip(before, student.get_weights(), strict=True))


def test_a_layer_without_weights_may_be_used_twice():
    relu = L.ReLU()
    quantization_aware(network(lambda x: relu(L.Conv2D(2, 1)(relu(L.Conv2D(2, 1)(x))))))


def test_a_layer_inside_a_nested_model_is_refused_by_name():
    inner = tf_keras.Sequential([L.Conv2D(2, 1), L.LayerNormalization(name="culprit")])
    with pytest.raises(QuantizationError, match="LayerNormalization at 'culprit'"):
        quantization_aware(network(inner))
