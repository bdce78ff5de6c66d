"""What do the networks of MLPerf Tiny cost as our C, and are they counted as they are published?

Run it with `python -m benchmarks.mlperf_tiny`. The networks are built with random weights, made
int8 and profiled for a Nano 33 BLE. Parameters, multiply-accumulates and the largest sum of
activations that are alive at once are compared with those of the published int8 files. The wake
word of version 1.3 is not among them: its network is not described in the paper.

Source: Banbury et al., "MLPerf Tiny Benchmark", NeurIPS Datasets and Benchmarks 2021, table 1 and
appendix A.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import tf_keras
from tf_keras import layers

from firmware_export import profile_tflite
from tinykd.backend import load_tensorflow
from tinykd.convert import convert_ptq
from tinykd.domains.normalization import normalized_to
from tinykd.progress import Silent
from tinykd.quantization.qat import inference_form
from tinykd.students.architectures import STUDENTS

RESULTS = Path(__file__).parent / "results" / "mlperf_tiny.json"
BOARD = "nano33ble"


def keyword_spotting() -> Any:
    """DS-CNN on 49 x 10 cepstra: a convolution and four separable ones of 64 channels."""
    x = inputs = layers.Input((49, 10, 1))
    x = _normalized(layers.Conv2D(64, (10, 4), 2, "same", use_bias=False)(x))
    for _ in range(4):
        x = _normalized(layers.DepthwiseConv2D(3, 1, "same", use_bias=False)(x))
        x = _normalized(layers.Conv2D(64, 1, use_bias=False)(x))
    return _classifier(inputs, x, 12)


def visual_wake_words() -> Any:
    """MobileNet v1 of a quarter of its width, on 96 x 96 pixels of three colours."""
    blocks = [(16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *[(128, 1)] * 5]
    x = inputs = layers.Input((96, 96, 3))
    x = _normalized(layers.Conv2D(8, 3, 2, "same", use_bias=False)(x))
    for channels, stride in [*blocks, (256, 2), (256, 1)]:
        x = _normalized(layers.DepthwiseConv2D(3, stride, "same", use_bias=False)(x))
        x = _normalized(layers.Conv2D(channels, 1, use_bias=False)(x))
    return _classifier(inputs, x, 2)


def image_classification(width: float) -> Any:
    """ResNet-8 on 32 x 32 pixels of three colours; the larger one of the suite has width 2.5."""
    return STUDENTS["resnet8"]((32, 32, 3), 10, width)


def anomaly_detection() -> Any:
    """Autoencoder of 640 spectral values: four layers of 128, a code of 8, and back."""
    x = inputs = layers.Input((640,))
    for units in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        x = layers.ReLU()(layers.BatchNormalization()(layers.Dense(units)(x)))
    return tf_keras.Model(inputs, layers.Dense(640)(x))


def _normalized(x: Any) -> Any:
    return layers.ReLU()(layers.BatchNormalization()(x))


def _classifier(inputs: Any, x: Any, classes: int) -> Any:
    x = layers.Dense(classes)(layers.GlobalAveragePooling2D()(x))
    return tf_keras.Model(inputs, layers.Softmax()(x))


@dataclass(frozen=True)
class Network:
    """A network, and what is counted in its published int8 file.

    Attributes:
        build: Makes it.
        parameters: Elements of its constants, without those that say a shape.
        million_macs: Multiply-accumulates of one inference.
        activations: Bytes of the largest sum of activations alive at once.
    """

    build: Callable[[], Any]
    parameters: int
    million_macs: float
    activations: int


NETWORKS = {
    "keyword spotting": Network(keyword_spotting, 22_604, 2.657, 16_000),
    "visual wake words": Network(visual_wake_words, 210_850, 7.490, 55_296),
    "image classification": Network(lambda: image_classification(1.0), 77_706, 12.502, 49_152),
    "image classification, large": Network(
        lambda: image_classification(2.5), 480_330, 76.474, 122_880
    ),
    "anomaly detection": Network(anomaly_detection, 265_864, 0.264, 768),
}


def measure(network: Network) -> dict[str, Any]:
    """Count, convert and profile it."""
    tf_keras.utils.set_random_seed(0)
    model = network.build()
    shape = (64, *model.input_shape[1:])
    samples = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    with normalized_to(model, samples):  # without statistics random weights fade away
        folded = inference_form(model)
    tflite = convert_ptq(folded, samples)
    found = profile_tflite(tflite, BOARD)
    return {
        "parameters": int(sum(weight.shape.num_elements() for weight in folded.weights)),
        "macs": found.macs,
        "activations": found.arena_lower_bound_bytes,
        "file_bytes": len(tflite),
        "flash_bytes": found.flash_bytes,
        "ram_bytes": found.ram_bytes,
        "instructions": found.instructions,
        "milliseconds": found.latency_us / 1000,
    }


def print_table(table: dict[str, dict[str, Any]]) -> None:
    """One row for each network, and what differs from the published count."""
    print("\n| network | parameters | MACs | activations | `.tflite` | flash | RAM |", end="")
    print(" instructions | estimated |")
    print("|---" * 9 + "|")
    for name, found in table.items():
        published = NETWORKS[name]
        counts = [
            _beside(f"{found['parameters']:,}", f"{published.parameters:,}"),
            _beside(f"{found['macs'] / 1e6:.3f} M", f"{published.million_macs:.3f} M"),
            _beside(f"{found['activations']:,} B", f"{published.activations:,} B"),
        ]
        sizes = [f"{found[f'{what}_bytes']:,} B" for what in ("file", "flash", "ram")]
        print(f"| {name} | {' | '.join([*counts, *sizes])} |", end="")
        print(f" {found['instructions']:,} | {found['milliseconds']:.0f} ms |")


def _beside(counted: str, published: str) -> str:
    return counted if counted == published else f"{counted} (published: {published})"


@click.command()
def main() -> None:
    """Measure all of them, and print the table."""
    load_tensorflow(Silent())
    table = {name: measure(network) for name, network in NETWORKS.items()}
    RESULTS.write_text(json.dumps(table, indent=1) + "\n")
    print_table(table)


if __name__ == "__main__":
    main()
