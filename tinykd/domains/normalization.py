"""Batch normalization re-estimated on samples of another domain, for as long as a context lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tinykd.keras_models import library_of
from tinykd.training import Trainee

BATCH = 256
"""Rows whose statistics are taken together; those of all batches are averaged."""


def normalizations(model: Any) -> list[Any]:
    """Every batch normalization of a model of either Keras, those of inner models included."""
    kind = library_of(model).layers.BatchNormalization
    return [layer for layer in model._flatten_layers() if isinstance(layer, kind)]


@contextmanager
def normalized_to(model: Any, x: NDArray[Any]) -> Iterator[None]:
    """Give every batch normalization the statistics of ``x``; afterwards the model is as before.

    Weights stay: only mean and variance of each channel move, which is where a shift of the sensor
    or of its noise shows first. Dropout is off meanwhile.

    Args:
        model: Keras 3 or tf_keras model.
        x: Samples of the other domain, [n, ...].

    Source: Li et al., "Revisiting Batch Normalization For Practical Domain Adaptation", 2016,
    algorithm 1.
    """
    before = [np.array(array) for array in model.get_weights()]
    layers = normalizations(model)
    momenta = [layer.momentum for layer in layers]
    dropouts = [layer for layer in model._flatten_layers() if hasattr(layer, "rate")]
    rates = [layer.rate for layer in dropouts]
    trainee = Trainee("teacher", model, 1.0)
    try:
        for layer in dropouts:
            layer.rate = 0.0
        mixed = x[np.random.default_rng(0).permutation(len(x))]  # samples may lie class by class
        batches = np.array_split(mixed, max(1, len(x) // BATCH)) if layers else []
        for done, batch in enumerate(batches):
            for layer in layers:  # the mean of all batches so far
                layer.momentum = done / (done + 1)
            model(trainee.prepare(tf.constant(batch)), training=True)
        yield
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        for layer, rate in zip(dropouts, rates, strict=True):
            layer.rate = rate
        model.set_weights(before)
