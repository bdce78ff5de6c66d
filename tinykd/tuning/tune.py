"""``tinykd.tune``: search, and then say whether what was found is better by more than chance."""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from pathlib import Path
from statistics import stdev

from tinykd.artifacts import RunDirectory, write_atomically
from tinykd.backend import load_tensorflow
from tinykd.config import Config
from tinykd.errors import ConfigError
from tinykd.pipeline import Build
from tinykd.progress import Progress, Silent
from tinykd.statistics import paired_interval
from tinykd.study_results import Gain, TunedSetting, TuneResult
from tinykd.tuning.space import Setting, search_space
from tinykd.tuning.study import REPEATS, Budget, Search, Tried
from tinykd.tuning.trial import Trials


def tune(
    config: Config,
    *,
    minutes: float = 30.0,
    trials: int | None = None,
    out: Path = Path("build"),
    progress: Progress | None = None,
) -> TuneResult:
    """Search temperature, alpha, loss and schedule on validation; the test split is not looked at.

    Args:
        config: Where the search starts, and what it must beat.
        minutes: Time for the search and its repeats, once the teacher has been asked. The current
            setting is trained to its end in any case.
        trials: At most so many trainings.
        out: The study goes to ``<config.name>_tune`` in there; the same call goes on with it.
        progress: Told about everything that takes longer than a second.

    Returns:
        The best setting, and whether it beats the current one by more than the spread between
        seeds; also written as ``tune.json``.

    Raises:
        ConfigError: If a limit is not positive, or the configuration cannot be searched.
        TinykdError: On the first thing that is wrong; finished trials are kept.
    """
    _check_limits(minutes, trials)
    _check_task(config)
    root, shown = tuning_folder(config, out), progress or Silent()
    with RunDirectory(root).locked(wait=True) as directory:
        build = Build(config, directory, shown)
        load_tensorflow(shown)
        space = search_space(config.distill, build.dataset.classes)
        _ = build.soft_targets  # the teacher is asked once, and not under the clock
    search = Search(Trials(build, root / "trials"), space, root, config.seed)
    search.run(Budget(time.monotonic() + 60.0 * minutes, trials))
    result = _summarize(search, build)
    write_atomically(root / "tune.json", result.model_dump_json(indent=2) + "\n")
    return result


def tuning_folder(config: Config, out: Path) -> Path:
    """Where a study and its trials are kept."""
    return out / f"{config.name}_tune"


def _check_task(config: Config) -> None:
    """The space is one of losses for classes.

    Raises:
        ConfigError: If the task is another.
    """
    if config.data.task != "classification":
        raise ConfigError(
            f"data.task: {config.data.task} has one loss to choose from, so there is nothing to "
            "search. `tinykd compare` tells whether the teacher helps."
        )


def _check_limits(minutes: float, trials: int | None) -> None:
    if not (math.isfinite(minutes) and minutes > 0.0):
        raise ConfigError(f"minutes: must be above 0, got {minutes:g}. 30 is a good start.")
    if trials is not None and trials < 1:
        raise ConfigError(f"trials: must be at least 1, got {trials}. Leave it out for no limit.")


def _summarize(search: Search, build: Build) -> TuneResult:
    """The result, after the best setting and the current one met on seeds that chose neither."""
    finished = {item.setting: item for item in search.finished()}
    current, best = finished[search.current], search.best()
    gain = None
    if best.setting != current.setting:
        gain = _repeat(search, current, best, build.data.result.validation_samples)
    changes = {}
    if gain is not None and gain.is_beyond_the_spread:
        before, after = asdict(current.setting), asdict(best.setting)
        changes = {key: (before[key], after[key]) for key in after if after[key] != before[key]}
    return TuneResult(
        name=build.config.name,
        validation_samples=build.data.result.validation_samples,
        finished=len(finished),
        pruned=search.pruned(),
        current=_as_result(current),
        best=_as_result(best),
        gain=gain,
        changes=changes,
    )


def _repeat(search: Search, current: Tried, best: Tried, samples: int) -> Gain:
    """Both settings on other seeds: the one that was searched with favours the winner."""
    seeds = tuple(search.seed + 1 + index for index in range(REPEATS))
    reached = {
        item.setting: tuple(
            search.trials.run(
                item.setting,
                seed=seed,
                watch=lambda _epoch, _accuracy: None,
                prefix=f"seed {seed}, {item.setting}; ",
                wait=True,
            ).result.validation_accuracy
            for seed in seeds
        )
        for item in (current, best)
    }
    before, after = reached[current.setting], reached[best.setting]
    differences = [new - old for old, new in zip(before, after, strict=True)]
    mean, low, high = paired_interval(differences, resolution=1 / samples)
    return Gain(
        seeds=seeds,
        current=before,
        best=after,
        mean=mean,
        spread=max(stdev(differences), 1 / samples / math.sqrt(12.0)),
        ci95=(low, high),
    )


def _as_result(tried: Tried) -> TunedSetting:
    setting: Setting = tried.setting
    return TunedSetting(
        **asdict(setting),
        validation_accuracy=tried.validation_accuracy,
        seconds=round(tried.seconds, 3),
    )
