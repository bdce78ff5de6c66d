"""What an exporter needs besides the compiled model, gathered only where it is needed."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from firmware_export.compiled import CompiledModel
from firmware_export.exporters import ExportRequest, GoldenVectors

GOLDEN_SAMPLES = 4
"""Samples in the firmware's self-test."""


def make_request(
    compiled: CompiledModel,
    tflite: bytes,
    *,
    formats: Collection[str],
    labels: tuple[str, ...] = (),
    golden_inputs: np.ndarray[tuple[int, ...], np.dtype[np.int8]] | None = None,
    threshold: float | None = None,
) -> ExportRequest:
    """Measure what the formats ask for: TFLM's arena, and the answers of the self-test.

    Args:
        compiled: The model as C.
        tflite: The file it comes from.
        formats: Rows of ``EXPORTERS``.
        labels: Names of the classes.
        golden_inputs: int8 [n, ...] for the self-test; random values if there are none.
        threshold: Of an autoencoder's score; None for other models.

    Raises:
        TinykdError: If TFLM cannot run the model, or the C cannot be compiled.
    """
    from firmware_export.tflm import arena_bytes, operators

    arena = golden = None
    if "c_array" in formats:
        arena = arena_bytes(tflite)
    if "arduino" in formats:
        from firmware_export.measure.input_values import input_values, random_samples, typed
        from firmware_export.measure.toolchain import run_on_host
        from firmware_export.tflite_reader import read_tflite

        if golden_inputs is None:
            values = input_values(read_tflite(tflite))
            golden_inputs = typed(values, random_samples(values, GOLDEN_SAMPLES, seed=0))
        golden = GoldenVectors(golden_inputs, run_on_host(compiled, golden_inputs))
    return ExportRequest(
        compiled=compiled,
        model=tflite,
        operators=operators(tflite),
        labels=labels,
        tflm_arena=arena,
        golden=golden,
        threshold=threshold,
    )
