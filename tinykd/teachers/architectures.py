"""The teacher that is trained here when the user brings none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

MOMENTUM = 0.9
"""Of the batch-norm statistics: Keras' 0.99 needs hundreds of steps to forget its start."""


CODE = 8
"""Numbers that an autoencoder brings a sample down to."""


def build_teacher(
    input_shape: tuple[int, ...],
    classes: int,
    *,
    width: int,
    seed: int,
    start: Sequence[float] = (),
    rebuilds: bool = False,
) -> Any:
    """A Keras 3 convolutional network for raw samples; it normalizes them itself.

    Args:
        input_shape: [height, width, channels] or [height, width] for images, [length, channels]
            with up to 16 channels for signals, [features] for features.
        classes: Number of logits.
        width: Channels of the first block.
        seed: Of the initial weights.
        start: What it says before training, about: bias of its last layer; empty, that is 0.
        rebuilds: It gives its own input back, through a few numbers.

    Returns:
        A model from raw float32 [n, ...] to logits [n, classes].
    """
    keras.utils.set_random_seed(seed)
    inputs = layers.Input(input_shape)
    x = layers.BatchNormalization(momentum=MOMENTUM, name="normalize")(inputs)
    if rebuilds:
        x = _code_blocks(layers.Flatten()(x), width)
    elif len(input_shape) == 1:
        x = _dense_blocks(x, width)
    elif len(input_shape) == 2 and input_shape[1] <= 16:
        x = _signal_blocks(x, width)
    else:
        if len(input_shape) == 2:
            x = layers.Reshape((*input_shape, 1))(x)
        x = _image_blocks(x, width)
    head = layers.Dense(classes, name="logits")
    model = keras.Model(inputs, head(x), name="teacher")
    if start:
        head.bias.assign(start)
    return model


def scale_outputs(model: Any, scale: float) -> None:
    """Multiply what a teacher gives by a power of two, exactly, in its last layer."""
    head = model.layers[-1]
    head.set_weights([weights * np.float32(scale) for weights in head.get_weights()])


def _image_blocks(x: Any, width: int) -> Any:
    """Two convolutions at each of up to three resolutions."""
    for stage in range(3):
        for _ in range(2):
            x = layers.Conv2D(width * 2**stage, 3, padding="same", use_bias=False)(x)
            x = layers.ReLU()(layers.BatchNormalization(momentum=MOMENTUM)(x))
        if stage < 2 and min(x.shape[1:3]) >= 4:
            x = layers.MaxPooling2D()(x)
    return layers.GlobalAveragePooling2D()(x)


def _signal_blocks(x: Any, width: int) -> Any:
    for stage in range(3):
        x = layers.Conv1D(width * 2**stage, 7, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=MOMENTUM)(x))
        if x.shape[1] >= 4:
            x = layers.MaxPooling1D()(x)
    return layers.GlobalAveragePooling1D()(x)


def _code_blocks(x: Any, width: int) -> Any:
    """Dense blocks before and behind a code of eight numbers.

    Source: the baseline of Koizumi et al., "Description and Discussion on DCASE2020 Challenge
    Task 2", 2020.
    """
    code = layers.Dense(CODE, name="code")(_dense_blocks(x, width))
    return _dense_blocks(code, width)


def _dense_blocks(x: Any, width: int) -> Any:
    for _ in range(2):
        x = layers.Dense(8 * width, use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=MOMENTUM)(x))
    return x
