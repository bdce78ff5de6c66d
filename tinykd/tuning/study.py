"""The study: which setting is tried next, which training is not worth ending, and until when."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState

from tinykd.artifacts import fingerprint
from tinykd.errors import ArtifactError, DirectoryInUseError, TinykdError
from tinykd.tuning.space import Setting
from tinykd.tuning.trial import Trials

if TYPE_CHECKING:
    from tinykd.training import Watch

STUDY_FILE = "study.db"

RUNGS = 10
"""A training is compared with earlier ones this often: at equal shares of their schedules."""

MOST_REPEATED = 10
"""After so many settings in a row that were tried before, nothing new is expected."""

REPEATS = 3
"""Seeds on which the current setting and the best one are trained again at the end."""


class TimeUpError(Exception):
    """The search has no time left; the training that it ends is continued by the next one."""


@dataclass
class Budget:
    """How long and how often.

    Attributes:
        ends_at: On the monotonic clock, in seconds.
        trials: At most so many; None for no limit.
        reserve_s: Left free at the end, for the repeats.
    """

    ends_at: float
    trials: int | None = None
    reserve_s: float = 0.0

    @property
    def is_used_up(self) -> bool:
        """No time is left for anything but the repeats."""
        return time.monotonic() + self.reserve_s > self.ends_at


@dataclass(frozen=True)
class Tried:
    """A setting that was trained to its end.

    Attributes:
        setting: What was tried.
        validation_accuracy: What it reached, in [0, 1].
        seconds: What it cost.
    """

    setting: Setting
    validation_accuracy: float
    seconds: float


class Search:
    """A study on disk; several processes may search in it at once.

    Args:
        trials: Trains a setting.
        space: Name of a setting to its choices.
        folder: Of the study's file.
        seed: Of every training.
    """

    def __init__(
        self, trials: Trials, space: Mapping[str, tuple[Any, ...]], folder: Path, seed: int
    ) -> None:
        self.trials, self.seed = trials, seed
        self.current = Setting.of(trials.build.config.distill)
        self._distributions = {
            name: CategoricalDistribution(choices) for name, choices in space.items()
        }
        self._study = _open_study(trials, space, folder, seed)

    def run(self, budget: Budget) -> None:
        """Try settings until the budget is used up; the current one is the first."""
        ended = repeated = 0
        while budget.trials is None or ended < budget.trials:
            tried = {item.setting for item in self.finished()}
            if tried and (budget.is_used_up or repeated == MOST_REPEATED):
                return
            if self.current not in tried:
                self._study.enqueue_trial(asdict(self.current))
            trial = self._study.ask(self._distributions)
            setting = Setting(**trial.params)
            repeated = repeated + 1 if setting in tried else 0
            try:
                self._try(trial, setting, budget)
            except TimeUpError:
                return
            ended += 1
            budget.reserve_s = self.repeats_seconds()

    def finished(self) -> list[Tried]:
        """Everything that was trained to its end, each setting once."""
        complete = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        by_setting = {
            (setting := Setting(**trial.params)): Tried(
                setting, float(trial.value or 0.0), float(trial.user_attrs["seconds"])
            )
            for trial in complete
        }
        return list(by_setting.values())

    def pruned(self) -> int:
        """Trainings that were not worth ending."""
        return len(self._study.get_trials(deepcopy=False, states=(TrialState.PRUNED,)))

    def best(self) -> Tried:
        """The most accurate; of equals the current setting, then the cheapest."""
        return max(
            self.finished(),
            key=lambda t: (t.validation_accuracy, t.setting == self.current, -t.seconds),
        )

    def repeats_seconds(self) -> float:
        """What training the current setting and the best one on other seeds will take."""
        seconds = {item.setting: item.seconds for item in self.finished()}
        if len(seconds) < 2:
            return 0.0
        best = self.best().setting
        if best == self.current:
            return 0.0
        return REPEATS * (seconds[best] + seconds.get(self.current, 0.0))

    def _try(self, trial: optuna.Trial, setting: Setting, budget: Budget) -> None:
        try:
            stage = self.trials.run(
                setting,
                seed=self.seed,
                watch=self._watch(trial, setting, budget),
                prefix=self._prefix(trial, setting),
                wait=setting == self.current,  # without it there is nothing to compare with
            )
        except optuna.TrialPruned:
            self._study.tell(trial, state=TrialState.PRUNED)
        except DirectoryInUseError:  # another process is at it
            self._study.tell(trial, state=TrialState.FAIL)
            time.sleep(0.5)
        except (TimeUpError, KeyboardInterrupt):
            self._study.tell(trial, state=TrialState.FAIL)
            self._study.enqueue_trial(asdict(setting))  # the next search goes on with it
            raise
        except TinykdError as error:
            self._study.tell(trial, state=TrialState.FAIL)
            if isinstance(error, ArtifactError) or setting == self.current:
                raise  # else it diverged, as large steps may: not a setting to choose
        else:
            trial.set_user_attr("seconds", stage.seconds)
            self._study.tell(trial, stage.result.validation_accuracy)

    def _watch(self, trial: optuna.Trial, setting: Setting, budget: Budget) -> Watch:
        """Ends a training that is below the median at the same share of its schedule."""
        reported: set[int] = set()

        def watch(epoch: int, accuracy: float) -> None:
            if setting == self.current:  # what everything is measured by is always finished
                return
            if budget.is_used_up:
                raise TimeUpError
            rung = RUNGS * epoch // setting.epochs
            if rung in reported or epoch == setting.epochs:
                return
            reported.add(rung)
            trial.report(accuracy, rung)
            if trial.should_prune():
                raise optuna.TrialPruned

        return watch

    def _prefix(self, trial: optuna.Trial, setting: Setting) -> str:
        best = ""
        if self.finished():
            best = f"best {100 * self.best().validation_accuracy:.2f} %; "
        return f"{best}trial {trial.number + 1}: {setting}; "


def _open_study(
    trials: Trials, space: Mapping[str, tuple[Any, ...]], folder: Path, seed: int
) -> optuna.Study:
    """The study of this space; one with another space, data or teacher has another name."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    build = trials.build
    name = fingerprint(
        {
            "space": dict(space),
            "soft_targets": build.soft_targets.key,
            "student": build.config.student,
            "distill": build.config.distill,
            "seed": seed,
        }
    )[:16]
    study = optuna.create_study(
        study_name=name,
        storage=f"sqlite:///{folder / STUDY_FILE}",
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=RUNGS // 3),
    )
    study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.get_trials(deepcopy=False)))
    return study
