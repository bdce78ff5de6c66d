"""What a student costs, known before any training."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tf_keras import layers

from tinykd.config import StudentConfig
from tinykd.errors import StudentError
from tinykd.results import StudentSummary
from tinykd.students.architectures import REBUILDING, STUDENTS, build_student

if TYPE_CHECKING:
    from tinykd.datasets import Dataset


def _depthwise_macs(layer: Any) -> int:
    kernel_height, kernel_width = layer.kernel_size
    return int(math.prod(layer.output_shape[1:]) * kernel_height * kernel_width)


def _conv_macs(layer: Any) -> int:
    return int(math.prod(layer.output_shape[1:]) * math.prod(layer.kernel.shape[:3]))


def _dense_macs(layer: Any) -> int:
    return int(math.prod(layer.kernel.shape))


# The depthwise layer is a subclass of Conv2D in some releases: the exact type decides.
MACS: dict[type, Callable[[Any], int]] = {
    layers.DepthwiseConv2D: _depthwise_macs,
    layers.Conv2D: _conv_macs,
    layers.Dense: _dense_macs,
}
"""Multiply-accumulates by layer type; layers that are not here have none."""


def count_macs(model: Any) -> int:
    """Multiply-accumulates of one inference of a ``tf_keras`` model."""
    return sum(MACS[type(layer)](layer) for layer in model.layers if type(layer) in MACS)


def summarize_student(model: Any, config: StudentConfig) -> StudentSummary:
    """Parameters and MACs of a student."""
    return StudentSummary(
        architecture=config.architecture,
        width=config.width,
        parameters=int(model.count_params()),
        macs=count_macs(model),
    )


def list_students(width: float, dataset: Dataset) -> list[StudentSummary]:
    """Every student that suits the samples and the task, smallest first."""
    unsuited = frozenset() if dataset.task.rebuilds else REBUILDING
    rows = []
    for architecture in [name for name in STUDENTS if name not in unsuited]:
        config = StudentConfig.model_validate({"architecture": architecture, "width": width})
        try:
            model = build_student(config, dataset.input_shape, dataset.classes, seed=0)
        except StudentError:
            continue  # made for other samples
        rows.append(summarize_student(model, config))
    return sorted(rows, key=lambda row: row.parameters)
