"""What an exporter is given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_export.compiled import CompiledModel
from firmware_export.errors import ModelError
from firmware_export.tflm import ArenaNeed

Int8Array = NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class GoldenVectors:
    """A few samples with the bytes that the model must give for them.

    Attributes:
        inputs: int8 ``[n, ...]``; several inputs are flattened, one after the other.
        outputs: int8 ``[n, ...]``, computed by running the generated C; flattened likewise.
    """

    inputs: Int8Array
    outputs: Int8Array

    def __post_init__(self) -> None:
        if not 0 < len(self.inputs) == len(self.outputs):
            raise ModelError(
                f"golden vectors: expected as many outputs as inputs and at least one, got "
                f"{len(self.inputs)} and {len(self.outputs)}."
            )


@dataclass(frozen=True, eq=False)
class ExportRequest:
    """A model and what its files shall say about it.

    Attributes:
        compiled: The model as C.
        model: The ``.tflite`` it was compiled from.
        operators: TFLite names of its operators, as `tflm.operators` gives them.
        labels: Names of the classes in the order of the output, or none.
        tflm_arena: What `tflm.arena_bytes` found; None where TFLM cannot run.
        golden: Test vectors; the Arduino sketch needs them.
        threshold: The output rebuilds the input; above this mean squared error, in the squared
            unit of the input, the sketch calls a sample anomalous. None: the output is something
            else.
    """

    compiled: CompiledModel
    model: bytes
    operators: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    tflm_arena: ArenaNeed | None = None
    golden: GoldenVectors | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        self._check_rebuilt()
        classes = self.compiled.outputs[0].elements
        if self.labels and len(self.labels) != classes:
            raise ModelError(
                f"labels: '{self.compiled.name}' has {classes} outputs, got {len(self.labels)} "
                f"labels. Give one label for each class, in order."
            )

    def _check_rebuilt(self) -> None:
        takes, gives = self.compiled.inputs[0].elements, self.compiled.outputs[0].elements
        if self.threshold is not None and takes != gives:
            raise ModelError(
                f"threshold: '{self.compiled.name}' takes {takes} values and gives {gives}; an "
                "autoencoder gives as many as it takes."
            )
