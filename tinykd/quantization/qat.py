"""Quantization-aware fine-tuning: build it, set its ranges from data, freeze them, keep it.

What a training loop has to do::

    qat = quantization_aware(student)  # weights start where the float student ended
    calibrate(qat, batches)  # before the first step; about 16 batches, as trained on
    for step in range(steps):
        if step == int(0.8 * steps):
            freeze_ranges(qat)  # assigns variables; a traced step need not be traced again
        with tf.GradientTape() as tape:
            loss = ...qat(x, training=True)...  # this call also moves the activation ranges
        gradients = tape.gradient(loss, qat.trainable_variables)
        optimizer.apply_gradients(zip(gradients, qat.trainable_variables))
    accuracy = ...qat(x, training=False)...  # moves nothing; this is what is exported

``trainable_variables`` are the folded kernels and biases. Batch-norm statistics are frozen
because batch-norm has been folded away, and there is no dropout: ``training=True`` uses no random
number, so the same seed gives the same bytes. A step may be wrapped in ``tf.function``.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tf_keras
from numpy.typing import NDArray

from tinykd.errors import QuantizationError
from tinykd.quantization._tfmot import QuantizeLayer, QuantizeWrapper, keras_quantization
from tinykd.quantization.fold import fold_batch_norm
from tinykd.quantization.layers import check_foldable, check_quantizable
from tinykd.quantization.lower import lower
from tinykd.quantization.quantizers import RangeQuantizer
from tinykd.quantization.scheme import CUSTOM_OBJECTS, Int8Scheme

# How far a training step moves a range towards its batch's: a moving average of decay .99 (the
# usual .999 is slower than a short fine-tuning), or not at all.
_FOLLOW, _STAY = 0.01, 0.0


def quantization_aware(student: Any) -> Any:
    """Build the model that computes as the int8 file will, ready for fine-tuning.

    Args:
        student: A functional ``tf_keras.Model`` of the layers in ``layers.SUPPORTED``; its
            weights are copied, it is not changed.

    Returns:
        A ``tf_keras.Model`` of the same inputs and outputs, batch-norm, ReLU and Dropout folded
        away. Its ranges are not set: call ``calibrate`` next.

    Raises:
        QuantizationError: A layer cannot be trained quantization-aware. The message names it and
            what to use in its place.

    Source:
        ``tensorflow_model_optimization`` with the scheme of ``scheme.py``; Jacob et al. 2018.
    """
    folded = inference_form(student)
    with keras_quantization.quantize_scope(CUSTOM_OBJECTS):
        annotated = keras_quantization.quantize_annotate_model(folded)
        model = keras_quantization.quantize_apply(annotated, scheme=Int8Scheme())
    _require_all_ranges(model)
    return model


def inference_form(student: Any) -> Any:
    """Write a student as the chip will compute it: flat, two-dimensional, batch-norm folded.

    Both int8 forms start from it, so that they differ in their training alone.

    Args:
        student: A functional ``tf_keras.Model`` of the layers in ``layers.SUPPORTED``.

    Returns:
        A functional ``tf_keras.Model`` of the same inputs and outputs.

    Raises:
        QuantizationError: A layer cannot be trained quantization-aware; names it.
    """
    check_quantizable(student)
    folded = fold_batch_norm(lower(student))
    check_foldable(folded)
    return folded


def without_softmax(qat_model: Any) -> Any:
    """The same model up to its logits, for training; it shares every weight and range.

    Args:
        qat_model: From ``quantization_aware``.

    Returns:
        A ``tf_keras.Model`` that ends before a final softmax, or ``qat_model`` itself.
    """
    last = qat_model.layers[-1]
    if not _ends_in_softmax(last):
        return qat_model
    return tf_keras.Model(qat_model.inputs, last.input, name=qat_model.name)


def calibrate(qat_model: Any, batches: Iterable[NDArray[np.float32]]) -> None:
    """Set every activation range from data, before the first training step.

    A range becomes the mean of the batches' ranges, which is what training follows from there;
    the input's range covers every value seen. Nothing but ranges is changed.

    Args:
        qat_model: From ``quantization_aware``.
        batches: float32 arrays [n, ...] as the model is trained on, 16 or so, and as large as the
            training's: the range of a batch grows with its size.

    Raises:
        QuantizationError: There is no batch, or one holds NaN or infinity.
    """
    seen = 0
    for seen, batch in enumerate(batches, start=1):
        if not np.isfinite(batch).all():
            raise QuantizationError(
                f"Calibration batch {seen} holds NaN or infinity; expected finite numbers. "
                "Clean the training data."
            )
        _set_rate(qat_model, 1.0 / seen)  # a running mean; the first batch replaces the range
        qat_model(batch, training=True)
    if seen == 0:
        raise QuantizationError("No calibration batch; expected at least one, 16 are good.")
    _set_rate(qat_model, _FOLLOW)


def freeze_ranges(qat_model: Any) -> None:
    """Keep every activation range as it is from now on, for the last fifth of the steps.

    Args:
        qat_model: From ``quantization_aware``, calibrated.
    """
    _set_rate(qat_model, _STAY)


def save_qat(qat_model: Any, path: Path) -> None:
    """Write all weights and ranges, in order, to an ``.npz`` file.

    (A quantization-aware model saved as ``.keras`` does not load again.)

    Args:
        qat_model: From ``quantization_aware``.
        path: File to write; equal weights give equal bytes.
    """
    with path.open("wb") as file:
        np.savez(file, *qat_model.get_weights())


def load_qat(student: Any, path: Path) -> Any:
    """Rebuild a quantization-aware model from its student and a file of ``save_qat``.

    Args:
        student: The student it was built from: same layers, any weights.
        path: File written by ``save_qat``.

    Returns:
        The model, as it was when saved.

    Raises:
        QuantizationError: The file does not fit this student.
    """
    model = quantization_aware(student)
    with np.load(path, allow_pickle=False) as file:
        weights = [file[f"arr_{index}"] for index in range(len(file.files))]
    expected = [value.shape for value in model.get_weights()]
    if [value.shape for value in weights] != expected:
        raise QuantizationError(
            f"'{path.name}' holds {len(weights)} arrays that do not fit student "
            f"'{student.name}', which has {len(expected)}. Use the student it was saved with."
        )
    model.set_weights(weights)
    return model


def _ends_in_softmax(layer: Any) -> bool:
    return isinstance(layer, QuantizeWrapper) and (
        getattr(layer.layer, "activation", None) is tf_keras.activations.softmax
    )


def _ranges(qat_model: Any) -> Iterator[RangeQuantizer]:
    for layer in qat_model.layers:
        if isinstance(layer, QuantizeLayer):
            yield layer.quantizer
        elif isinstance(layer, QuantizeWrapper):
            outputs = layer.quantize_config.get_output_quantizers(layer.layer)
            yield from (output for output in outputs if isinstance(output, RangeQuantizer))


def _set_rate(qat_model: Any, rate: float) -> None:
    for quantizer in _ranges(qat_model):
        if quantizer.rate is not None:
            quantizer.rate.assign(rate)


def _require_all_ranges(qat_model: Any) -> None:
    """Refuse a model in which tensorflow_model_optimization left a layer unquantized."""
    known = (QuantizeLayer, QuantizeWrapper)
    for layer in qat_model.layers:
        if not isinstance(layer, (*known, tf_keras.layers.InputLayer)):
            raise QuantizationError(
                f"{type(layer).__name__} at '{layer.name}': was left unquantized. "
                "Use another layer."
            )
