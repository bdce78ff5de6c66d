"""A Keras 3 student becomes the same model of tf_keras, or is refused by name."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tinykd
from tinykd.errors import StudentError
from tinykd.quantization.qat import inference_form
from tinykd.students.files import load_student
from tinykd.students.from_keras_3 import as_tf_keras
from tinykd.tflite_file import describe

L = keras.layers


def with_statistics(model):
    """Batch-norm as after training; fresh statistics would hide two that were exchanged."""
    rng = np.random.default_rng(0)
    for variable in model.variables:
        if "moving" in variable.path or "gamma" in variable.path:
            variable.assign(rng.uniform(0.5, 2.0, variable.shape))
    return model


def image_student():
    """Operators on tensors, a layer used twice, a nested model, an activation of another name."""
    keras.utils.set_random_seed(0)
    shared = L.MaxPooling2D(2, strides=1, padding="same")
    inner = keras.Sequential([L.Input((6, 6, 4)), L.LeakyReLU(negative_slope=0.1)], name="inner")
    inputs = L.Input((8, 8, 2), name="pixels")
    x = L.Conv2D(4, 3, name="stem")(inputs / 2.0 - 0.5)
    x = L.Activation("hard_silu")(L.BatchNormalization()(x))
    x = keras.ops.relu(shared(x) + shared(L.Conv2D(4, 1, activation="relu6")(x)))
    x = L.Conv2D(4, 6, activation="silu")(inner(x))
    return with_statistics(keras.Model(inputs, L.Dense(3, activation="softmax")(L.Flatten()(x))))


def sequence_student():
    """One-dimensional layers, arguments that a layer keeps beside its weights, regularization."""
    keras.utils.set_random_seed(0)
    normalization = L.Normalization()
    normalization.adapt(np.random.default_rng(0).normal(3.0, 2.0, (40, 16, 3)))
    body = [
        L.SeparableConv1D(4, 3, depthwise_initializer="he_normal", name="separable"),
        L.BatchNormalization(scale=False),
        L.PReLU("random_uniform", shared_axes=[1]),
        L.Conv1DTranspose(3, 3, strides=2, activation="elu"),
        L.UpSampling1D(2),
        L.GlobalAveragePooling1D(),
        L.Dropout(0.5),
        L.Dense(3, activation=tf.nn.relu, kernel_regularizer="l2"),
        L.Dense(2),
    ]
    return with_statistics(keras.Sequential([L.Input((16, 3)), normalization, *body]))


STUDENTS = pytest.mark.parametrize("build", [image_student, sequence_student])


@STUDENTS
def test_the_copy_answers_alike_and_becomes_int8(build):
    student = build()
    made = as_tf_keras(student)
    assert isinstance(made, tf_keras.Model)
    x = np.random.default_rng(1).normal(size=(8, *student.input_shape[1:])).astype(np.float32)
    expected = np.asarray(student(x, training=False))
    # float32 rounding of sums of some hundred terms
    np.testing.assert_allclose(made(x, training=False), expected, atol=1e-5)
    np.testing.assert_allclose(inference_form(made)(x), expected, atol=1e-4)
    names = {layer.name for layer in made.layers}
    assert {"stem", "separable"} & names  # an error can still name the user's layer


def test_a_model_of_tf_keras_is_left_alone():
    model = tf_keras.Sequential([tf_keras.layers.Dense(2, input_shape=(4,))])
    assert as_tf_keras(model) is model


def test_a_keras_3_student_is_quantized_and_so_is_its_file(blobs, tmp_path):
    x, y = blobs["x_train"].astype(np.float32), blobs["y_train"]
    keras.utils.set_random_seed(0)
    student = keras.Sequential(
        [
            L.Input(x.shape[1:]),
            L.Rescaling(1 / 255),
            L.Conv2D(4, 3, activation="relu"),
            L.Flatten(),
            L.Dense(4, activation="softmax"),
        ]
    )
    int8 = tinykd.quantize(student, (x, y), epochs=1, calibration_samples=64)
    operators = describe(int8.tflite).operators
    assert operators == ("CONV_2D", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX")
    student.save(tmp_path / "student.keras")
    opened = load_student(tmp_path / "student.keras")
    np.testing.assert_allclose(opened(x[:4]), np.asarray(student(x[:4])), atol=1e-5)


def on_vector(layer):
    return keras.Sequential([L.Input((4,)), layer], name="net")


def operation():
    inputs = L.Input((4,))
    return keras.Model(inputs, keras.ops.abs(inputs))


def called_by_name():
    inputs = L.Input((4,))
    return keras.Model(inputs, L.ReLU(name="odd")(inputs=inputs))


class Own(keras.Model):
    """Has no graph to rewrite."""


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: on_vector(L.Dense(2, activation="hard_sigmoid", name="odd")),
            "Dense at 'odd': tf_keras has no activation 'hard_sigmoid' that computes the same",
        ),
        (
            lambda: on_vector(L.RMSNormalization(name="odd")),
            "RMSNormalization at 'odd': tf_keras has no such layer",
        ),
        (lambda: on_vector(L.Lambda(lambda x: x, name="odd")), "Lambda at 'odd': what its"),
        (operation, "Absolute at '.*': tf_keras has no such operation"),
        (
            called_by_name,
            "ReLU at 'odd' is called with inputs=... by name. Give it without the name",
        ),
        (
            lambda: keras.Sequential([L.Dense(2)], name="net"),
            "'net' is .* never built",
        ),
        (lambda: Own(name="net"), "'net' is a subclassed"),
    ],
)
def test_what_has_no_counterpart_is_refused_by_name(build, message):
    with pytest.raises(StudentError, match=message):
        as_tf_keras(build())


def test_a_copy_that_answers_otherwise_is_refused(monkeypatch):
    """Where a library changes what a layer means, nobody else would notice."""
    monkeypatch.setattr(tf_keras.activations, "softplus", tf_keras.activations.relu)
    with pytest.raises(StudentError, match="'net': as a tf_keras model it answers up to 0"):
        as_tf_keras(on_vector(L.Dense(2, activation="softplus")))
