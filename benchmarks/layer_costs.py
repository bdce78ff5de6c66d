"""What layers cost on a Cortex-M: instructions and estimated cycles per multiply-accumulate.

Run it from the root, as `python -m benchmarks.layer_costs`. Each layer is a model of its own with
random weights, compiled at -O3 and run on the emulated core; its bytes are compared with TFLM's.
Layers without multiply-accumulates are counted per value of the output.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np

from firmware_export import compile_tflite
from firmware_export.ir import Node
from firmware_export.measure import emulate
from firmware_export.measure.toolchain import Compiler
from firmware_export.target import CORES, find_core
from firmware_export.tflite_writer import write_tflite
from firmware_export.tflm import run_tflm
from tests.firmware.fixtures.single_ops import (
    add,
    conv_2d,
    depthwise_conv_2d,
    fully_connected,
    mean,
    model_of,
    pool_2d,
    samples,
    softmax,
)

RESULTS = Path(__file__).parent / "results" / "layer_costs.json"
COMPILERS: tuple[Compiler, ...] = ("zig", "gcc")

LAYERS: Mapping[str, Node] = {
    "conv 3x3, 32x32x3 to 16": conv_2d("a", 1, image=(1, 32, 32, 3), channels=16),
    "conv 3x3, 16x16x16 to 16": conv_2d("b", 1, image=(1, 16, 16, 16), channels=16),
    "conv 3x3 stride 2, 16x16x16 to 32": conv_2d(
        "c", 1, image=(1, 16, 16, 16), channels=32, strides=(2, 2)
    ),
    "conv 10x4 stride 2, 49x10x1 to 64": conv_2d(
        "d", 1, image=(1, 49, 10, 1), channels=64, kernel=(10, 4), strides=(2, 2)
    ),
    "conv 1x1, 24x24x8 to 16": conv_2d("e", 1, image=(1, 24, 24, 8), channels=16, kernel=(1, 1)),
    "conv 1x1, 25x5x64 to 64": conv_2d("f", 1, image=(1, 25, 5, 64), channels=64, kernel=(1, 1)),
    "conv 1x1, 6x6x128 to 128": conv_2d("g", 1, image=(1, 6, 6, 128), channels=128, kernel=(1, 1)),
    "conv 3x3 dilated, 12x12x8 to 8": conv_2d(
        "h", 1, image=(1, 12, 12, 8), channels=8, dilation=(2, 2)
    ),
    "conv 3x3 in 4 groups, 12x12x16 to 16": conv_2d(
        "i", 1, image=(1, 12, 12, 16), channels=16, groups=4
    ),
    "depthwise 3x3, 25x5x64": depthwise_conv_2d("j", 1, image=(1, 25, 5, 64)),
    "depthwise 3x3, 48x48x8": depthwise_conv_2d("k", 1, image=(1, 48, 48, 8)),
    "depthwise 3x3, 12x12x64": depthwise_conv_2d("l", 1, image=(1, 12, 12, 64)),
    "depthwise 3x3 stride 2, 24x24x32": depthwise_conv_2d(
        "m", 1, image=(1, 24, 24, 32), strides=(2, 2)
    ),
    "depthwise 5x5, 12x12x32": depthwise_conv_2d("n", 1, image=(1, 12, 12, 32), kernel=(5, 5)),
    "depthwise 3x3 dilated, 12x12x32": depthwise_conv_2d(
        "o", 1, image=(1, 12, 12, 32), dilation=(2, 2)
    ),
    "depthwise 3x3 multiplier 8, 12x12x4": depthwise_conv_2d(
        "p", 1, image=(1, 12, 12, 4), multiplier=8
    ),
    "fully connected, 640 to 128": fully_connected("q", 1, shape=(1, 640), features=128),
    "fully connected, 64 to 12": fully_connected("r", 1, shape=(1, 64), features=12),
    "add, 32x32x16": add("s", shapes=((1, 32, 32, 16), (1, 32, 32, 16))),
    "average pool 2x2, 24x24x16": pool_2d("AVERAGE_POOL_2D", "t", image=(1, 24, 24, 16)),
    "average pool 25x5, 25x5x64": pool_2d(
        "AVERAGE_POOL_2D", "u", image=(1, 25, 5, 64), kernel=(25, 5)
    ),
    "max pool 2x2, 24x24x16": pool_2d("MAX_POOL_2D", "v", image=(1, 24, 24, 16)),
    "mean 8x8, 8x8x64": mean("w", image=(1, 8, 8, 64)),
    "softmax, 12": softmax("x", shape=(1, 12)),
}


def measure(layer: Node, core: str, compiler: Compiler) -> dict[str, int]:
    """Counts of one inference of a layer on its own.

    Raises:
        click.ClickException: A byte differs from TFLM.
    """
    graph = model_of(layer)
    model = write_tflite(graph)
    inputs = samples(graph, random=1)
    compiled = compile_tflite(model, name="layer", target=core)
    found = emulate(compiled, CORES[core], inputs, cc=compiler)
    if not np.array_equal(found.outputs.reshape(-1), run_tflm(model, inputs).reshape(-1)):
        raise click.ClickException(f"{layer.op} differs from TFLM on {core} with {compiler}")
    return {
        "instructions": found.layers[0].instructions,
        "estimated_cycles": found.layers[0].estimated_cycles,
        "code_bytes": found.footprint.code_bytes,
        "scratch_bytes": compiled.arena_bytes - compiled.arena_lower_bound_bytes,
        "stack_bytes": found.stack_bytes,
    }


def units(layer: Node) -> int:
    """Multiply-accumulates, or values of the output where there are none."""
    compiled = compile_tflite(write_tflite(model_of(layer)), name="layer")
    return compiled.macs or layer.output.elements


@click.command()
@click.option("--core", default="cortex-m4", show_default=True, help="A core of the compiler.")
def main(core: str) -> None:
    """Measure every layer of the table, with both compilers."""
    find_core(core)
    rows: dict[str, dict[str, Any]] = {
        name: {
            "units": units(layer),
            **{compiler: measure(layer, core, compiler) for compiler in COMPILERS},
        }
        for name, layer in LAYERS.items()
    }
    RESULTS.write_text(json.dumps({"core": core, "layers": rows}, indent=1) + "\n")
    print(f"| layer, {core} | MACs or values | zig | gcc | cycles, zig | cycles, gcc |")
    print("|---|---|---|---|---|---|")
    for name, row in rows.items():
        figures = [
            f"{row[compiler][what] / row['units']:.2f}"
            for what in ("instructions", "estimated_cycles")
            for compiler in COMPILERS
        ]
        print(f"| {name} | {row['units']:,} | {' | '.join(figures)} |")


if __name__ == "__main__":
    main()
