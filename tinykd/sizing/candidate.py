"""A student that nobody has trained, and what it costs: each figure found when it is asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from firmware_export import compile_tflite
from firmware_export.compiled import CompiledModel
from firmware_export.measure.elf_size import Footprint
from firmware_export.measure.emulator import measure_memory
from firmware_export.target import CORES, find_board
from tinykd.config import StudentConfig, TargetConfig
from tinykd.convert import convert_ptq
from tinykd.datasets import Dataset
from tinykd.quantization.qat import inference_form
from tinykd.results import StudentCost, StudentSummary
from tinykd.results.sizing import Limit
from tinykd.sizing.budget import Needs, can_be_emulated
from tinykd.students.architectures import build_student
from tinykd.students.cost import summarize_student

SAMPLES = 64
"""Training samples that give the ranges, and the statistics of batch normalization."""


class Candidate:
    """One architecture at one width.

    Args:
        architecture: A row of the ``STUDENTS`` table, which suits the samples.
        width: Of its layers.
        dataset: What it would be trained on.
        target: Board, compiler and kernels, as a build has them.
    """

    def __init__(
        self, architecture: str, width: float, dataset: Dataset, target: TargetConfig
    ) -> None:
        self._config = StudentConfig.model_validate({"architecture": architecture, "width": width})
        self._dataset = dataset
        self._target = target

    def bounds(self) -> Iterator[Needs]:
        """What it needs at least, from the cheapest figure to the exact one."""
        yield self.least
        yield self.counted
        yield self.measured

    def cost(self, limited_by: Limit) -> StudentCost:
        """All of it, and what keeps it from being wider."""
        return StudentCost(
            **self.summary.model_dump(),
            flash_bytes=self.measured.flash_bytes,
            ram_bytes=self.measured.ram_bytes,
            limited_by=limited_by,
        )

    def estimates(self, overhead: Needs) -> Iterator[Needs]:
        """What it would need with another student's code and stack, without linking it."""
        yield self.least + overhead
        yield self.counted + overhead

    @cached_property
    def summary(self) -> StudentSummary:
        """Parameters and MACs."""
        return summarize_student(self._model, self._config)

    @cached_property
    def least(self) -> Needs:
        """One byte for each weight, and the largest activation."""
        kernels = [weights for weights in self._model.trainable_weights if weights.shape.rank > 1]
        return Needs(
            flash_bytes=sum(math.prod(kernel.shape) for kernel in kernels),
            ram_bytes=max(math.prod(layer.output.shape[1:]) for layer in self._model.layers),
            macs=self.summary.macs,
        )

    @property
    def is_measurable(self) -> bool:
        """Whether it is small enough to be emulated; it is compiled only if it may be."""
        return can_be_emulated(self.least) and can_be_emulated(self.counted)

    @cached_property
    def counted(self) -> Needs:
        """Constants and arena of its C."""
        compiled = self._compiled
        return Needs(compiled.weights_bytes, compiled.arena_bytes, self.summary.macs)

    @cached_property
    def measured(self) -> Needs:
        """Flash and RAM of its C, linked for the target's core and run there once."""
        size = self._footprint
        return Needs(size.flash_bytes, size.ram_bytes, self.summary.macs)

    @property
    def overhead(self) -> Needs:
        """Its code and stack."""
        return self.measured - self.counted

    @cached_property
    def _model(self) -> Any:
        dataset = self._dataset
        return build_student(self._config, dataset.input_shape, dataset.classes, seed=0)

    @cached_property
    def _compiled(self) -> CompiledModel:
        """The C of its int8 form, with statistics as training leaves them.

        Without them whole channels would round to a constant, which the compiler leaves out.
        """
        model = self._model
        raw = self._dataset.x_train[:SAMPLES].astype(np.float32)
        samples = (raw * np.float32(self._dataset.input_scale)).reshape(-1, *model.input_shape[1:])
        for layer in model.layers:
            if hasattr(layer, "moving_mean"):
                layer.momentum = 0.0
        model(samples, training=True)
        tflite = convert_ptq(inference_form(model), samples)
        return compile_tflite(tflite, name="student", optimize=self._target.optimize)

    @cached_property
    def _footprint(self) -> Footprint:
        return measure_memory(
            self._compiled,
            CORES[find_board(self._target.board).core],
            cc=self._target.compiler,
            optimize=self._target.level,
        )
