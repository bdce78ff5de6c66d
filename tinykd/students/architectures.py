"""The ``STUDENTS`` table. Every network is flat, so that it can be trained quantization-aware.

All of them end in logits: the arg-max needs no softmax, and int8 probabilities would have a
resolution of 1/256. Batch normalization stands directly after its convolution, where it folds away.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import tf_keras
from tf_keras import layers

from tinykd.config import StudentConfig
from tinykd.errors import StudentError
from tinykd.students.widths import channels

Shape = tuple[int, ...]


def mlp(input_shape: Shape, classes: int, width: float) -> Any:
    """Two hidden layers of 32 and 32 units times ``width``; for features and small windows."""
    inputs = layers.Input(input_shape, name="input")
    x = layers.Flatten(name="flatten")(inputs) if len(input_shape) > 1 else inputs
    for index, units in enumerate(channels("mlp", width), start=1):
        x = layers.Dense(units, activation="relu", name=f"hidden_{index}")(x)
    return tf_keras.Model(inputs, layers.Dense(classes, name="logits")(x), name="mlp")


def ds_cnn(input_shape: Shape, classes: int, width: float) -> Any:
    """Convolution, then three depthwise-separable blocks of 32, 48 and 64 channels, then a mean.

    From 24 pixels on, the first layer has stride 2: it sets the peak of the memory.

    Source: Zhang et al., "Hello Edge: Keyword Spotting on Microcontrollers", 2017, section 4.
    """
    inputs = layers.Input(_image_shape(input_shape, "ds_cnn"), name="input")
    stem, *blocks = channels("ds_cnn", width)
    x = _conv(inputs, stem, 3, 2 if min(inputs.shape[1:3]) >= 24 else 1, name="stem")
    for index, (filters, stride) in enumerate(zip(blocks, (1, 2, 1), strict=True), start=1):
        x = layers.DepthwiseConv2D(
            3, strides=stride, padding="same", use_bias=False, name=f"block_{index}_depthwise"
        )(x)
        x = _normalize(x, f"block_{index}_depthwise")
        x = _conv(x, filters, 1, 1, name=f"block_{index}_pointwise")
    return _classifier(inputs, x, classes, "ds_cnn")


def resnet8(input_shape: Shape, classes: int, width: float) -> Any:
    """Three residual stages of 16, 32 and 64 channels; the MLPerf Tiny image classifier at width 1.

    Source: He et al., "Deep Residual Learning for Image Recognition", 2016, section 4.2;
    Banbury et al., "MLPerf Tiny Benchmark", 2021.
    """
    inputs = layers.Input(_image_shape(input_shape, "resnet8"), name="input")
    stages = channels("resnet8", width)
    x = _conv(inputs, stages[0], 3, 1, name="stem")
    for index, (filters, stride) in enumerate(zip(stages, (1, 2, 2), strict=True), start=1):
        y = _conv(x, filters, 3, stride, name=f"stage_{index}_conv_1")
        y = _conv(y, filters, 3, 1, name=f"stage_{index}_conv_2", relu=False)
        if stride != 1:
            x = _conv(x, filters, 1, stride, name=f"stage_{index}_shortcut", relu=False)
        x = layers.Add(name=f"stage_{index}_add")([x, y])
        x = layers.ReLU(name=f"stage_{index}_relu")(x)
    return _classifier(inputs, x, classes, "resnet8")


def cnn1d(input_shape: Shape, classes: int, width: float) -> Any:
    """Three convolutions over time, of 16, 32 and 64 channels, kernel 7, stride 2, then a mean.

    Written as two-dimensional convolutions of kernel (7, 1), which TFLite and quantization-aware
    training support. The first axis is time; the others are channels.
    """
    if len(input_shape) < 2:
        raise StudentError(
            f"student.architecture 'cnn1d' needs samples of [length, channels], got {input_shape}. "
            "Use 'mlp' for plain features."
        )
    inputs = layers.Input(input_shape, name="input")
    as_image = (input_shape[0], 1, math.prod(input_shape[1:]))
    x = layers.Reshape(as_image, name="as_image")(inputs)
    for index, filters in enumerate(channels("cnn1d", width), start=1):
        x = _conv(x, filters, (7, 1), (2, 1), name=f"conv_{index}")
    return _classifier(inputs, x, classes, "cnn1d")


def autoencoder(input_shape: Shape, classes: int, width: float) -> Any:
    """Hidden layers of 64 units times ``width`` before and behind a code of 8; for ``anomaly``.

    Source: Koizumi et al., "Description and Discussion on DCASE2020 Challenge Task 2", 2020, with
    one layer on each side in place of four.
    """
    inputs = layers.Input(input_shape, name="input")
    x = layers.Flatten(name="flatten")(inputs) if len(input_shape) > 1 else inputs
    names = ("encode", "code", "decode")
    for name, units in zip(names, channels("autoencoder", width), strict=True):
        x = layers.Dense(units, activation="relu", name=name)(x)
    return tf_keras.Model(inputs, layers.Dense(classes, name="rebuilt")(x), name="autoencoder")


STUDENTS: dict[str, Callable[[Shape, int, float], Any]] = {
    "mlp": mlp,
    "ds_cnn": ds_cnn,
    "resnet8": resnet8,
    "cnn1d": cnn1d,
    "autoencoder": autoencoder,
}


REBUILDING = frozenset({"autoencoder"})
"""Rows for tasks whose network gives back its input, as an anomaly score needs."""


def build_student(
    config: StudentConfig,
    input_shape: Shape,
    classes: int,
    *,
    seed: int,
    start: Sequence[float] = (),
) -> Any:
    """Build a freshly initialised student.

    Args:
        config: Architecture and width.
        input_shape: Shape of one sample as the data set has it.
        classes: Number of logits.
        seed: Of the initial weights; the same seed gives the same weights.
        start: What it says before training, about: bias of its last layer; empty, that is 0.

    Returns:
        A ``tf_keras`` functional model from float32 [n, ...] to logits [n, classes].

    Raises:
        StudentError: If the architecture does not suit the samples.
    """
    tf_keras.backend.clear_session()
    tf_keras.utils.set_random_seed(seed)
    model = STUDENTS[config.architecture](input_shape, classes, config.width)
    if start:
        model.layers[-1].bias.assign(start)
    return model


def _image_shape(input_shape: Shape, architecture: str) -> Shape:
    """[height, width, channels]; a missing channel axis is added."""
    shape = (*input_shape, 1) if len(input_shape) == 2 else input_shape
    if len(shape) != 3 or min(shape[:2]) < 4:
        raise StudentError(
            f"student.architecture '{architecture}' needs images of at least 4x4 pixels, "
            f"got samples of {input_shape}. Use 'cnn1d' for signals or 'mlp' for features."
        )
    return shape


def _conv(x: Any, filters: int, kernel: Any, stride: Any, *, name: str, relu: bool = True) -> Any:
    """Convolution without bias, batch normalization, and ReLU if asked."""
    x = layers.Conv2D(filters, kernel, strides=stride, padding="same", use_bias=False, name=name)(x)
    return _normalize(x, name, relu=relu)


def _normalize(x: Any, name: str, *, relu: bool = True) -> Any:
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if relu else x


def _classifier(inputs: Any, x: Any, classes: int, name: str) -> Any:
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return tf_keras.Model(inputs, layers.Dense(classes, name="logits")(x), name=name)
