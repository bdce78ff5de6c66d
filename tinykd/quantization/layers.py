"""Which layers can be trained quantization-aware, and what to use in place of the others.

Checked before anything is built, so that the error names the user's layer. Some of the refused
ones are accepted by ``tensorflow_model_optimization`` and then stay float, or get their ranges
from nowhere; others end in an error of its own that names nothing.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import tf_keras
from tf_keras.src.engine.functional import Functional

from tinykd.errors import QuantizationError
from tinykd.quantization.fold import fused_activation
from tinykd.quantization.limits import SUPPORTED, USE_A_LAYER

_layers = tf_keras.layers

_PREPROCESS = "Apply it to the data before the student; a power of two is folded into the file."
_RECURRENT = "Use Conv1D over time, or the student 'cnn1d'."
_NORM = "Use BatchNormalization directly after a convolution or a Dense layer."
_AUGMENT = "Apply it to the training data, not in the student."

REMEDIES: dict[str, str] = {
    "Cropping1D": "Crop the data before the student.",
    "Cropping2D": "Crop the data before the student.",
    "Average": "Use Add; the layer after it can learn the factor.",
    "Maximum": "Use Add, or MaxPooling2D over neighbours.",
    "Minimum": "Use Add.",
    "Dot": "Use Multiply and then a Dense layer.",
    "SlicingOpLambda": USE_A_LAYER,
    "Lambda": USE_A_LAYER,
    "ThresholdedReLU": "Use ReLU; the bias before it can learn the threshold.",
    "LayerNormalization": _NORM,
    "GroupNormalization": _NORM,
    "UnitNormalization": _NORM,
    "Embedding": "Give the student numbers from a sensor, or one-hot codes and a Dense layer.",
    "LSTM": _RECURRENT,
    "GRU": _RECURRENT,
    "SimpleRNN": _RECURRENT,
    "RNN": _RECURRENT,
    "Bidirectional": _RECURRENT,
    "ConvLSTM2D": _RECURRENT,
    "MultiHeadAttention": _RECURRENT,
    "TimeDistributed": "A Dense layer or a Conv1D of kernel 1 does so by itself.",
    "Resizing": _PREPROCESS,
    "CenterCrop": _PREPROCESS,
    "RandomFlip": _AUGMENT,
    "RandomTranslation": _AUGMENT,
    "RandomRotation": _AUGMENT,
    "RandomZoom": _AUGMENT,
    "RandomCrop": _AUGMENT,
}

_OTHERWISE = "Use one of: {}."


def check_quantizable(student: Any) -> None:
    """Refuse a student that cannot be trained quantization-aware, layer by layer.

    Args:
        student: What the user gives as a student; a functional ``tf_keras.Model`` passes, nested
            or flat.

    Raises:
        QuantizationError: The first layer that is not supported, what is wrong with it, and
            what to use in its place.
    """
    if not isinstance(student, tf_keras.Model):
        raise QuantizationError(
            f"Student is a {type(student).__module__}.{type(student).__name__}; expected a "
            "tf_keras model. tinykd.quantize takes those of Keras 3 too."
        )
    if not isinstance(student, Functional) or not student.built:
        raise QuantizationError(
            f"Student '{student.name}' is a subclassed tf_keras.Model; expected a functional "
            "one. Build it with tf_keras.Model(inputs, outputs)."
        )
    if len(student.inputs) != 1 or len(student.outputs) != 1:
        raise QuantizationError(
            f"Student '{student.name}' has {len(student.inputs)} inputs and "
            f"{len(student.outputs)} outputs; expected one of each. Split it."
        )
    uses = Counter(id(layer) for layer in _layers_in_use(student))
    for layer in _layers_in_use(student):
        if uses[id(layer)] > 1 and layer.weights:
            raise QuantizationError(
                f"{type(layer).__name__} at '{layer.name}': is used more than once. "
                "Build a layer for each use."
            )
        _check_layer(layer)


def _layers_in_use(model: Any) -> Iterator[Any]:
    """Every use of a layer, nested models opened."""
    for nodes in model._nodes_by_depth.values():
        for node in nodes:
            if isinstance(node.layer, Functional):
                yield from _layers_in_use(node.layer)
            else:
                yield node.layer


def _check_layer(layer: Any) -> None:
    kind = type(layer).__name__
    limit = SUPPORTED.get(type(layer))
    if limit is None:
        remedy = REMEDIES.get(
            kind, _OTHERWISE.format(", ".join(known.__name__ for known in SUPPORTED))
        )
        raise QuantizationError(
            f"{kind} at '{layer.name}': cannot be trained quantization-aware. {remedy}"
        )
    broken = limit(layer)
    if broken is not None:
        raise QuantizationError(f"{kind} at '{layer.name}': {broken}")


FUSES_RELU = (_layers.Add, _layers.Subtract, _layers.Multiply)
"""Operators without weights that TFLite fuses a ReLU into."""


def check_foldable(folded: Any) -> None:
    """Refuse a ReLU that could not be folded into the layer before.

    Args:
        folded: The student after ``fold.fold_batch_norm``.

    Raises:
        QuantizationError: Names the layer and where it has to stand.
    """
    for layer in folded.layers:
        is_relu = type(layer) is _layers.ReLU or (
            type(layer) is _layers.Activation and fused_activation(layer) is not None
        )
        if is_relu and not _follows_only_a_fusing_layer(layer):
            raise QuantizationError(
                f"{type(layer).__name__} at '{layer.name}': must directly follow a Conv2D, "
                "DepthwiseConv2D, Dense, BatchNormalization, Add, Subtract or Multiply layer that "
                "feeds nothing else. Move it there."
            )


def _follows_only_a_fusing_layer(layer: Any) -> bool:
    before = layer.inbound_nodes[0].inbound_layers
    return type(before) in FUSES_RELU and len(before.outbound_nodes) == 1
