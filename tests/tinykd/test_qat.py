"""Quantization-aware fine-tuning on real digits: what stock settings get wrong stays right."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from sklearn.datasets import load_digits

from tinykd.convert import convert_qat
from tinykd.errors import QuantizationError
from tinykd.litert import make_interpreter, quantize_input, run_litert
from tinykd.quantization._tfmot import QuantizeLayer
from tinykd.quantization.qat import calibrate, freeze_ranges, load_qat, quantization_aware, save_qat
from tinykd.quantization.quantizers import (
    GRANULARITIES,
    RangeQuantizer,
    WeightQuantizer,
    per_depthwise_channel,
)
from tinykd.students.architectures import STUDENTS
from tinykd.students.files import save_student
from tinykd.tflite_file import describe

L = tf_keras.layers


@pytest.fixture(scope="module")
def digits():
    """Digits as sensor values 0..16: x_train, y_train, x_test, y_test."""
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.images))
    x = data.images[order].astype(np.float32)[..., None]
    y = data.target[order].astype(np.int32)
    return x[:900], y[:900], x[900:], y[900:]


class Loop:
    """The loop that qat.py documents, with cross-entropy in place of a teacher."""

    def __init__(self, model, learning_rate):
        self.traces = 0
        optimizer = tf_keras.optimizers.Adam(learning_rate)
        variables = model.trainable_variables
        optimizer.build(variables)

        @tf.function
        def step(x, y):
            self.traces += 1
            with tf.GradientTape() as tape:
                logits = model(x, training=True)
                loss = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
                loss = tf.reduce_mean(loss)
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

        self.step = step

    def run(self, x, y, epochs, seed=0):
        rng = np.random.default_rng(seed)
        for _ in range(epochs):
            for rows in rng.permutation(len(x))[: len(x) // 32 * 32].reshape(-1, 32):
                self.step(tf.constant(x[rows]), tf.constant(y[rows]))


def trained(student, x, y, epochs, learning_rate):
    Loop(student, learning_rate).run(x, y, epochs)
    return student


def calibrated(student, x):
    model = quantization_aware(student)
    calibrate(model, np.array_split(x[:512], 16))
    return model


def accuracy(outputs, labels):
    """Percent."""
    return 100.0 * float(np.mean(np.argmax(outputs, axis=1) == labels))


def int8_outputs(tflite, x):
    facts = describe(tflite)
    return run_litert(tflite, quantize_input(x, facts.input_scale, facts.input_zero_point))


@pytest.fixture(scope="module")
def mlp(digits):
    """A float MLP on inputs 0..64, and its data: the case where stock QAT collapses."""
    x_train, y_train, x_test, y_test = digits
    x_train, x_test = x_train.reshape(-1, 64) * 4, x_test.reshape(-1, 64) * 4
    tf_keras.utils.set_random_seed(0)
    student = trained(STUDENTS["mlp"]((64,), 10, 1.0), x_train, y_train, 30, 1e-3)
    return student, x_train, y_train, x_test, y_test


@pytest.fixture(scope="module")
def ds_cnn(digits):
    """A float depthwise-separable network on inputs 0..1, and its data."""
    x_train, y_train, x_test, y_test = digits
    x_train, x_test = x_train / 16, x_test / 16
    tf_keras.utils.set_random_seed(0)
    student = trained(STUDENTS["ds_cnn"]((8, 8), 10, 0.5), x_train, y_train, 20, 3e-3)
    return student, x_train, y_train, x_test, y_test


def scale_before_batch_norm(depthwise, factor):
    """Scale the kernel's channels; the batch-norm after it takes them back."""
    norm = depthwise.outbound_nodes[0].outbound_layer
    norm.moving_mean.assign(norm.moving_mean * factor)
    variance = (norm.moving_variance + norm.epsilon) * factor**2
    norm.moving_variance.assign(variance - norm.epsilon)


def scale_after_relu(depthwise, factor):
    """Scale the kernel's channels and the inputs inversely: the folded kernel is skewed too."""
    relu = depthwise.inbound_nodes[0].inbound_layers
    norm = relu.inbound_nodes[0].inbound_layers
    norm.gamma.assign(norm.gamma / factor)
    norm.beta.assign(norm.beta / factor)


def skewed(student, take_back, greatest):
    """Make depthwise channels differ up to ``greatest`` times; the function stays the same."""
    copy = tf_keras.models.clone_model(student)
    copy.set_weights(student.get_weights())
    rng = np.random.default_rng(1)
    for layer in copy.layers:
        if isinstance(layer, L.DepthwiseConv2D):
            factor = np.exp(rng.uniform(0, np.log(greatest), layer.depthwise_kernel.shape[2]))
            factor = factor.astype(np.float32)
            layer.depthwise_kernel.assign(layer.depthwise_kernel * factor[:, None])
            take_back(layer, factor)
    return copy


def test_calibrated_mlp_keeps_its_accuracy_without_and_after_training(mlp):
    student, x_train, y_train, x_test, y_test = mlp
    reference = accuracy(student(x_test), y_test)
    assert reference > 85  # else the test says nothing
    model = calibrated(student, x_train)
    assert accuracy(int8_outputs(convert_qat(model), x_test), y_test) >= reference - 0.5
    Loop(model, 1e-4).run(x_train, y_train, epochs=1)
    assert accuracy(int8_outputs(convert_qat(model), x_test), y_test) >= reference - 0.5


@pytest.mark.parametrize(
    ("take_back", "greatest", "loss"),
    [
        (scale_before_batch_norm, 300, 0.5),
        # The activations are skewed as well, and have one scale; measured: 0.3. One scale for the
        # depthwise kernel too would lose 5.3.
        (scale_after_relu, 100, 2.0),
    ],
)
def test_skewed_depthwise_keeps_its_accuracy(ds_cnn, take_back, greatest, loss):
    student, x_train, y_train, x_test, y_test = ds_cnn
    student = skewed(student, take_back, greatest)
    reference = accuracy(student(x_test, training=False), y_test)
    assert reference > 85
    model = calibrated(student, x_train)
    assert accuracy(int8_outputs(convert_qat(model), x_test), y_test) >= reference - loss
    Loop(model, 1e-4).run(x_train, y_train, epochs=2)
    assert accuracy(model(x_test, training=False), y_test) >= reference - 0.3


@pytest.mark.parametrize("name", ["mlp", "ds_cnn"])
def test_fake_quantized_model_and_its_file_agree(name, request):
    student, x_train, y_train, x_test, y_test = request.getfixturevalue(name)
    model = calibrated(student, x_train)
    Loop(model, 1e-4).run(x_train, y_train, epochs=1)
    freeze_ranges(model)
    simulated = model(x_test, training=False).numpy()
    tflite = convert_qat(model)
    outputs = int8_outputs(tflite, x_test)
    assert abs(accuracy(simulated, y_test) - accuracy(outputs, y_test)) <= 0.2
    assert np.mean(simulated.argmax(1) == outputs.argmax(1)) >= 0.995
    facts = describe(tflite)
    real = (outputs.astype(np.float64) - facts.output_zero_point) * facts.output_scale
    # Float and integer rounding differ now and then; each layer can add one step.
    assert np.abs(real - simulated).max() <= 4.01 * facts.output_scale


def test_calibration_changes_ranges_and_nothing_else(mlp):
    student, x_train, *_ = mlp
    model = quantization_aware(student)
    before = {variable.name: variable.numpy() for variable in model.variables}
    calibrate(model, [x_train[:64], x_train[64:128]])
    changed = {v.name for v in model.variables if not np.array_equal(before[v.name], v.numpy())}
    trainable = {variable.name for variable in model.trainable_variables}
    assert len(changed) >= 2 * 4  # low or high, and rate, of the input and three layers
    assert not changed & trainable
    assert not changed & {v.name for v in model.variables if v.dtype != tf.float32}
    kernels = [v.numpy() for v in model.trainable_variables]
    assert all(np.array_equal(a, b) for a, b in zip(kernels, student.get_weights(), strict=True))


def ranges(model):
    """Activation ranges by variable name, without the rates."""
    names = ("_low:0", "_high:0")
    return {v.name: float(v) for v in model.variables if v.name.endswith(names)}


def test_calibrated_ranges_are_those_of_the_data(mlp):
    student, x_train, *_ = mlp
    batches = [x_train[:64] * 0.5, x_train[64:128]]
    model = quantization_aware(student)
    calibrate(model, batches)
    found = ranges(model)
    widest = max(float(batch.max()) for batch in batches)
    assert found["quant_input/quant_input_high:0"] == widest
    hidden = tf_keras.Model(student.input, student.get_layer("hidden_1").output)
    mean = np.mean([hidden(batch).numpy().max() for batch in batches])
    # Kernel and input are rounded to 8 bits in the one and not in the other.
    assert found["quant_hidden_1/output_high:0"] == pytest.approx(mean, rel=0.02)


def test_frozen_ranges_stay_while_kernels_learn_and_the_step_is_not_traced_again(mlp):
    student, x_train, y_train, *_ = mlp
    model = calibrated(student, x_train)
    loop = Loop(model, 1e-3)
    loop.run(x_train[:64], y_train[:64], epochs=1)
    learnt = ranges(model)
    assert learnt != ranges(calibrated(student, x_train))
    freeze_ranges(model)
    kernel = model.trainable_variables[0].numpy()
    loop.run(x_train[64:256] * 10, y_train[64:256], epochs=1)
    assert ranges(model) == learnt
    assert not np.array_equal(kernel, model.trainable_variables[0].numpy())
    assert loop.traces == 1


def test_evaluation_changes_nothing(mlp):
    student, x_train, *_ = mlp
    model = calibrated(student, x_train)
    before = model.get_weights()
    model(x_train[:8] * 100, training=False)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_the_student_is_not_changed(ds_cnn):
    student, x_train, y_train, *_ = ds_cnn
    before = [weight.copy() for weight in student.get_weights()]
    Loop(calibrated(student, x_train), 1e-3).run(x_train[:64], y_train[:64], epochs=1)
    assert all(np.array_equal(a, b) for a, b in zip(before, student.get_weights(), strict=True))


def test_same_seed_gives_the_same_bytes(ds_cnn):
    student, x_train, y_train, *_ = ds_cnn

    def build():
        model = calibrated(student, x_train)
        Loop(model, 1e-3).run(x_train[:128], y_train[:128], epochs=1, seed=3)
        return convert_qat(model)

    assert build() == build()


@pytest.mark.parametrize("batches", [[], [np.full((2, 64), np.nan, np.float32)]])
def test_calibration_refuses_nothing_and_nan(mlp, batches):
    with pytest.raises(QuantizationError, match="expected"):
        calibrate(quantization_aware(mlp[0]), batches)


def test_saved_model_loads_to_the_same_file(mlp, tmp_path):
    student, x_train, y_train, *_ = mlp
    model = calibrated(student, x_train)
    Loop(model, 1e-3).run(x_train[:64], y_train[:64], epochs=1)
    save_qat(model, tmp_path / "qat.h5")
    loaded = load_qat(tmp_path / "qat.h5")
    assert convert_qat(loaded) == convert_qat(model)
    for copy in (model, loaded):  # and it learns on as the one that was saved
        Loop(copy, 1e-3).run(x_train[:64], y_train[:64], epochs=1)
    assert convert_qat(loaded) == convert_qat(model)


def test_what_is_no_quantization_aware_model_is_refused(mlp, tmp_path):
    student, *_ = mlp
    with pytest.raises(QuantizationError, match=r"qat\.keras.*kept as \.h5"):
        save_qat(quantization_aware(student), tmp_path / "qat.keras")
    with pytest.raises(QuantizationError, match=r"none\.h5: tf_keras cannot open it"):
        load_qat(tmp_path / "none.h5")
    save_student(student, tmp_path / "float.h5")
    with pytest.raises(QuantizationError, match=r"Dense at '.*': was left unquantized"):
        load_qat(tmp_path / "float.h5")


def test_depthwise_kernel_in_the_file_has_a_scale_for_each_channel(ds_cnn):
    student, x_train, *_ = ds_cnn
    model = calibrated(student, x_train)
    interpreter = make_interpreter(convert_qat(model))
    interpreter.allocate_tensors()
    tensors = {tensor["name"]: tensor for tensor in interpreter.get_tensor_details()}
    details = tensors["block_1_depthwise/kernel"]
    kernel = next(v for v in model.variables if v.name == "block_1_depthwise/depthwise_kernel:0")
    expected = np.abs(kernel.numpy()).max(axis=(0, 1))[:, 0] / 127
    np.testing.assert_allclose(details["quantization_parameters"]["scales"], expected, rtol=1e-6)
    stored = interpreter.get_tensor(details["index"])  # [1, height, width, channels]
    rounded = np.round(kernel.numpy()[..., 0] / expected.astype(np.float32))
    assert np.abs(stored[0] - rounded).max() <= 1  # ties may fall either way in float32
    assert np.mean(stored[0] == rounded) > 0.99


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_kernel_is_on_its_grid_and_the_gradient_passes(granularity):
    rng = np.random.default_rng(0)
    kernel = tf.Variable(rng.normal(size=(3, 3, 4, 2)).astype(np.float32))
    weight = rng.normal(size=kernel.shape).astype(np.float32)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(WeightQuantizer(granularity)(kernel, True, {}) * weight)
    assert np.array_equal(tape.gradient(loss, kernel), weight)
    axes = {"per_tensor": (0, 1, 2, 3), "per_channel": (0, 1, 2), "per_depthwise_channel": (0, 1)}
    step = np.abs(kernel.numpy()).max(axis=axes[granularity], keepdims=True) / 127
    codes = GRANULARITIES[granularity](kernel).numpy() / step
    np.testing.assert_allclose(codes, np.round(codes), atol=1e-3)  # float32 of up to 127
    assert np.abs(codes - kernel.numpy() / step).max() <= 0.5 + 1e-3


def test_gradient_of_an_activation_stops_where_the_range_cuts_it_off():
    layer = QuantizeLayer(RangeQuantizer("moving_average"))
    layer(tf.constant([-1.0, 2.0]), training=True)  # the first batch sets the range
    layer.quantizer.rate.assign(0.0)
    x = tf.constant([-3.0, 0.5, 5.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
    assert tape.gradient(y, x).numpy().tolist() == [0.0, 1.0, 0.0]
    np.testing.assert_allclose(y, [-1.0, 0.5, 2.0], atol=3 / 255)  # half a step, and nudging


def test_a_dead_channel_gets_a_scale_that_its_bias_can_be_counted_in():
    kernel = np.ones((3, 3, 4, 1), np.float32)
    kernel[:, :, 1] = 0.0
    kernel[:, :, 2] = 1e-30
    rounded = per_depthwise_channel(tf.constant(kernel)).numpy()
    assert np.array_equal(rounded[:, :, [0, 3]], kernel[:, :, [0, 3]])
    assert not rounded[:, :, 1:3].any()
    assert not per_depthwise_channel(tf.zeros([3, 3, 4, 1])).numpy().any()


def test_a_network_with_dead_channels_converts_to_what_it_computes():
    inputs = L.Input((8, 8, 1), name="input")
    x = L.BatchNormalization(name="norm")(L.Conv2D(8, 3, name="conv")(inputs))
    x = L.GlobalAveragePooling2D(name="pool")(L.ReLU(name="relu")(x))
    tf_keras.utils.set_random_seed(0)
    student = tf_keras.Model(inputs, L.Dense(4, name="logits")(x), name="net")
    student.get_layer("norm").gamma.assign([1e-9, 1e-5, 0.0, 1, 1, 1, 1, 1])
    student.get_layer("norm").beta.assign([1.0, 2.0, 1.0, 0, 0, 0, 0, 0])
    samples = np.random.default_rng(0).random((64, 8, 8, 1), np.float32)
    model = quantization_aware(student)
    calibrate(model, [samples])
    tflite = convert_qat(model)
    facts = describe(tflite)
    outputs = int8_outputs(tflite, samples).astype(np.float64)
    real = (outputs - facts.output_zero_point) * facts.output_scale
    expected = student(samples, training=False).numpy()
    assert np.abs(real - expected).max() <= 2 * facts.output_scale
