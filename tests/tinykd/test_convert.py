"""Conversion: everything int8, by name where it is not, and the same bytes again."""

import sys

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from ai_edge_litert import schema_py_generated as schema

from tinykd.convert import convert_ptq, convert_qat
from tinykd.errors import ConversionError
from tinykd.litert import make_interpreter, run_litert
from tinykd.quantization import scheme
from tinykd.quantization.qat import calibrate, quantization_aware
from tinykd.students.architectures import STUDENTS
from tinykd.tflite_file import check_full_integer, describe, fold_input_scale, fold_output_scale

L = tf_keras.layers

DS_BLOCK = ["DEPTHWISE_CONV_2D", "CONV_2D"]
RESIDUAL = ["CONV_2D", "CONV_2D", "ADD"]


def dense_with_batch_norm():
    """TensorFlow's own quantization-aware training leaves this one float inside."""
    inputs = L.Input((64,), name="input")
    x = L.ReLU(name="relu")(L.BatchNormalization(name="norm")(L.Dense(16, name="hidden")(inputs)))
    return tf_keras.Model(inputs, L.Dense(5, name="logits")(x), name="dense_bn")


def with_every_pooling():
    """Pooling keeps its input's range; a range of its own would leave a QUANTIZE behind."""
    inputs = L.Input((8, 8, 1), name="input")
    x = L.Conv2D(4, 3, padding="same", activation="relu", name="conv")(inputs)
    x = L.AveragePooling2D(name="average")(L.MaxPooling2D(name="max")(x))
    x = L.Dropout(0.1, name="dropout")(L.Flatten(name="flatten")(x))
    return tf_keras.Model(inputs, L.Dense(5, name="logits")(x), name="pooled")


# Student and the operators that its file has, in any order.
STUDENT_OPERATORS = {
    "mlp": (lambda: STUDENTS["mlp"]((8, 8), 5, 0.5), ["RESHAPE"] + ["FULLY_CONNECTED"] * 3),
    "ds_cnn": (
        lambda: STUDENTS["ds_cnn"]((8, 8), 5, 0.5),
        ["CONV_2D", *DS_BLOCK * 3, "MEAN", "FULLY_CONNECTED"],
    ),
    "resnet8": (
        lambda: STUDENTS["resnet8"]((8, 8), 5, 0.5),
        ["CONV_2D", *RESIDUAL * 3, "CONV_2D", "CONV_2D", "MEAN", "FULLY_CONNECTED"],
    ),
    "cnn1d": (
        lambda: STUDENTS["cnn1d"]((32, 3), 5, 0.5),
        ["RESHAPE", *["CONV_2D"] * 3, "MEAN", "FULLY_CONNECTED"],
    ),
    "autoencoder": (
        lambda: STUDENTS["autoencoder"]((8, 8), 64, 0.5),
        ["RESHAPE"] + ["FULLY_CONNECTED"] * 4,
    ),
    "dense_bn": (dense_with_batch_norm, ["FULLY_CONNECTED"] * 2),
    "pooled": (
        with_every_pooling,
        ["CONV_2D", "MAX_POOL_2D", "AVERAGE_POOL_2D", "RESHAPE", "FULLY_CONNECTED"],
    ),
}


def samples_for(student, count=64):
    return np.random.default_rng(0).random((count, *student.input_shape[1:]), np.float32)


def converted_ptq(student):
    return convert_ptq(student, samples_for(student))


def converted_qat(student):
    model = quantization_aware(student)
    calibrate(model, [samples_for(student)])
    return convert_qat(model)


WAYS = {"ptq": converted_ptq, "qat": converted_qat}


@pytest.fixture(scope="module")
def files():
    """Every student converted both ways: {(student, way): tflite}."""
    assert set(STUDENTS) <= set(STUDENT_OPERATORS)  # a new student must be tested too
    made = {}
    for name, (build, _) in STUDENT_OPERATORS.items():
        tf_keras.utils.set_random_seed(0)
        student = build()
        made |= {(name, way): convert(student) for way, convert in WAYS.items()}
    return made


def tensors_of(tflite):
    interpreter = make_interpreter(tflite)
    interpreter.allocate_tensors()
    return {tensor["name"]: tensor for tensor in interpreter.get_tensor_details()}


def scales_of(tensor):
    return tensor["quantization_parameters"]["scales"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", STUDENT_OPERATORS)
def test_every_student_becomes_all_int8(files, name, way):
    tflite = files[name, way]
    check_full_integer(tflite)
    facts = describe(tflite)
    assert sorted(facts.operators) == sorted(STUDENT_OPERATORS[name][1])
    for tensor in tensors_of(tflite).values():
        assert tensor["dtype"] in {np.int8, np.int32}, tensor["name"]


@pytest.mark.parametrize("way", WAYS)
def test_convolutions_have_a_scale_for_each_channel_and_dense_layers_one(files, way):
    tensors = tensors_of(files["ds_cnn", way])
    assert len(scales_of(tensors["block_1_depthwise/kernel"])) == 8
    assert len(scales_of(tensors["block_1_pointwise/kernel"])) == 16
    assert len(scales_of(tensors["logits/kernel"])) == 1
    assert len(scales_of(tensors["block_1_pointwise/bias"])) == 16


@pytest.mark.parametrize("way", WAYS)
def test_tensors_are_named_after_layers(files, way):
    names = list(tensors_of(files["cnn1d", way]))
    assert {"input", "as_image", "conv_1", "conv_1/kernel", "conv_1/bias", "logits"} <= set(names)
    assert len(set(names)) == len(names)
    assert "stage_2_add" in tensors_of(files["resnet8", way])


@pytest.mark.parametrize("way", WAYS)
def test_converting_again_gives_the_same_bytes(files, way):
    tf_keras.utils.set_random_seed(0)
    again = STUDENT_OPERATORS["ds_cnn"][0]()  # a new student of equal weights and names
    assert WAYS[way](again) == files["ds_cnn", way]


@pytest.mark.parametrize("way", WAYS)
def test_file_computes_what_the_student_computes(way):
    tf_keras.utils.set_random_seed(0)
    student = dense_with_batch_norm()
    tflite, x = WAYS[way](student), samples_for(student)
    facts = describe(tflite)
    codes = np.round(x / facts.input_scale + facts.input_zero_point).clip(-128, 127)
    outputs = run_litert(tflite, codes.astype(np.int8)).astype(np.float64)
    real = (outputs - facts.output_zero_point) * facts.output_scale
    expected = student(x, training=False).numpy()
    # Two layers, each rounds its kernel and its output; measured: 1.4 steps.
    assert np.abs(real - expected).max() <= 3 * facts.output_scale


def test_describe_reads_what_the_interpreter_reads(files):
    tflite = files["ds_cnn", "qat"]
    interpreter = make_interpreter(tflite)
    facts = describe(tflite)
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    assert (facts.input_scale, facts.input_zero_point) == source["quantization"]
    assert (facts.output_scale, facts.output_zero_point) == result["quantization"]
    assert facts.operators[0] == "CONV_2D"
    assert facts.operators[-1] == "FULLY_CONNECTED"
    assert facts.size_bytes == len(tflite)


def test_the_converter_writes_nothing_on_standard_error(capfd):
    student = dense_with_batch_norm()
    capfd.readouterr()
    converted_ptq(student)
    sys.stderr.write("afterwards\n")
    sys.stderr.flush()
    assert capfd.readouterr().err == "afterwards\n"


def test_buffers_are_aligned_for_a_microcontroller(files):
    for tflite in files.values():
        model = schema.Model.GetRootAs(tflite, 0)
        for index in range(model.BuffersLength()):
            data = model.Buffers(index).DataAsNumpy()
            if not isinstance(data, int):  # 0 stands for an empty buffer
                at = data.__array_interface__["data"][0]
                start = np.frombuffer(tflite, np.uint8).__array_interface__["data"][0]
                assert (at - start) % 16 == 0


# What is refused


def test_a_layer_that_qat_left_without_a_range_is_named(monkeypatch):
    """A representative data set would have given it one, silently."""
    rules = {**scheme.INT8_RULES, L.Dense: scheme.Rule("kernel", "per_tensor", output=False)}
    monkeypatch.setattr(scheme, "INT8_RULES", rules)
    with pytest.raises(ConversionError, match="FULLY_CONNECTED at layer 'hidden': stayed float32"):
        converted_qat(dense_with_batch_norm())


# The stock converter warns when the input is to be int8.
stock = pytest.mark.filterwarnings("ignore:Statistics for quantized inputs")


def stock_converter(student):
    converter = tf.lite.TFLiteConverter.from_keras_model(student)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    samples = samples_for(student)
    converter.representative_dataset = lambda: ([sample[None]] for sample in samples)
    return converter


@stock
def test_float_input_is_refused():
    tflite = stock_converter(dense_with_batch_norm()).convert()
    with pytest.raises(ConversionError, match=r"QUANTIZE at .*: expected none"):
        check_full_integer(tflite)


@stock
def test_dynamic_batch_is_refused_by_layer():
    inputs = L.Input((4, 4), name="input")
    x = L.Conv2D(2, 1, name="conv")(L.Reshape((4, 4, 1), name="view")(inputs))
    converter = stock_converter(tf_keras.Model(inputs, L.Flatten()(x), name="net"))
    converter.inference_input_type = converter.inference_output_type = tf.int8
    tflite = converter.convert()
    with pytest.raises(ConversionError, match=r"(SHAPE|STRIDED_SLICE|PACK) at layer 'view'"):
        check_full_integer(tflite, {"view": "view", "conv": "conv"})


@stock
def test_float_model_is_refused():
    tflite = tf.lite.TFLiteConverter.from_keras_model(dense_with_batch_norm()).convert()
    with pytest.raises(ConversionError, match="FULLY_CONNECTED at layer 'hidden': stayed float32"):
        check_full_integer(tflite, {"hidden": "hidden"})


def test_what_is_no_tflite_is_refused(files):
    for damaged in (b"", b"hello, this is no model", files["mlp", "ptq"][:200]):
        with pytest.raises(ConversionError, match="tflite"):
            check_full_integer(damaged)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros((0, 64), np.float32),
        np.zeros((8, 63), np.float32),
        np.zeros(64, np.float32),
        np.full((8, 64), np.inf, np.float32),
    ],
)
def test_unsuitable_representative_samples_are_refused(samples):
    with pytest.raises(ConversionError, match=r"Representative samples .*; expected"):
        convert_ptq(dense_with_batch_norm(), samples)


def test_two_outputs_are_refused():
    inputs = L.Input((64,))
    student = tf_keras.Model(inputs, [L.Dense(2)(inputs), L.Dense(3)(inputs)], name="forked")
    with pytest.raises(ConversionError, match="'forked' has 1 inputs and 2 outputs"):
        convert_ptq(student, np.zeros((8, 64), np.float32))


# Folding the input's scale


def outputs_of_tflm(tflite, x):
    runtime = pytest.importorskip(
        "tflite_micro.python.tflite_micro.runtime",
        reason="there is no tflite-micro wheel for this system",
    )
    interpreter = runtime.Interpreter.from_bytes(tflite)
    outputs = []
    for sample in x:
        interpreter.set_input(sample[np.newaxis], 0)
        interpreter.invoke()
        outputs.append(interpreter.get_output(0))
    return np.concatenate(outputs)


def check_same_bytes(tflite, folded):
    shape = make_interpreter(tflite).get_input_details()[0]["shape"][1:]
    x = np.random.default_rng(0).integers(-128, 128, (50, *shape), np.int8)
    assert np.array_equal(run_litert(tflite, x), run_litert(folded, x))
    assert np.array_equal(outputs_of_tflm(tflite, x), outputs_of_tflm(folded, x))


@pytest.mark.parametrize("name", STUDENT_OPERATORS)
def test_folding_the_input_scale_changes_no_output_byte(files, name):
    tflite = files[name, "qat"]
    folded = fold_input_scale(tflite, 1 / 256)
    assert describe(folded).input_scale == describe(tflite).input_scale * 256
    check_same_bytes(tflite, folded)


FIRST_LAYER = {
    "mlp": "hidden_1",
    "ds_cnn": "stem",
    "resnet8": "stem",
    "cnn1d": "conv_1",
    "autoencoder": "encode",
    "dense_bn": "hidden",
    "pooled": "conv",
}


@pytest.mark.parametrize("name", FIRST_LAYER)
def test_folding_the_input_scale_changes_two_scales_and_no_data(files, name):
    tflite = files[name, "ptq"]
    folded = fold_input_scale(tflite, 1 / 16)
    before, after = (schema.ModelT.InitFromPackedBuf(file, 0) for file in (tflite, folded))
    for old, new in zip(before.buffers, after.buffers, strict=True):
        assert old.data is new.data or np.array_equal(old.data, new.data)
    tensors = tensors_of(folded)
    changed = {
        key
        for key, tensor in tensors_of(tflite).items()
        if not np.array_equal(scales_of(tensor), scales_of(tensors[key]))
    }
    flat = {"flatten"}
    views = {"mlp": flat, "autoencoder": flat, "cnn1d": {"as_image"}}.get(name, set())
    assert changed == {"input", f"{FIRST_LAYER[name]}/kernel"} | views  # biases keep theirs


@pytest.mark.parametrize("name", ["mlp", "autoencoder", "pooled"])
def test_folding_the_output_scale_changes_the_unit_of_the_output_alone(files, name):
    tflite = files[name, "ptq"]
    folded = fold_output_scale(tflite, 64.0)
    before, after = describe(tflite), describe(folded)
    assert after.output_scale == 64 * before.output_scale
    assert (after.input_scale, after.output_zero_point) == (
        before.input_scale,
        before.output_zero_point,
    )
    check_same_bytes(tflite, folded)
    both = fold_input_scale(folded, 1 / 16)
    assert both == fold_output_scale(fold_input_scale(tflite, 1 / 16), 64.0)
    check_same_bytes(tflite, both)
    assert fold_output_scale(tflite, 1.0) == tflite


def test_a_transposed_convolution_keeps_the_scale_of_its_input():
    """Its input stands between its kernel and its bias."""
    inputs = L.Input((4, 4, 2), name="input")
    x = L.Conv2D(3, 1, name="conv")(inputs)
    student = tf_keras.Model(inputs, L.Conv2DTranspose(2, 2, strides=2, name="up")(x))
    tflite = converted_ptq(student)
    folded = fold_output_scale(tflite, 64.0)
    assert describe(folded).output_scale == 64 * describe(tflite).output_scale
    check_same_bytes(tflite, folded)


def test_an_output_that_no_layer_with_a_kernel_makes_is_refused():
    inputs = L.Input((8,), name="input")
    x = L.Activation("sigmoid")(L.Dense(3)(inputs))
    samples = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
    tflite = convert_ptq(tf_keras.Model(inputs, x), samples)
    with pytest.raises(ConversionError, match=r"output comes from LOGISTIC; .*End the student in"):
        fold_output_scale(tflite, 2.0)
    with pytest.raises(ConversionError, match=r"output_scale is 3.0; expected a power of two"):
        fold_output_scale(tflite, 3.0)


def test_pixels_need_no_arithmetic_before_the_model():
    """Trained on x / 256, x in 0..255: the device feeds x - 128."""
    student = STUDENTS["ds_cnn"]((8, 8), 5, 0.5)
    pixels = np.arange(256, dtype=np.float32).reshape(4, 8, 8, 1) / 256
    model = quantization_aware(student)
    calibrate(model, [pixels])
    for tflite in (convert_qat(model), convert_ptq(student, pixels)):
        facts = describe(fold_input_scale(tflite, 1 / 256))
        assert (facts.input_scale, facts.input_zero_point) == (1.0, -128)


@pytest.mark.parametrize("scale", [0.3, 0.0, -0.5, float("nan"), float("inf"), 1 / 255])
def test_a_scale_that_is_no_power_of_two_is_refused(files, scale):
    with pytest.raises(ConversionError, match=r"input_scale is .*; expected a power of two"):
        fold_input_scale(files["mlp", "ptq"], scale)


def test_a_scale_that_leaves_float32_is_refused(files):
    with pytest.raises(ConversionError, match="leaves the range of float32"):
        fold_input_scale(files["mlp", "ptq"], 2.0**-140)


def test_input_scale_of_one_changes_nothing(files):
    assert fold_input_scale(files["mlp", "ptq"], 1.0) == files["mlp", "ptq"]


@pytest.mark.parametrize(
    ("body", "operator"),
    [
        (lambda x: L.Add()([x, L.Conv2D(1, 1)(x)]), "ADD"),
        (lambda x: L.Conv2D(1, 1)(L.MaxPooling2D()(x)), "MAX_POOL_2D"),
    ],
)
def test_an_input_that_feeds_something_else_is_refused(body, operator):
    inputs = L.Input((8, 8, 1), name="input")
    student = tf_keras.Model(inputs, L.Flatten()(body(inputs)), name="net")
    with pytest.raises(ConversionError, match=f"The input feeds {operator}"):
        fold_input_scale(converted_ptq(student), 0.5)
