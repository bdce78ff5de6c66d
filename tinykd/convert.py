"""From a Keras model to a full-integer int8 ``.tflite``, checked.

Both ways start from a concrete function at batch 1: with a dynamic batch the converter leaves
SHAPE, STRIDED_SLICE and PACK behind, and a microcontroller runtime may compute something else.
Dense weights get one scale per tensor in both, so that post-training quantization and
quantization-aware training are compared like for like; older Arduino ports of TFLite Micro read
only the first scale of a Dense layer.
"""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.lite.python.convert import ConverterError

from tinykd.backend import without_stderr
from tinykd.elu import make_elu_int8
from tinykd.errors import ConversionError
from tinykd.tflite_file import check_full_integer, slim


def convert_ptq(student: Any, representative: NDArray[np.float32]) -> bytes:
    """Convert a float student; the ranges come from representative samples.

    Args:
        student: A functional ``tf_keras.Model`` with one input and one output.
        representative: float32 [n, ...], as the student is trained on; 200 samples or more.

    Returns:
        An int8 ``.tflite`` file; the same arguments give the same bytes.

    Raises:
        ConversionError: The samples do not fit, or something did not become int8.

    Source:
        TFLite 8-bit quantization specification; minimum and maximum over the samples.
    """
    samples = _checked(student, representative)

    def dataset() -> Iterator[list[NDArray[np.float32]]]:
        for sample in samples:
            yield [sample[np.newaxis]]

    converter = _converter(student, lambda x: student(x, training=False))
    converter.representative_dataset = dataset
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    return _converted(converter, student)


def convert_qat(qat_model: Any) -> bytes:
    """Convert a quantization-aware model; the ranges are those that it was trained with.

    There is no representative data set on purpose: it would silently give ranges to a layer that
    the training left out. Without one such a layer stays float, and is refused here by name.

    Args:
        qat_model: From ``quantize.qat.quantization_aware``, calibrated and fine-tuned.

    Returns:
        An int8 ``.tflite`` file; the same model gives the same bytes.

    Raises:
        ConversionError: Something did not become int8.
    """
    return _converted(_converter(qat_model, lambda x: qat_model(x, training=False)), qat_model)


def _checked(student: Any, representative: NDArray[np.float32]) -> NDArray[np.float32]:
    shape = tuple(student.input_shape[1:])
    if representative.shape[1:] != shape or len(representative) == 0:
        raise ConversionError(
            f"Representative samples have shape {representative.shape}; expected (n, "
            f"{', '.join(map(str, shape))}) with n at least 1. Take them from the training data."
        )
    samples = np.asarray(representative, np.float32)
    if not np.isfinite(samples).all():
        raise ConversionError(
            "Representative samples hold NaN or infinity; expected finite numbers. "
            "Clean the training data."
        )
    return samples


def _converter(model: Any, call: Callable[[tf.Tensor], tf.Tensor]) -> Any:
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ConversionError(
            f"Model '{model.name}' has {len(model.inputs)} inputs and {len(model.outputs)} "
            "outputs; expected one of each. Split it."
        )
    shape = [1, *model.input_shape[1:]]
    function = tf.function(call, input_signature=[tf.TensorSpec(shape, tf.float32, name="input")])
    concrete = function.get_concrete_function()
    # The function's variables alone: of a Keras model the converter would trace and store every
    # layer's calls besides, which takes several times as long as the conversion itself.
    variables = tf.Module()
    variables.used = list(concrete.variables)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], variables)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    # Private, but the only way to one scale for a Dense layer; tests check that it works.
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    return converter


def _converted(converter: Any, model: Any) -> bytes:
    try:
        # Several lines on every success, where failures come as exceptions; and a warning where the
        # converter wants the input's range, which is in the graph.
        with without_stderr(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Statistics for quantized inputs")
            tflite = make_elu_int8(converter.convert())
    except (ConverterError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ConversionError(
            f"Model '{model.name}': the TFLite converter failed: {reason}. "
            "Use the layers of docs/quantization.md."
        ) from error
    layers = _layer_names(model)
    check_full_integer(tflite, layers)
    return slim(tflite, layers, input_name=model.input_names[0])


def _layer_names(model: Any) -> dict[str, str]:
    """Map the scope in which each layer's operators are traced to the layer's name."""
    # What tensorflow_model_optimization wraps is traced under the wrapper's name. Its QuantizeLayer
    # is no layer of the student, and leaves no operator.
    layers = [layer for layer in model.layers if not hasattr(layer, "quantizer")]
    return {layer.name: getattr(layer, "layer", layer).name for layer in layers}
