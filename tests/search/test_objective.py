"""Scores from reports: the right direction, nothing compared that was not measured."""

import doctest

import pytest

import orrery.commands.sweep as commands
from orrery import config
from orrery.data.world.world import WorldConfig
from orrery.errors import ConfigError, RunError
from orrery.search import objective, rungs, space, trials
from orrery.search.objective import TARGETS, Objective, metrics_of
from orrery.search.rungs import at_rung, rank, sizes
from orrery.search.trials import Trial
from orrery.speedrun import SpeedrunConfig

REPORT = {
    "stages": {
        "base": {"bits_per_byte": 1.25, "floor_bits_per_byte": 0.75},
        "sft": {"bits_per_byte": 0.5, "floor_bits_per_byte": None},
    },
    "exams": [
        {"stage": "base", "exam": "facts_head", "score": 0.9},
        {"stage": "base", "exam": "refusal", "score": None},
        {"stage": "sft", "exam": "facts_head", "score": 0.8},
    ],
}


def trial(number: int, score: float | None, rung: int = 0, seed: int = 1000, status: str = "done") -> Trial:
    return Trial(
        number=number, rung=rung, seed=seed, values={"x": number}, status=status, score=score, metrics={"m": score},
        folder=f"{number}", error="" if status == "done" else "broken", seconds=10.0,
    )  # fmt: skip


def test_the_examples_in_the_docstrings_hold() -> None:
    for module in (config, objective, rungs, space, trials, commands):
        assert doctest.testmod(module).failed == 0


def test_a_report_gives_its_metrics_by_stage() -> None:
    assert metrics_of(REPORT) == {
        "base.facts_head": 0.9,
        "sft.facts_head": 0.8,
        "base.bits_per_byte": 1.25,
        "base.excess": 0.5,
        "sft.bits_per_byte": 0.5,
    }


@pytest.mark.parametrize(
    ("metric", "lower"),
    [
        ("targets", True),
        ("base.bits_per_byte", True),
        ("base.excess", True),
        ("sft.facts_head", False),
        ("base.facts_tail", False),
        ("sft.false_refusal", True),
        ("sft.refusal_lookalike", True),
    ],
)
def test_the_direction_is_the_metrics(metric: str, lower: bool) -> None:
    Objective(metric).check(WorldConfig(), own_text=False)
    assert Objective(metric).lower_is_better is lower
    first = rank([trial(0, 0.2), trial(1, 0.7)], Objective(metric))[0]
    assert first.number == (0 if lower else 1)


def test_targets_are_the_mean_of_the_missing_points() -> None:
    reached = {name: target / 100 for name, target in TARGETS.items()}
    assert Objective("targets").of(reached) == pytest.approx(0)
    better = {**reached, "sft.reading": 1.0, "sft.false_refusal": 0.0}
    assert Objective("targets").of(better) == pytest.approx(0), "more than enough makes up for nothing"
    short = {**better, "sft.unknown": 0.5, "sft.refusal_lookalike": 0.35}
    assert Objective("targets").of(short) == pytest.approx((30 + 30) / len(TARGETS))
    with pytest.raises(RunError, match=r"no sft\.unknown"):
        Objective("targets").of({name: share for name, share in reached.items() if name != "sft.unknown"})


def test_a_metric_that_no_report_has_is_refused() -> None:
    for metric, message in [
        ("sft.fact_head", "did you mean 'sft.facts_head'"),
        ("base.refusal", "no report has it"),
        ("facts_head", "no report has it"),
    ]:
        with pytest.raises(ConfigError, match=message):
            Objective(metric).check(WorldConfig(), own_text=False)
    Objective("base.bits_per_byte").check(WorldConfig(), own_text=True)
    with pytest.raises(ConfigError, match="your own text"):
        Objective("targets").check(WorldConfig(), own_text=True)


def test_configurations_stand_best_first_over_all_their_seeds() -> None:
    trials = [
        trial(0, 5.0), trial(0, 1.0, seed=1001),
        trial(1, 2.0), trial(1, 2.5, seed=1001),
        trial(2, 0.1), trial(2, None, seed=1001, status="failed"),
        trial(3, 3.0), trial(3, 3.0, seed=1001), trial(3, 9.0, rung=1), trial(3, 9.0, rung=1, seed=1001),
    ]  # fmt: skip
    ranked = rank(trials, Objective("base.bits_per_byte"))
    assert [(one.number, one.score) for one in ranked] == [(3, 9.0), (1, 2.25), (0, 3.0), (2, None)]
    assert ranked[-1].error == "broken" and ranked[0].seconds == 40.0 and ranked[1].metrics == {"m": 2.25}


def test_rungs_keep_a_third_and_give_it_three_times_the_steps() -> None:
    assert sizes(16, 3) == [16, 5, 1] and sizes(9, 3) == [9, 3, 1] and sizes(8, 1) == [8]
    steps = at_rung(SpeedrunConfig(pretrain_steps=400, sft_steps=100), 2)
    assert (steps.pretrain_steps, steps.sft_steps, steps.minutes) == (3600, 900, 10.0)
    assert at_rung(SpeedrunConfig(minutes=2), 1).minutes == 6.0
