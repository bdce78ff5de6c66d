"""Every layer that stock quantization-aware training refuses or leaves float, and what we do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Body = Callable[[Any], Any]
"""From a Keras tensor to the next."""


def print_layers() -> None:
    """Two tables: our templates as int8 files, and layer by layer stock against ours."""
    print("\n| student | operators of the int8 file |\n|---|---|")
    for name, student in _templates().items():
        print(f"| {name} | {', '.join(_ours(student))} |")
    print("\n| layer | stock | ours |\n|---|---|---|")
    for name, student in _students().items():
        print(f"| {name} | {_stock(student)} | {_told(student)} |")


def _told(student: Any) -> str:
    """Operators of our file, or how it is refused; any other error is one of ours."""
    from tinykd.errors import TinykdError

    try:
        return ", ".join(_ours(student))
    except TinykdError as error:
        return f"refused: {error}"


def _ours(student: Any) -> list[str]:
    """Operators of the int8 file; every one was checked to be int8, with fixed shapes."""
    from tinykd.convert import convert_qat
    from tinykd.quantization.qat import calibrate, quantization_aware
    from tinykd.students.from_keras_3 import as_tf_keras
    from tinykd.tflite_file import describe

    model = quantization_aware(as_tf_keras(student))
    calibrate(model, [np.random.default_rng(0).random((32, *student.input_shape[1:]), np.float32)])
    return list(dict.fromkeys(describe(convert_qat(model)).operators))


def _stock(student: Any) -> str:
    """What tensorflow-model-optimization does with a student as it is."""
    import tensorflow as tf
    from tensorflow_model_optimization.quantization.keras import quantize_model

    try:
        converter = tf.lite.TFLiteConverter.from_keras_model(quantize_model(student))
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        stray = _float_operators(converter.convert())
    except Exception as error:  # whatever TensorFlow raises
        return f"refused ({type(error).__name__})"
    return f"float inside: {', '.join(stray)}" if stray else "int8"


def _float_operators(tflite: bytes) -> list[str]:
    from tinykd.tflite_file import TYPE_CODES, operator_name, unpack

    model = unpack(tflite)
    graph = model.subgraphs[0]
    names = (
        operator_name(model, operator)
        for operator in graph.operators
        if graph.tensors[operator.outputs[0]].type == TYPE_CODES["FLOAT32"]
    )
    return list(dict.fromkeys(names))


def _network(shape: tuple[int, ...], *layers: Body) -> Any:
    import tf_keras

    x = inputs = tf_keras.layers.Input(shape, name="input")
    for layer in layers:
        x = layer(x)
    return tf_keras.Model(inputs, x, name="net")


def _templates() -> dict[str, Any]:
    from tf_keras import layers

    from tinykd.students.architectures import STUDENTS

    def excited(x: Any) -> Any:
        gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
        gate = layers.Conv2D(4, 1, activation="sigmoid")(gate)
        return layers.Multiply()([x, gate])

    def ended(x: Any) -> Any:
        return layers.Dense(3, activation="softmax")(layers.Flatten()(x))

    shapes = {"cnn1d": (32, 3), "mlp": (16,)}
    return {
        **{name: build(shapes.get(name, (16, 16)), 5, 0.5) for name, build in STUDENTS.items()},
        "Dense, BatchNormalization, ReLU": _network(
            (16,), layers.Dense(8), layers.BatchNormalization(), layers.ReLU(), layers.Dense(3)
        ),
        "squeeze and excite, softmax": _network((8, 8, 2), layers.Conv2D(4, 3), excited, ended),
    }


def _students() -> dict[str, Any]:
    """One student for each layer that section 4.1 of the measurements lists as refused or float."""
    import keras
    import tensorflow as tf
    import tf_keras
    from tf_keras import layers

    def image(*body: Body) -> Any:
        return _network((8, 8, 4), *body)

    def sequence(*body: Body) -> Any:
        return _network((16, 4), *body)

    def both(merge: Any) -> Body:
        return lambda x: merge([layers.Conv2D(4, 1)(x), layers.Conv2D(4, 1)(x)])

    class Subclassed(tf_keras.Model):  # type: ignore[misc]  # untyped
        def call(self, x: Any) -> Any:
            return x

    inner = tf_keras.Sequential([layers.Conv2D(4, 3, activation="relu")], name="inner")
    keras_3 = keras.Sequential([keras.layers.Input((16,)), keras.layers.Dense(4)])
    attention = layers.MultiHeadAttention(2, 4)
    return {
        "Dense, BatchNormalization": _network(
            (16,), layers.Dense(8), layers.BatchNormalization(), layers.ReLU()
        ),
        "Dense, swish": _network((16,), layers.Dense(8, activation="swish")),
        "Conv2DTranspose": image(layers.Conv2DTranspose(4, 3)),
        "Conv2DTranspose, BatchNormalization": image(
            layers.Conv2DTranspose(4, 3), layers.BatchNormalization()
        ),
        "Conv1D": sequence(layers.Conv1D(4, 3)),
        "DepthwiseConv1D": sequence(layers.DepthwiseConv1D(3)),
        "SeparableConv1D": sequence(layers.SeparableConv1D(4, 3)),
        "MaxPooling1D": sequence(layers.MaxPooling1D()),
        "UpSampling1D": sequence(layers.UpSampling1D()),
        "BatchNormalization alone": image(layers.BatchNormalization(), layers.Conv2D(4, 3)),
        "BatchNormalization after ReLU": image(
            layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization(), layers.Conv2D(4, 3)
        ),
        "Multiply": image(both(layers.Multiply())),
        "Subtract": image(both(layers.Subtract())),
        "x + y": image(lambda x: layers.Conv2D(4, 1)(x) + layers.Conv2D(4, 1)(x)),
        "PReLU": image(layers.Conv2D(4, 3), layers.PReLU(shared_axes=[1, 2])),
        "ELU": image(layers.Conv2D(4, 3), layers.ELU()),
        "hard_sigmoid": image(layers.Conv2D(4, 3, activation="hard_sigmoid")),
        "tf.nn.relu6": image(layers.Conv2D(4, 3, activation=tf.nn.relu6)),
        "Permute": image(layers.Conv2D(4, 3), layers.Permute((3, 1, 2))),
        "LayerNormalization": image(layers.LayerNormalization()),
        "Embedding": _network((16,), layers.Embedding(10, 4)),
        "LSTM": sequence(layers.LSTM(4)),
        "GRU": sequence(layers.GRU(4)),
        "SimpleRNN": sequence(layers.SimpleRNN(4)),
        "TimeDistributed": sequence(layers.TimeDistributed(layers.Dense(4))),
        "MultiHeadAttention": sequence(lambda x: attention(x, x)),
        "Rescaling": image(layers.Rescaling(0.5), layers.Conv2D(4, 3)),
        "Normalization": image(layers.Normalization(mean=1.0, variance=2.0), layers.Conv2D(4, 3)),
        "Resizing": image(layers.Resizing(4, 4)),
        "RandomFlip": image(layers.RandomFlip(), layers.Conv2D(4, 3)),
        "GaussianNoise": image(layers.GaussianNoise(0.1), layers.Conv2D(4, 3)),
        "Lambda": image(layers.Lambda(lambda x: x)),
        "nested Sequential": image(inner, layers.Conv2D(4, 3)),
        "subclassed model": Subclassed(),
        "Keras 3 model": keras_3,
    }
