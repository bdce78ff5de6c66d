"""``auto`` as a race: several losses start, and validation decides which one trains to the end.

Successive halving: all candidates train for a few epochs, the better half for as many again, until
one is left. Each runs on the first part of the long schedule and pauses, so the winner goes on
from where it is and only the losers' epochs are lost. The other way, a whole short cosine for each
rung, costs more for less: on 900 digits (998 parameters, 160 epochs, one seed) the candidates
stood at 65 to 85 % after 40 epochs of the long schedule and at 54 to 76 % after a cosine of 40, in
the same order, and the short ones would have had to start again.

What learns fast is flattered either way: without a teacher the student was 14 points behind the
best candidate after 40 epochs and 2 at the end. So only candidates are dropped early, and whether
a teacher helps at all is decided at the end.

A single epoch misleads: of 60 on spoken keywords, the loss that won was last in the 7th, where the
next one was 17 points better, and first from the 9th on (`benchmarks/loss_curves.py`). So several
epochs are taken together, and what they differ by counts as an error.

Accuracy is compared, not cross-entropy: standardised logits may have any scale, so that after 160
epochs a student with 94 % had a validation loss of 1.9.

Source: Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter
Optimization", AISTATS 2016, algorithm 1; Li et al., "Hyperband", JMLR 2018, section 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tinykd.results import Race, RaceRung, RaceScore

FEWEST_STEPS = 100
"""A rung of fewer steps says nothing: rather fewer candidates start, the last choices not."""

FEWEST_EPOCHS = 4
"""Accuracy is looked at over so many epochs at least, where a rung has them: at a high learning
rate it jumps by ten points from one to the next."""

SCRATCH: Literal["scratch"] = "scratch"

Right = NDArray[np.bool_]
"""Which validation samples were right after each epoch, [epochs, samples]."""

Learn = Callable[[str, int], Right]
"""Trains a candidate, by its name, from where it is until so many epochs are over."""


@dataclass(frozen=True)
class Plan:
    """Who starts, and when is looked.

    Attributes:
        candidates: Names, the first choice first; all that suit the task.
        starters: How many of them start.
        rungs: Epochs after which the field is halved.
        budget_epochs: What the race may cost.
    """

    candidates: tuple[str, ...]
    starters: int
    rungs: tuple[int, ...]
    budget_epochs: int


def plan_race(
    candidates: Sequence[str], *, epochs: int, fraction: float, steps_per_epoch: int
) -> Plan:
    """Divide the budget into rungs, each twice as long as the one before.

    Args:
        candidates: Names, the first choice first.
        epochs: Of one training.
        fraction: What the losers may cost together, as a share of ``epochs``.
        steps_per_epoch: Steps of the optimizer.

    Returns:
        A plan without rungs where the budget is too small for two candidates.
    """
    budget = int(fraction * epochs)
    for starters in range(len(candidates), 1, -1):
        fields = _halve(starters)
        cost = sum((a - b) << rung for rung, (a, b) in enumerate(pairwise(fields)))
        first = min(budget // cost, epochs >> (len(fields) - 2))
        if first * steps_per_epoch >= FEWEST_STEPS:
            rungs = tuple(first << rung for rung in range(len(fields) - 1))
            return Plan(tuple(candidates), starters, rungs, budget)
    return Plan(tuple(candidates), 1, (), budget)


def run_race(plan: Plan, learn: Learn, *, prior: str, scratch: bool) -> Race:
    """Train the starters rung by rung, and keep the better half of them each time.

    Args:
        plan: Of ``plan_race``.
        learn: Trains one of them a little further.
        prior: Why the first choice is the first, to complete "is the first choice ...".
        scratch: ``SCRATCH`` runs along. It neither leaves the race nor costs it an epoch, since
            its training is finished in any case.
    """
    field, rungs, extra = plan.candidates[: plan.starters], [], 0
    alone = (SCRATCH,) if scratch else ()
    for epochs in plan.rungs:
        answers = {name: late_answers(learn(name, epochs), epochs) for name in (*field, *alone)}
        ranked = order_by_score({name: answers[name] for name in field})
        stay = ranked[: (len(field) + 1) // 2]
        rungs.append(_rung(epochs, answers, (*stay, *alone)))
        extra += epochs * (len(field) - len(stay))
        field = tuple(name for name in field if name in stay)
    return Race(
        candidates=plan.candidates,
        rungs=tuple(rungs),
        chosen=field[0],
        reason=_reason(plan, rungs, prior),
        budget_epochs=plan.budget_epochs,
        extra_epochs=extra,
    )


def late_answers(right: Right, epochs: int) -> Right:
    """Which validation samples were right in the last quarter of the epochs, [late, samples]."""
    late = max(epochs // 4, FEWEST_EPOCHS)
    return right[max(0, epochs - late) : epochs]


def order_by_score(answers: Mapping[str, Right]) -> tuple[str, ...]:
    """Names, the best first; who is behind by no more than the standard error is level.

    Among those that are level with the best, the earlier name comes first: validation splits are
    small, and a choice by noise would be worse than the prior.

    Args:
        answers: Name to its late answers, [epochs, samples]; the first choice first.
    """
    left, ordered = list(answers), []
    while left:
        best = max(left, key=lambda name: answers[name].mean())
        first = next(name for name in left if _is_level(answers[name], answers[best]))
        ordered.append(first)
        left.remove(first)
    return tuple(ordered)


def _halve(starters: int) -> tuple[int, ...]:
    """Sizes of the field: 4, 2, 1."""
    return (starters,) if starters == 1 else (starters, *_halve((starters + 1) // 2))


def _is_level(right: Right, best: Right) -> bool:
    behind, error = _compare(right, best)
    return behind <= error


def _compare(right: Right, best: Right) -> tuple[float, float]:
    """How far it is behind in accuracy, and the standard error of that.

    Other samples would give another difference, and so would other epochs: it is paired by both,
    and the two errors add in quadrature. It is that of one sample at least, of which none shall
    decide alone.

    Args:
        right: Late answers of one candidate, [epochs, samples].
        best: Those of the one that is ahead.
    """
    difference = best.astype(np.float64) - right
    error = math.hypot(_error(difference.mean(axis=0)), _error(difference.mean(axis=1)))
    return float(difference.mean()), max(error, 1.0 / difference.shape[1])


def _error(values: NDArray[np.float64]) -> float:
    """The standard error of a mean; one value alone says nothing of it."""
    return float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0


def _rung(epochs: int, answers: Mapping[str, Right], stay: Sequence[str]) -> RaceRung:
    taught = [right for name, right in answers.items() if name != SCRATCH]
    best = max(taught, key=np.mean)
    rows = []
    for name, right in answers.items():
        behind, error = _compare(right, best)
        rows.append(
            RaceScore(
                candidate=name,
                validation_accuracy=float(right.mean()),
                behind=behind,
                standard_error=error,
                stays=name in stay,
            )
        )
    return RaceRung(epochs=epochs, scores=tuple(rows))


def _reason(plan: Plan, rungs: Sequence[RaceRung], prior: str) -> str:
    """What decided the last rung, and how the student without a teacher stood then."""
    if not rungs:
        return f"{plan.candidates[0]} is the first choice {prior}; {_why_no_race(plan)}."
    *_, last = rungs
    taught = [score for score in last.scores if score.candidate != SCRATCH]
    chosen, other = sorted(taught, key=lambda score: not score.stays)
    sentence = f"After {last.epochs} epochs {_what_decided(chosen, other, prior)}."
    alone = [score for score in last.scores if score.candidate == SCRATCH]
    return sentence + "".join(_beside(score) for score in alone)


def _what_decided(chosen: RaceScore, other: RaceScore, prior: str) -> str:
    if chosen.behind > 0.0:
        return (
            f"{other.candidate} was ahead of {chosen.candidate} by {_points(chosen)}, no more than "
            f"the standard error: {chosen.candidate} is preferred {prior}"
        )
    return f"{chosen.candidate} was ahead of {other.candidate} by {_points(other)}"


def _beside(alone: RaceScore) -> str:
    """A sentence where the student without a teacher was not simply behind."""
    if alone.behind > alone.standard_error:
        return ""
    return (
        " Without a teacher the student was as good by then: "
        f"{100 * alone.validation_accuracy:.1f} %."
    )


def _points(score: RaceScore) -> str:
    return f"{100 * score.behind:.1f} (±{100 * score.standard_error:.1f}) points"


def _why_no_race(plan: Plan) -> str:
    if len(plan.candidates) == 1:
        return "there is no other"
    return f"{plan.budget_epochs} epochs are too few for a race"
