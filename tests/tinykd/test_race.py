"""``auto``: who races for a task, at what cost, who wins, and how a report tells it."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinykd.config import DistillConfig
from tinykd.distillation.auto import race_losses
from tinykd.distillation.race import (
    FEWEST_STEPS,
    late_answers,
    order_by_score,
    plan_race,
    run_race,
)
from tinykd.losses import CANDIDATES, LOSSES, choose_objective, find_candidates, settle
from tinykd.report import FORMATS
from tinykd.tasks import TASKS

RACED = DistillConfig(
    epochs=20, batch_size=4, learning_rate=0.01, augment="none", race_fraction=0.8
)
"""30 steps an epoch: 16 epochs of budget are rungs of 5 and 10 for three candidates."""


def names(classes, **task):
    return [row.name for row in find_candidates(classes, **task)]


def test_the_candidates_suit_the_number_of_classes():
    assert names(2) == ["kd_half"]
    assert names(3) == ["kd_half", "dist"]
    assert names(4) == ["ls_kd", "kd_half", "dist"]
    for classes in (2, 3, 4, 100):
        for row in find_candidates(classes):
            assert choose_objective(row.settle(DistillConfig()), classes).terms


def test_the_first_choice_depends_on_samples_for_each_parameter():
    assert names(10, samples=900, parameters=570)[0] == "ls_kd"
    assert names(10, samples=60_000, parameters=5_962)[0] == "dist"
    assert names(2, samples=60_000, parameters=500) == ["kd_half"]


def test_every_row_has_its_reason_and_its_place():
    assert all(row.reason and row.loss in LOSSES for row in CANDIDATES)
    for task in TASKS:
        rows = [row for row in CANDIDATES if row.task == task]
        for ranks in ([row.rank_few for row in rows], [row.rank_many for row in rows]):
            assert sorted(ranks) == list(range(1, len(rows) + 1)) != []
        assert all(LOSSES[row.loss].task == task for row in rows)


def test_what_is_configured_stays_and_nothing_else_changes():
    config = DistillConfig(temperature=5.0, epochs=7)
    for row in CANDIDATES:
        settled = row.settle(config)
        assert (settled.loss, settled.temperature, settled.epochs) == (row.loss, 5.0, 7)
    assert CANDIDATES[1].settle(DistillConfig(alpha=0.7)).alpha == 0.7
    assert settle(config, None) is config


@given(
    candidates=st.integers(1, 9),
    epochs=st.integers(1, 1000),
    fraction=st.floats(0.0, 1.0),
    steps=st.integers(1, 500),
)
def test_a_race_stays_in_its_budget(candidates, epochs, fraction, steps):
    """Epochs are counted as they are trained: what is trained already is not trained again."""
    trained = dict.fromkeys("abcdefghi"[:candidates], 0)
    plan = plan_race(tuple(trained), epochs=epochs, fraction=fraction, steps_per_epoch=steps)

    def learn(name, until):
        assert trained[name] < until <= epochs
        assert until * steps >= FEWEST_STEPS
        trained[name] = until
        return np.ones((until, 5), bool)

    race = run_race(plan, learn, prior="", scratch=False)
    lost = sum(trained.values()) - trained[race.chosen]
    assert lost == race.extra_epochs <= plan.budget_epochs == int(fraction * epochs)
    sizes = [len(rung.scores) for rung in race.rungs]
    assert all(2 * after >= before > after for before, after in itertools.pairwise([*sizes, 1]))


def never(name, until):
    pytest.fail("no race: nothing is trained")


def test_four_halve_twice_and_two_once():
    settings = {"epochs": 160, "fraction": 0.5, "steps_per_epoch": 14}
    assert plan_race("abcd", **settings).rungs == (20, 40)  # 2 x 20 + 40 lost
    assert plan_race("abc", **settings).rungs == (26, 52)  # 26 + 52 lost
    assert plan_race("ab", **settings).rungs == (80,)
    short = plan_race("abcd", epochs=30, fraction=0.5, steps_per_epoch=14)
    assert (short.starters, short.rungs) == (2, (15,))  # four would have three epochs each


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (RACED.model_copy(update={"race_fraction": 0.0}), "0 epochs are too few for a race"),
        (RACED.model_copy(update={"epochs": 3}), "2 epochs are too few for a race"),
    ],
)
def test_without_a_budget_the_first_choice_is_taken(config, why):
    race = race_losses(config, never, classes=10, samples=120, parameters=570)
    assert (race.chosen, race.rungs, race.extra_epochs) == ("ls_kd", (), 0)
    assert race.reason == (
        "ls_kd is the first choice where the data is the limit (120 samples, 570 parameters); "
        f"{why}."
    )


def rights(*shares, samples=100, epochs=4):
    """Right answers of one epoch after another; whoever is worse errs on the same and more."""
    return np.stack([np.arange(samples) < round(share * samples) for share in shares] * epochs)


def test_only_the_last_quarter_counts_and_four_epochs_at_least():
    right = np.arange(40)[:, None] == np.arange(40)  # of 40 samples, each is right in one epoch
    for epochs, first in ((40, 30), (20, 15), (12, 8), (4, 0), (2, 0)):
        late = late_answers(right, epochs)
        assert late.any(axis=0).nonzero()[0].tolist() == list(range(first, epochs))


def test_noise_does_not_overrule_the_first_choice():
    """One sample decides nothing; three more that are right do, but not 53 against 50."""
    right = {share: rights(share) for share in (0.5, 0.51, 0.53)}
    assert order_by_score({"prior": right[0.5], "other": right[0.51]}) == ("prior", "other")
    assert order_by_score({"prior": right[0.5], "other": right[0.53]}) == ("other", "prior")
    others = right[0.53][:, ::-1]  # the standard error is that of all 97 samples that differ
    assert order_by_score({"prior": right[0.5], "other": others}) == ("prior", "other")


def test_a_lucky_epoch_does_not_overrule_the_first_choice():
    """The other is ahead by 5 points on average, either in each epoch or in one of four."""
    prior, steady, lucky = rights(0.5), rights(0.55), rights(0.5, 0.5, 0.5, 0.7, epochs=1)
    assert order_by_score({"prior": prior, "other": steady}) == ("other", "prior")
    assert order_by_score({"prior": prior, "other": lucky}) == ("prior", "other")


def race_of(scores, *, scratch=None):
    plan = plan_race(tuple(scores), epochs=100, fraction=0.5, steps_per_epoch=100)
    everyone = scores | ({} if scratch is None else {"scratch": scratch})
    return run_race(
        plan,
        lambda name, until: rights(everyone[name], epochs=until),
        prior="here",
        scratch=scratch is not None,
    )


def test_it_says_what_decided():
    led = race_of({"a": 0.6, "b": 0.8}, scratch=0.5)
    assert led.reason == "After 50 epochs b was ahead of a by 20.0 (±4.0) points."
    level = race_of({"a": 0.6, "b": 0.61}, scratch=0.7)
    assert level.reason == (
        "After 50 epochs b was ahead of a by 1.0 (±1.0) points, no more than the standard error: "
        "a is preferred here. Without a teacher the student was as good by then: 70.0 %."
    )
    (rung,) = level.rungs
    assert [(s.candidate, s.stays) for s in rung.scores] == [
        ("a", True),
        ("b", False),
        ("scratch", True),
    ]
    assert rung.scores[2].behind == pytest.approx(-0.09)


def test_the_middle_of_the_field_goes_on():
    race = race_of({"a": 0.2, "b": 0.9, "c": 0.5, "d": 0.7})
    assert [[s.candidate for s in rung.scores if s.stays] for rung in race.rungs] == [
        ["b", "d"],
        ["b"],
    ]
    assert race.extra_epochs == 2 * 12 + 24


@pytest.fixture
def raced_report(example_report):
    race = race_of({"a": 0.6, "b": 0.8, "c": 0.5}, scratch=0.55)
    return example_report.model_copy(
        update={"distill": example_report.distill.model_copy(update={"race": race})}
    )


def test_every_report_shows_the_race(raced_report):
    text, page = (FORMATS[name](raced_report) for name in ("terminal", "html"))
    reason = "After 32 epochs b was ahead of a by 20.0 (±4.0) points."
    assert f"Loss b: {reason}" in text
    standing = "After 16 epochs: b 80.0 %, a 60.0 %, scratch 55.0 %, c 50.0 %."
    assert standing in " ".join(text.split())
    assert f"Loss b: {reason}" in page
    rows = page.split("Race of the losses")[1].split("</table>")[0]
    assert [cell.split("</td>")[0] for cell in rows.split('<td class="n">')[1:]] == [
        *("60.0", "60.0"),
        *("80.0", "80.0"),
        *("50.0", "–"),
        *("55.0", "55.0"),
    ]
    assert '<tr class="strong"><th scope="row">b</th>' in rows
    assert "cost 48 epochs of 50 allowed" in page.replace("\n", " ")
    stored = type(raced_report).model_validate_json(FORMATS["json"](raced_report))
    assert stored.distill.race == raced_report.distill.race


def test_a_report_of_a_named_loss_has_no_race(example_report):
    assert example_report.distill.race is None
    assert "Race" not in FORMATS["html"](example_report)
