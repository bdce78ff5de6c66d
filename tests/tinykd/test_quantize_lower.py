"""Every layer that tensorflow_model_optimization has no int8 for is rewritten, and becomes int8."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tinykd
from firmware_export.verify import verify_tflite
from tinykd.convert import convert_ptq, convert_qat
from tinykd.elu import make_elu_int8
from tinykd.errors import QuantizationError
from tinykd.litert import make_interpreter, quantize_input, run_litert
from tinykd.quantization.layers import REMEDIES, SUPPORTED
from tinykd.quantization.qat import calibrate, inference_form, quantization_aware, up_to_logits
from tinykd.tflite_file import describe

L = tf_keras.layers


def image(*layers):
    return _chain((8, 8, 4), layers)


def sequence(*layers):
    return _chain((16, 4), layers)


def vector(*layers):
    return _chain((16,), layers)


def _chain(shape, layers):
    def build():
        inputs = x = L.Input(shape, name="input")
        for layer in layers:
            x = layer(x)
        x = L.Flatten()(x) if len(x.shape) > 2 else x
        return tf_keras.Model(inputs, L.Dense(5, name="logits")(x), name="net")

    return build


def squeeze_and_excite(x):
    """Hu et al. 2018: every channel times a gate of its own."""
    gate = L.GlobalAveragePooling2D(keepdims=True)(x)
    gate = L.Conv2D(2, 1, activation="relu")(gate)
    return L.Multiply()([x, L.Conv2D(x.shape[-1], 1, activation="sigmoid")(gate)])


def elu_residual(x):
    x = L.Conv2D(4, 3, activation="elu")(x)
    return L.Add()([x, L.Permute((2, 1, 3))(x)])


def joined(x):
    return L.Concatenate()([L.Conv2D(4, 1)(x), L.MaxPooling2D(1)(L.Conv2D(2, 1)(x))])


def difference(x):
    return L.ReLU()(L.Subtract()([L.Conv2D(4, 1)(x), L.Conv2D(4, 1)(x)]))


def operators(x):
    return tf.nn.relu(L.Conv2D(4, 1)(x / 2.0 - 0.5) + L.Conv2D(4, 1)(1.0 - x))


def backbone(x):
    inner = tf_keras.Sequential([L.Conv2D(4, 3, name="conv"), L.BatchNormalization(), L.ReLU()])
    inner.build((None, 8, 8, 4))
    return L.Conv2D(3, 1, name="conv")(inner(x))


LAYERS = {
    "Conv1D": sequence(L.Conv1D(6, 3), L.BatchNormalization(), L.ReLU(), L.MaxPooling1D()),
    "Conv1D, causal": sequence(
        L.Conv1D(6, 3, padding="causal", dilation_rate=2, activation="relu"),
        L.GlobalAveragePooling1D(),
    ),
    "DepthwiseConv1D": sequence(L.DepthwiseConv1D(3, strides=2), L.AveragePooling1D()),
    "SeparableConv1D": sequence(
        L.SeparableConv1D(6, 3, strides=2, activation="swish"), L.GlobalMaxPooling1D()
    ),
    "SeparableConv2D": image(L.SeparableConv2D(6, 3, depth_multiplier=2, activation="relu")),
    "Dense on a sequence": sequence(L.Dense(6, activation="tanh")),
    "Dense, BatchNormalization": vector(L.Dense(6), L.BatchNormalization(), L.ReLU()),
    "Multiply": image(L.Conv2D(8, 3), squeeze_and_excite),
    "Subtract": image(difference),
    "Concatenate": image(joined),
    "operators": image(operators),
    "nested": image(backbone),
    "PReLU": image(L.Conv2D(4, 3), L.PReLU("random_uniform", shared_axes=[1, 2])),
    "PReLU on a vector": vector(L.Dense(4), L.PReLU("random_uniform")),
    "LeakyReLU": image(L.Conv2D(4, 3), L.LeakyReLU(0.1)),
    "ELU": image(L.Conv2D(4, 3), L.ELU(), L.MaxPooling2D()),
    "ELU, read twice": image(elu_residual),
    "ELU of tf.nn, Reshape": image(
        L.Conv2D(4, 3, activation=tf.nn.elu), L.Reshape((36, 4)), L.Dense(3)
    ),
    "Conv2DTranspose": image(
        L.Conv2DTranspose(6, 3, strides=2, padding="same", bias_initializer="ones"),
        L.BatchNormalization(),
        L.ReLU(),
    ),
    "Conv2DTranspose without bias": image(
        L.Conv2DTranspose(
            3, 4, strides=3, padding="same", output_padding=1, use_bias=False, activation="relu"
        )
    ),
    "Conv2DTranspose after Rescaling": image(
        L.Rescaling(np.arange(1.0, 5.0)), L.Conv2DTranspose(2, 3, activation="elu")
    ),
    "Conv1DTranspose": sequence(L.Conv1DTranspose(5, 4, strides=3, activation="tanh")),
    "Permute": image(L.Conv2D(6, 3), L.Permute((2, 3, 1)), L.Conv2D(4, 3)),
    "Permute of a sequence": sequence(L.Permute((2, 1)), L.Conv1D(4, 3)),
    "hard swish": image(L.Conv2D(4, 3), L.Activation(tinykd.hard_swish)),
    "Rescaling": image(L.Rescaling(1 / 127.5, -1.0), L.Conv2D(4, 3, activation="relu")),
    "Normalization": vector(L.Normalization(mean=np.arange(16.0), variance=np.arange(1.0, 17.0))),
    "BatchNormalization after ReLU": image(
        L.Conv2D(4, 3, activation="relu"), L.BatchNormalization(), L.MaxPooling2D()
    ),
    "padding and upsampling": image(
        L.Conv2D(2, 1), L.ZeroPadding2D(), L.Conv2D(4, 3), L.UpSampling2D()
    ),
}


def built(name):
    """A student with the batch-norm statistics of a trained one, and samples."""
    tf_keras.utils.set_random_seed(0)
    student = LAYERS[name]()
    rng = np.random.default_rng(0)
    for layer in student.layers:
        if isinstance(layer, L.BatchNormalization):
            layer.set_weights([rng.uniform(0.3, 2.0, w.shape) for w in layer.get_weights()])
    return student, rng.random((64, *student.input_shape[1:]), np.float32)


def real_outputs(tflite, x):
    facts = describe(tflite)
    codes = run_litert(tflite, quantize_input(x, facts.input_scale, facts.input_zero_point))
    return (codes.astype(float) - facts.output_zero_point) * facts.output_scale


@pytest.mark.parametrize("name", LAYERS)
def test_rewritten_student_computes_the_same_and_becomes_all_int8(name):
    """``convert_qat`` refuses a float tensor, QUANTIZE, DEQUANTIZE, SHAPE, PACK, STRIDED_SLICE."""
    student, x = built(name)
    before = [weight.copy() for weight in student.get_weights()]
    expected = student(x, training=False).numpy()
    # float32 rounding of sums of some hundred terms
    np.testing.assert_allclose(
        inference_form(student)(x), expected, atol=1e-5 * np.abs(expected).max()
    )
    model = quantization_aware(student)
    calibrate(model, [x])
    tflite = convert_qat(model)
    step = describe(tflite).output_scale
    outputs = real_outputs(tflite, x)
    # A layer's rounding in float and in integers differs now and then by one step; measured: 2.
    assert np.abs(outputs - model(x, training=False)).max() <= 3.01 * step
    assert np.abs(outputs - expected).max() <= 6 * step  # measured: 2.5
    assert all(np.array_equal(a, b) for a, b in zip(before, student.get_weights(), strict=True))


def test_elu_transposed_convolution_and_permute_compile_to_the_bytes_of_tflm():
    student = image(
        L.Conv2DTranspose(3, 3, strides=2, activation="elu"),
        L.Permute((3, 1, 2)),
        L.Conv2D(4, 1, activation="relu"),
    )()
    x = np.random.default_rng(0).normal(size=(64, 8, 8, 4)).astype(np.float32)
    model = quantization_aware(student)
    calibrate(model, [x])
    for tflite in (convert_qat(model), convert_ptq(inference_form(student), x)):
        kinds = describe(tflite).operators
        assert kinds[:4] == ("TRANSPOSE_CONV", "ELU", "TRANSPOSE", "CONV_2D")
        assert verify_tflite(tflite, samples=8).equal


@pytest.mark.parametrize("head", ["softmax", "sigmoid"])
@pytest.mark.parametrize("end", ["layer", "activation", "function", "flattened"])
def test_fine_tuning_looks_at_the_logits_before_a_final_softmax_or_sigmoid(head, end):
    def ended(x):
        if end == "flattened":
            return L.Flatten()(L.Conv2D(4, 8, activation=head)(x))
        x = L.Dense(4)(L.Flatten()(x))
        return {
            "layer": L.Softmax() if head == "softmax" else L.Activation(head),
            "activation": L.Activation(getattr(tf.nn, head)),
            "function": getattr(tf.nn, head),
        }[end](x)

    inputs = L.Input((8, 8, 2), name="input")
    student = tf_keras.Model(inputs, ended(inputs), name="net")
    x = np.random.default_rng(0).random((16, 8, 8, 2), np.float32)
    logits = up_to_logits(inference_form(student))(x)
    assert logits.shape == (16, 4)
    expected = student(x)
    np.testing.assert_allclose(getattr(tf.nn, head)(logits), expected, atol=1e-5)  # float32 sums
    model = quantization_aware(student)
    calibrate(model, [x])
    coarse = getattr(tf.nn, head)(up_to_logits(model)(x))
    assert np.abs(coarse - expected).max() < 0.05
    facts = describe(convert_qat(model))
    assert (facts.output_scale, facts.output_zero_point) == (1 / 256, -128)


def test_a_float_file_with_elu_is_left_as_it_is():
    """Only what stands between DEQUANTIZE and QUANTIZE is known to be int8."""
    student = vector(L.Dense(4, activation="elu"))()
    tflite = tf.lite.TFLiteConverter.from_keras_model(student).convert()
    assert make_elu_int8(tflite) == tflite


@pytest.mark.parametrize("name", ["Conv1D", "Multiply", "Dense, BatchNormalization"])
def test_both_int8_forms_have_the_same_operators_and_weight_scales(name):
    """What is compared differs in its training alone: Dense has one scale in both."""
    student, x = built(name)
    model = quantization_aware(student)
    calibrate(model, [x])
    kernels = []
    for tflite in (convert_qat(model), convert_ptq(inference_form(student), x)):
        interpreter = make_interpreter(tflite)
        interpreter.allocate_tensors()
        kernels.append(
            {
                tensor["name"]: tensor["quantization_parameters"]["scales"]
                for tensor in interpreter.get_tensor_details()
                if tensor["name"].endswith("/kernel")
            }
        )
    qat, ptq = kernels
    assert set(qat) == set(ptq)
    for layer, scales in qat.items():
        np.testing.assert_allclose(scales, ptq[layer], rtol=1e-5, err_msg=layer)
    assert len(qat["logits/kernel"]) == 1


def test_softmax_and_sigmoid_have_the_ranges_that_tflite_prescribes():
    student = vector(L.Dense(4), L.Softmax())()
    student = tf_keras.Model(student.input, student.layers[-2].output)
    model = quantization_aware(student)
    calibrate(model, [np.random.default_rng(0).random((32, 16), np.float32)])
    facts = describe(convert_qat(model))
    assert facts.operators == ("FULLY_CONNECTED", "SOFTMAX")
    assert (facts.output_scale, facts.output_zero_point) == (1 / 256, -128)


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (lambda: L.Conv2D(2, 3, padding="same"), "pads it with zeros"),
        (lambda: L.Conv2DTranspose(2, 3), "spreads it"),
    ],
)
def test_an_offset_in_front_of_padding_is_refused_and_a_scale_is_not(after, why):
    def student(offset):
        return image(L.Rescaling(0.5, offset, name="odd"), after())()

    inference_form(student(0.0))
    with pytest.raises(QuantizationError, match=rf"'odd' .*{why}"):
        inference_form(student(0.5))


def test_every_layer_is_in_the_documentation():
    text = (Path(__file__).parents[2] / "docs" / "quantization.md").read_text(encoding="utf-8")
    names = {kind.__name__ for kind in SUPPORTED} | set(REMEDIES)
    assert not {name for name in names if f"`{name}`" not in text} - {"InputLayer", "TFOpLambda"}
