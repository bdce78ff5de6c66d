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
from tinykd.students.files import open_with_tf_keras, save_student

# How far a training step moves a range towards its batch's: a moving average of decay .99 (the
# usual .999 is slower than a short fine-tuning), or not at all.
_FOLLOW, _STAY = 0.01, 0.0

_HEADS = (tf_keras.activations.softmax, tf_keras.activations.sigmoid)
_VIEWS = (tf_keras.layers.Flatten, tf_keras.layers.Reshape)


def quantization_aware(student: Any) -> Any:
    """Build the model that computes as the int8 file will, ready for fine-tuning.

    Args:
        student: A functional ``tf_keras.Model`` of the layers in ``limits.SUPPORTED``; its
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
        student: A functional ``tf_keras.Model`` of the layers in ``limits.SUPPORTED``.

    Returns:
        A functional ``tf_keras.Model`` of the same inputs and outputs.

    Raises:
        QuantizationError: A layer cannot be trained quantization-aware; names it.
    """
    check_quantizable(student)
    folded = fold_batch_norm(lower(student))
    check_foldable(folded)
    return folded


def up_to_logits(model: Any) -> Any:
    """The same network without a final softmax or sigmoid; it shares every weight and range.

    Args:
        model: From ``quantization_aware`` or ``inference_form``.

    Returns:
        A ``tf_keras.Model`` that ends in logits, or ``model`` itself. Flatten and Reshape after the
        softmax are kept.
    """
    head, views = model.layers[-1], []
    while isinstance(_core(head), _VIEWS):
        views.append(head)
        head = head.inbound_nodes[0].inbound_layers
    if getattr(_core(head), "activation", None) not in _HEADS:
        return model
    logits = head.input
    for view in reversed(views):
        logits = view(logits)
    return tf_keras.Model(model.inputs, logits, name=model.name)


def _core(layer: Any) -> Any:
    """The layer that a wrapper of ``tensorflow_model_optimization`` has inside."""
    return layer.layer if isinstance(layer, QuantizeWrapper) else layer


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


def save_qat(qat_model: Any, path: Path | str) -> None:
    """Write the model with its weights and ranges to one file.

    Args:
        qat_model: From ``quantization_aware``.
        path: An ``.h5`` file: a ``.keras`` file of such a model does not load again.

    Raises:
        QuantizationError: The file has another suffix.
    """
    if Path(path).suffix != ".h5":
        raise QuantizationError(f"'{path}': a quantization-aware model is kept as .h5. Name it so.")
    save_student(qat_model, Path(path))


def load_qat(path: Path | str) -> Any:
    """Open a file of ``save_qat``.

    Args:
        path: The ``.h5`` file.

    Returns:
        The ``tf_keras.Model`` as it was saved: converts to the same bytes, and can be trained on.

    Raises:
        QuantizationError: There is no such file, or it holds something else.
    """
    with keras_quantization.quantize_scope(CUSTOM_OBJECTS):
        try:
            model = open_with_tf_keras(Path(path))
        except Exception as error:  # Keras raises whatever its layers raise
            reason = " ".join(str(error).split())[:160]
            raise QuantizationError(
                f"{path}: tf_keras cannot open it ({reason}). Give the .h5 file of a "
                "quantization-aware model."
            ) from None
    _require_all_ranges(model)
    return model


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
