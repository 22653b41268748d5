"""The one dial: what the minutes are spent on, on machines of different speed."""

from typing import Any

import pytest

from orrery import plan as planning
from orrery.errors import ConfigError
from orrery.plan import LADDER, Plan, Talk, fit, plan_table
from orrery.speedrun import SpeedrunConfig


def planned(monkeypatch: pytest.MonkeyPatch, minutes: float, speed: float, **changes: Any) -> Plan:
    """The plan where the 128 x 4 model trains ``speed`` x 20,000 tokens a second, and larger ones fewer."""
    rate = speed * 4e11
    monkeypatch.setattr(planning, "measure_matmul_rate", lambda *_: rate)
    monkeypatch.setattr(
        planning,
        "measure_training",
        lambda config, _: speed * 20_000 * (128 * 128 * 4) / (config.width * config.width * config.layers),
    )
    config = SpeedrunConfig()
    settings: dict[str, Any] = {
        "vocab_size": config.vocab_size, "context": config.context, "pretrain": config.pretrain, "sft": config.sft,
        "talk": Talk(60.0, 0.29, 0.35), "elapsed": 2.0,
    }  # fmt: skip
    return fit(minutes, **{**settings, **changes})


@pytest.mark.parametrize("minutes", [1, 2, 5, 10, 20, 60])
@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0, 8.0])
def test_the_parts_add_up_to_the_minutes(monkeypatch: pytest.MonkeyPatch, minutes: float, speed: float) -> None:
    plan = planned(monkeypatch, minutes, speed)
    assert sum(plan.seconds.values()) == pytest.approx(60 * minutes, rel=0.03)
    assert (plan.width, plan.layers) in LADDER
    assert min(plan.seconds.values()) >= 0


def test_a_machine_twice_as_fast_gets_a_larger_plan_and_not_a_shorter_run(monkeypatch: pytest.MonkeyPatch) -> None:
    slow, fast = (planned(monkeypatch, 10, speed) for speed in (1.0, 2.0))
    work = [plan.pretrain_steps * plan.width**2 * plan.layers for plan in (slow, fast)]
    assert work[1] > 1.7 * work[0]
    assert sum(fast.seconds.values()) == pytest.approx(sum(slow.seconds.values()), rel=0.02)


def test_more_minutes_are_more_of_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    plans = [planned(monkeypatch, minutes, 1.0) for minutes in (2, 5, 10, 20, 60)]
    for fewer, more in zip(plans, plans[1:], strict=False):
        assert (more.width, more.layers) >= (fewer.width, fewer.layers)
        assert more.seconds["pretrain"] > fewer.seconds["pretrain"] and more.seconds["tune"] > fewer.seconds["tune"]


def test_set_steps_and_sizes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = planned(monkeypatch, 10, 1.0, size=(64, 3), steps=(500, 60))
    assert (plan.width, plan.layers, plan.pretrain_steps, plan.sft_steps) == (64, 3, 500, 60)
    text = plan.corpus_bytes + plan.first_bytes
    assert 0 < plan.first_bytes < 0.2 * text


def test_too_few_minutes_say_how_many_would_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"too short on this machine; give it at least \d"):
        planned(monkeypatch, 0.3, 0.2)
    for minutes in (0, -1, float("inf"), float("nan")):
        with pytest.raises(ConfigError, match="must be above 0"):
            planned(monkeypatch, minutes, 1.0)


def test_the_table_names_every_part(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = planned(monkeypatch, 10, 1.0)
    assert plan_table(plan).row_count == len(plan.seconds)
