"""The export and emulate stages: from the int8 file to C, and what that C costs on every board."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from firmware_export import compile_tflite
from firmware_export.choose import Goal
from firmware_export.compiled import CompiledModel
from firmware_export.exporters import EXPORTERS, write_files
from firmware_export.measure.board_estimate import estimate_on_board
from firmware_export.measure.emulator import EmulationResult, emulate
from firmware_export.measure.input_values import Given
from firmware_export.measure.toolchain import Compiler
from firmware_export.target import BOARDS, CORES, Board, Core, find_board
from firmware_export.tflm import run_tflm
from tinykd.artifacts import write_atomically
from tinykd.config import TargetConfig
from tinykd.errors import DataError
from tinykd.export_request import GOLDEN_SAMPLES, make_request
from tinykd.inference import check_identical, quantize_samples
from tinykd.progress import Progress
from tinykd.results import (
    BoardLatency,
    EmulateResult,
    ExportResult,
    FootprintResult,
    LayerCost,
)

SUBFOLDERS = {"c": ".", "c_array": ".", "arduino": "firmware"}
"""Where each exporter's files go, below the build directory."""

SAMPLES_ON_OTHER_CORES = 4
"""Enough to see that a core computes the same bytes; the target's core runs many more."""


def emulate_boards(
    tflite: bytes,
    name: str,
    config: TargetConfig,
    *,
    samples: NDArray[Any],
    progress: Progress,
) -> EmulateResult:
    """Run the C on every core that a board of the table has, and compare every byte with TFLM.

    Args:
        tflite: Full-integer int8 model that takes raw samples.
        name: Prefix of the C names.
        config: Target board, compiler, and how many samples run on its core.
        samples: Raw samples, [n, ...].
        progress: Shows the cores.

    Raises:
        TinykdError: If a core computes another byte than TFLM.
    """
    inputs = quantize_samples(tflite, samples[: config.emulated_samples])
    target = find_board(config.board)
    compiled = compile_tflite(tflite, name=name, optimize=config.optimize)
    expected = run_tflm(tflite, inputs)
    others = {board.core for board in BOARDS.values()} - {target.core}
    cores = [target.core, *sorted(others)]
    results: dict[str, EmulationResult] = {}
    with progress.task("C: emulated cores", len(cores)) as advance:
        for done, core in enumerate(cores, start=1):
            count = len(inputs) if core == target.core else SAMPLES_ON_OTHER_CORES
            results[core] = emulate(
                compiled,
                CORES[core],
                inputs[:count],
                cc=compiler_for(CORES[core], CORES[target.core], config.compiler),
                optimize=config.level,
            )
            check_identical(expected[:count], results[core].outputs)
            advance(done)
    return EmulateResult(
        footprint=_footprint(results[target.core], compiled),
        layers=_layers(results[target.core], compiled),
        latency={board.key: _latency(results[board.core], board) for board in BOARDS.values()},
        emulated_samples=len(inputs),
        compiler=f"{results[target.core].compiler} -{config.level}",
    )


def compiler_for(core: Core, target: Core, chosen: Compiler) -> Compiler:
    """Return the chosen compiler, or zig for a core that the target's gcc makes no code for."""
    return chosen if core.architecture == target.architecture else "zig"


def read_inputs(path: Path) -> Given:
    """Read samples from an ``.npy`` file, or from an ``.npz`` file with an array for each input.

    Raises:
        DataError: If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            inputs = np.load(file, allow_pickle=False)
            return inputs if isinstance(inputs, np.ndarray) else dict(inputs)
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(
            f"{path}: cannot be read as an .npy or .npz file of samples ({reason}). "
            "Write it with numpy.save or numpy.savez."
        ) from None


def _footprint(emulation: EmulationResult, compiled: CompiledModel) -> FootprintResult:
    size = emulation.footprint
    return FootprintResult(
        core=emulation.core,
        flash_bytes=size.flash_bytes,
        weights_bytes=size.weights_bytes,
        code_bytes=size.code_bytes,
        ram_bytes=size.ram_bytes,
        arena_bytes=size.arena_bytes,
        arena_lower_bound_bytes=compiled.arena_lower_bound_bytes,
        stack_bytes=size.stack_bytes,
        how=(
            f"symbols of the ELF linked by {emulation.compiler} -{emulation.optimize} for "
            f"{emulation.core}; stack measured during an emulated inference"
        ),
    )


def _layers(emulation: EmulationResult, compiled: CompiledModel) -> tuple[LayerCost, ...]:
    """Cost by layer; what runs between the layers comes last."""
    weights: dict[str, Any] = {layer.symbol: layer.weights_bytes for layer in compiled.layers}
    return tuple(
        LayerCost(
            name=cost.name or cost.symbol,
            op=cost.op or "INVOKE",
            macs=cost.macs,
            weights_bytes=weights.get(cost.symbol, 0),
            instructions=cost.instructions,
            estimated_cycles=cost.estimated_cycles,
        )
        for cost in emulation.layers
    )


def _latency(emulation: EmulationResult, board: Board) -> BoardLatency:
    estimate = estimate_on_board(emulation, board)
    return BoardLatency(
        display_name=board.name,
        core=board.core,
        clock_hz=board.clock_hz,
        instructions=estimate.instructions,
        estimated_cycles=estimate.estimated_cycles,
        latency_us=estimate.latency_us,
        flash_bytes=emulation.footprint.flash_bytes,
        flash_limit_bytes=board.flash_bytes,
        ram_bytes=emulation.footprint.ram_bytes,
        ram_limit_bytes=board.ram_bytes,
        fits=estimate.fits,
        how=(
            f"compiled by {emulation.compiler} -{emulation.optimize}; {estimate.method}; "
            f"{estimate.uncertainty}"
        ),
    )


def export_model(
    tflite: bytes,
    name: str,
    optimize: Goal,
    *,
    class_names: tuple[str, ...],
    samples: NDArray[Any],
    folder: Path,
    threshold: float | None = None,
) -> ExportResult:
    """Package an int8 model in every form: ``.tflite``, C, C array, Arduino library.

    Args:
        tflite: Full-integer int8 model that takes raw samples.
        name: Prefix of every file and C name.
        optimize: What decides where a layer can run in several ways.
        class_names: Labels of the outputs.
        samples: Raw samples, [n, ...]; the first few become the firmware's self-test.
        folder: Where the files are written.
        threshold: Of an autoencoder's score, for the sketch; None for other models.
    """
    compiled = compile_tflite(tflite, name=name, optimize=optimize)
    request = make_request(
        compiled,
        tflite,
        formats=SUBFOLDERS,
        labels=class_names,
        golden_inputs=quantize_samples(tflite, samples[:GOLDEN_SAMPLES]),
        threshold=threshold,
    )
    write_atomically(folder / f"{name}.tflite", tflite)
    files = [f"{name}.tflite"]
    for exporter, subfolder in SUBFOLDERS.items():
        exported = EXPORTERS[exporter](request)
        write_files(exported, folder / subfolder)
        files += [(PurePosixPath(subfolder) / file).as_posix() for file in exported]
    return ExportResult(files=tuple(files), operators=request.operators, threshold=threshold)
