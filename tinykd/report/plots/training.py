"""Validation accuracy over the epochs of every training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tinykd.report import svg
from tinykd.report.svg import CHARACTER, WIDTH, Scale
from tinykd.results import Report, TrainingCurve
from tinykd.tasks import TASKS

TOP, HEIGHT = 34, 240
LEFT, RIGHT = 44, 12

ACCURACIES = (
    *(0.0, 0.5, 0.7, 0.8, 0.85, 0.9, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97, 0.98),
    *(0.99, 0.995, 0.998, 0.999),
)
"""Where the accuracy axis may have a line."""

LINE_DISTANCE = 16
"""Lines of the accuracy axis are at least so far apart."""


@dataclass(frozen=True)
class Run:
    """A training, and the epoch of the page at which it starts."""

    curve: TrainingCurve
    start: int

    @property
    def end(self) -> int:
        """The epoch of the page at which it is over."""
        return self.start + len(self.curve.validation_accuracy)


def training_runs(report: Report) -> tuple[Run, ...]:
    """Return every training of the build; QAT goes on where the model it fine-tunes stopped."""
    first = [] if report.teacher.curve is None else [Run(report.teacher.curve, 0)]
    floats = [Run(curve, 0) for curve in report.distill.curves]
    before = next((run.end for run in floats if run.curve.name == report.distill.shipped), 0)
    int8s = [Run(curve, before) for curve in report.quantize.curves]
    return tuple(run for run in (*first, *floats, *int8s) if run.curve.validation_accuracy)


def plot_training(report: Report) -> Markup:
    """Draw accuracy on the logarithm of the error, which keeps 98 % and 99 % apart."""
    runs = training_runs(report)
    if not runs:
        return Markup()
    # Half a sample stands for no mistake at all, which has no logarithm.
    half_a_sample = 0.5 / max(report.data.validation_samples, 1)
    everything = [value for run in runs for value in run.curve.validation_accuracy]
    least = max(half_a_sample, 0.8 * (1 - max(everything)))
    y = ErrorScale(least, max(1 - min(everything), 2 * least), TOP, TOP + HEIGHT)
    x = Scale(1, max(2, *(run.end for run in runs)), LEFT, WIDTH - RIGHT)
    return svg.figure(
        TOP + HEIGHT + 42,
        f"Validation {_score(report)} over the epochs of every training; "
        "the table gives where each ended.",
        *_legend(runs),
        *_accuracy_axis(y, ends_in_perfection=least == half_a_sample),
        *_epoch_axis(x),
        *(_curve(run, x, y) for run in runs),
    )


def _score(report: Report) -> str:
    task = TASKS[report.data.task]
    return "accuracy" if task.says_class else task.score_metric.name


@dataclass(frozen=True)
class ErrorScale:
    """Position of an accuracy on the logarithm of the error, ``least`` at ``start``."""

    least: float
    most: float
    start: float
    end: float

    def __call__(self, accuracy: float) -> float:
        """Return the position of ``accuracy``, which is held inside the scale."""
        error = min(max(1 - accuracy, self.least), self.most)
        share = math.log(error / self.least) / math.log(self.most / self.least)
        return self.start + share * (self.end - self.start)

    def ticks(self, *, ends_in_perfection: bool) -> Iterator[float]:
        """Yield accuracies of ``ACCURACIES`` that are on the scale, from the bottom, apart.

        Args:
            ends_in_perfection: The last is 1, at ``start``.
        """
        last = math.inf
        room = self.start + (LINE_DISTANCE if ends_in_perfection else 0)
        for value in ACCURACIES:
            at, is_on_scale = self(value), 1.1 * self.least < 1 - value <= self.most
            if is_on_scale and at >= room and last - at >= LINE_DISTANCE:
                last = at
                yield value
        if ends_in_perfection:
            yield 1.0


def _legend(runs: Sequence[Run]) -> Iterator[Markup]:
    x = float(LEFT)
    for run in runs:
        name = run.curve.name
        yield svg.line(x, 10, x + 26, 10, f"curve {name}")
        yield svg.label(x + 32, 10, name)
        x += 32 + CHARACTER * len(name) + 24


def _accuracy_axis(y: ErrorScale, *, ends_in_perfection: bool) -> Iterator[Markup]:
    for value in y.ticks(ends_in_perfection=ends_in_perfection):
        yield svg.line(LEFT, y(value), WIDTH - RIGHT, y(value), "grid")
        yield svg.label(LEFT - 8, y(value), f"{100 * value:g}", anchor="end", style="dim")


def _epoch_axis(x: Scale) -> Iterator[Markup]:
    bottom = TOP + HEIGHT
    yield svg.line(LEFT, bottom, WIDTH - RIGHT, bottom, "axis")
    for epoch in svg.ticks(0, x.high, 8):
        if epoch == int(epoch) and x.low <= epoch <= x.high:
            yield svg.line(x(epoch), bottom, x(epoch), bottom + 4, "axis")
            yield svg.label(x(epoch), bottom + 13, f"{epoch:g}", anchor="middle", style="dim")
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield svg.label(middle, bottom + 32, "epoch", anchor="middle", style="dim")


def _curve(run: Run, x: Scale, y: ErrorScale) -> Markup:
    values = run.curve.validation_accuracy
    points = [(x(run.start + epoch), y(value)) for epoch, value in enumerate(values, start=1)]
    path = "M" + "L".join(f"{px:.1f} {py:.1f}" for px, py in points)
    hint = f"{run.curve.name}: {100 * values[-1]:.2f} % after {len(values)} epochs"
    return svg.tag(
        "g",
        svg.tag("title", hint),
        svg.tag("path", d=path, class_=f"curve {run.curve.name}"),
        svg.tag("circle", cx=points[-1][0], cy=points[-1][1], r=3, class_=f"end {run.curve.name}"),
    )
