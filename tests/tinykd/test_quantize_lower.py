"""Every layer that tensorflow_model_optimization has no int8 for is rewritten, and becomes int8."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tinykd
from tinykd.convert import convert_ptq, convert_qat
from tinykd.errors import QuantizationError
from tinykd.litert import make_interpreter, quantize_input, run_litert
from tinykd.quantization.layers import REMEDIES, SUPPORTED
from tinykd.quantization.qat import calibrate, inference_form, quantization_aware
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


def test_a_batch_norm_in_front_of_padding_is_refused_and_without_offset_is_not():
    def student(offset):
        return image(L.Rescaling(0.5, offset, name="odd"), L.Conv2D(2, 3, padding="same"))()

    inference_form(student(0.0))
    with pytest.raises(QuantizationError, match=r"'odd' .*pads it with zeros"):
        inference_form(student(0.5))


def test_every_layer_is_in_the_documentation():
    text = (Path(__file__).parents[2] / "docs" / "quantization.md").read_text(encoding="utf-8")
    names = {kind.__name__ for kind in SUPPORTED} | set(REMEDIES)
    assert not {name for name in names if f"`{name}`" not in text} - {"InputLayer", "TFOpLambda"}
