"""The race of the losses in words and as a table: what ``auto`` chose, and on what grounds."""

from __future__ import annotations

from dataclasses import dataclass

from tinykd.report import wording
from tinykd.report.wording import NONE
from tinykd.results import Race, RaceRung


@dataclass(frozen=True)
class RaceRow:
    """One candidate: validation accuracy in percent at each rung it took part in."""

    candidate: str
    accuracies: tuple[str, ...]
    is_chosen: bool


def race_lines(race: Race | None, samples: int) -> tuple[str, ...]:
    """The choice and its reason, then one line for each rung; nothing where a loss was named.

    Args:
        race: How the loss was chosen.
        samples: Of the validation split.
    """
    if race is None:
        return ()
    return (
        f"Loss {race.chosen}: {race.reason}",
        *(f"After {rung.epochs} epochs: {_standing(rung, samples)}." for rung in race.rungs),
    )


def race_rows(race: Race, samples: int) -> tuple[RaceRow, ...]:
    """A row for everyone who started, the first choice first."""
    scores = [
        {score.candidate: wording.percent(score.validation_accuracy, samples) for score in r.scores}
        for r in race.rungs
    ]
    names = list(scores[0]) if scores else []
    return tuple(
        RaceRow(name, tuple(rung.get(name, NONE) for rung in scores), name == race.chosen)
        for name in names
    )


def _standing(rung: RaceRung, samples: int) -> str:
    ordered = sorted(rung.scores, key=lambda score: score.behind)
    return ", ".join(
        f"{score.candidate} {wording.percent(score.validation_accuracy, samples)} %"
        for score in ordered
    )
