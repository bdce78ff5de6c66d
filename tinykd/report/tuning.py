"""What a search found, in words."""

from __future__ import annotations

from tinykd.report import wording
from tinykd.report.comparison import signed
from tinykd.study_results import Gain, TunedSetting, TuneResult


def describe_tuning(result: TuneResult) -> list[str]:
    """Say what the search found, and honestly when that is nothing."""
    lines = [
        f"{result.finished} settings trained to the end, {result.pruned} stopped early, on "
        f"{result.validation_samples:,} validation samples",
        f"current  {_setting(result.current, result)}",
        f"best     {_setting(result.best, result)}",
    ]
    return [*lines, _verdict(result)]


def _verdict(result: TuneResult) -> str:
    gain = result.gain
    if gain is None:
        tried = "No other setting was trained to its end: give more --minutes."
        return tried if result.finished == 1 else "Nothing beats the current setting: keep it."
    low, high = (signed(bound) for bound in gain.ci95)
    figures = (
        f"{signed(gain.mean)} points on {len(gain.seeds)} other seeds "
        f"({_accuracies(gain, result)}), 95 % {low}..{high}, spread between seeds "
        f"{100 * gain.spread:.2f}"
    )
    if result.changes:
        return f"The best setting beats the current one: {figures}."
    return (
        f"Nothing beats the current setting by more than the spread between seeds: {figures}. "
        "Keep it."
    )


def _accuracies(gain: Gain, result: TuneResult) -> str:
    pairs = zip(gain.current, gain.best, strict=True)
    samples = result.validation_samples
    return ", ".join(
        f"{wording.percent(old, samples)} to {wording.percent(new, samples)}" for old, new in pairs
    )


def _setting(setting: TunedSetting, result: TuneResult) -> str:
    temperature, alpha = (
        "default" if value is None else f"{value:g}"
        for value in (setting.temperature, setting.alpha)
    )
    return (
        f"{wording.percent(setting.validation_accuracy, result.validation_samples)} %  "
        f"{setting.loss}, temperature {temperature}, alpha {alpha}, {setting.epochs} epochs, "
        f"learning rate {setting.learning_rate:g}, {wording.duration(setting.seconds)}"
    )
