"""Alarms of policies: once when something begins, again only after it was over; and what is more than rounding."""

import math
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import torch
from copying_task import policy, problems, share_copied, tokenizer

from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.models.scalar import ScalarModel
from orrery.stages import alarms as limits
from orrery.stages.alarms import APART, PolicyAlarms
from orrery.stages.grpo import GRPOConfig, GRPOStage
from orrery.stages.ppo import PPOConfig, PPOStage
from orrery.stages.rewards import Reward
from orrery.stages.rollouts import Rollouts, logprob_difference, roll_out
from orrery.stages.rows import token_logprobs
from orrery.training.events import read_events
from orrery.training.loop import train
from orrery.training.machine import Precision
from orrery.training.runs import Run
from orrery.training.stage import TrainConfig

FINE = {
    "reward": 0.5, "entropy": 1.0, "completions/clipped_ratio": 0.0, "frac_reward_zero_std": 0.2, "kl": 0.1,
    "groups_dropped": 0.0, "logprob_difference": 1e-5, "logprob_difference/mean": 1e-6,
}  # fmt: skip

WRONG = {
    "equal": ({"frac_reward_zero_std": 0.9}, "90% of groups got equal rewards: there is little to learn from"),
    "cut off": ({"completions/clipped_ratio": 0.4}, "40% of completions ran out of tokens: raise max_tokens"),
    "far": ({"kl": 2.3}, "the policy is 2.3 nats a token from its reference"),
    "narrow": ({"entropy": 0.05}, "entropy fell from 1.00 to 0.05: it hardly varies"),
    "wide": ({"entropy": 3.5}, "entropy rose from 1.00 to 3.50: it falls apart"),
    "dropped": ({"groups_dropped": 3.0}, "3 groups had a reward that is no number and were dropped: 'mine' raised"),
    "apart": ({"logprob_difference": 0.01}, "engine and trainer differ by 1.0e-02 in log-probability"),
    "no number": ({"reward": math.nan}, "a metric is not a finite number"),
    "infinite": ({"kl_coefficient": math.inf}, "a metric is not a finite number"),
}


def look(alarms: PolicyAlarms, **metrics: float) -> tuple[str, ...]:
    return alarms.look({**FINE, **metrics}, "'mine' raised KeyError('colour')")


# When they ring


def test_where_all_is_well_nothing_rings() -> None:
    alarms = PolicyAlarms()
    assert [look(alarms) for _ in range(5)] == [()] * 5


@pytest.mark.parametrize("kind", WRONG)
def test_each_rings_once_when_it_begins_and_again_only_after_it_was_over(kind: str) -> None:
    changes, message = WRONG[kind]
    alarms = PolicyAlarms()
    assert look(alarms) == ()
    (said,) = look(alarms, **changes)
    assert said.startswith(message)
    assert look(alarms, **changes) == () and look(alarms, **changes) == (), "it goes on: that was said"
    assert look(alarms) == (), "it is over"
    assert look(alarms, **changes) == (said,), "it begins again"


def test_groups_that_are_equal_more_and_less_often_are_one_alarm() -> None:
    alarms = PolicyAlarms()
    rang = [look(alarms, frac_reward_zero_std=share) for share in (0.9, 0.6, 0.9, 0.5, 0.9, 0.3, 0.9)]
    assert [len(said) for said in rang] == [1, 0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("kind", WRONG)
def test_one_that_goes_on_does_not_hide_another(kind: str) -> None:
    changes, message = WRONG[kind]
    other = "far" if kind != "far" else "equal"
    alarms = PolicyAlarms()
    look(alarms)
    assert len(look(alarms, **WRONG[other][0])) == 1
    (said,) = look(alarms, **{**WRONG[other][0], **changes})
    assert said.startswith(message)


def test_several_ring_together() -> None:
    alarms = PolicyAlarms()
    look(alarms)
    said = look(alarms, kl=9.0, frac_reward_zero_std=1.0, groups_dropped=1.0)
    assert len(said) == 3


@pytest.mark.parametrize(
    ("name", "limit"),
    [("frac_reward_zero_std", limits.EQUAL), ("completions/clipped_ratio", limits.CUT_OFF), ("kl", limits.FAR),
     ("groups_dropped", 0.0), ("logprob_difference", APART["float32"][1])],
)  # fmt: skip
def test_none_rings_at_its_limit(name: str, limit: float) -> None:
    alarms = PolicyAlarms()
    look(alarms)
    assert look(alarms, **{name: limit}) == ()
    assert len(look(alarms, **{name: limit * 1.01 + 1e-9})) == 1


def test_what_a_method_does_not_measure_does_not_ring() -> None:
    assert PolicyAlarms().look({"entropy": 1.0, "completions/clipped_ratio": 0.0}) == ()


def test_entropy_is_judged_by_what_it_was_at_first() -> None:
    alarms = PolicyAlarms()
    assert look(alarms, entropy=0.2) == () and look(alarms, entropy=0.9) == (), "from little to little is not wide"
    assert len(look(alarms, entropy=1.1)) == 1
    assert look(alarms, entropy=0.03) == ()
    assert len(look(alarms, entropy=0.01)) == 1


@pytest.mark.parametrize("first", [math.nan, math.inf, 0.0])
def test_a_first_entropy_that_is_none_is_not_what_later_ones_are_judged_by(first: float) -> None:
    alarms = PolicyAlarms()
    look(alarms, entropy=first)
    look(alarms, entropy=1.0)
    assert look(alarms, entropy=0.01)[0].startswith("entropy fell from 1.00")


def test_alarms_go_on_from_their_state() -> None:
    alarms = PolicyAlarms("bfloat16")
    look(alarms)
    assert len(look(alarms, kl=9.0, frac_reward_zero_std=1.0)) == 2
    again = PolicyAlarms("bfloat16")
    again.load_state_dict(alarms.state_dict())
    assert again == alarms
    assert look(again, kl=9.0, frac_reward_zero_std=1.0) == (), "still ringing, and said before"
    assert look(again, kl=9.0) == () and len(look(again, kl=9.0, frac_reward_zero_std=1.0)) == 1
    assert look(again, kl=9.0, frac_reward_zero_std=1.0, entropy=0.01)[0].startswith("entropy fell from 1.00")


# Engine and trainer, and the precision of training


@lru_cache
def written() -> Rollouts:
    engine = Engine(policy(), tokenizer())
    return roll_out(engine, [problem.prompt for problem in problems(64)], 4, Sampling(1.0, max_tokens=8, seed=0))


def difference(precision: Precision, norm: float = 1.0) -> dict[str, float]:
    """Of a trainer whose last norm has become that much larger than the engine's was."""
    model = policy()
    with torch.no_grad():
        model.final_norm.weight *= norm
    rollouts = written()
    return logprob_difference(Engine(model, tokenizer()), rollouts.rows(), rollouts.logprobs(), precision, most=256)


def test_the_difference_is_that_to_a_forward_pass_in_the_precision_of_training() -> None:
    """Which is autocast: the very pass whose gradients are taken."""
    rows, old, model = written().rows(), written().logprobs(), policy()
    found: dict[str, dict[str, float]] = {}
    for precision in ("float32", "bfloat16"):
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            apart = (token_logprobs(model, rows.ids, rows.trained) - old[rows.trained]).abs()
        found[precision] = difference(precision)  # type: ignore[arg-type]
        assert found[precision]["logprob_difference"] == pytest.approx(apart.max().item(), rel=1e-5)
        assert found[precision]["logprob_difference/mean"] == pytest.approx(apart.mean().item(), rel=1e-5)
    assert found["bfloat16"]["logprob_difference"] > 100 * found["float32"]["logprob_difference"]


@pytest.mark.parametrize("precision", APART)
def test_rounding_does_not_ring_and_what_is_no_rounding_does(precision: Precision) -> None:
    """The limit lies well above what is measured where all is well, and below another model's difference."""
    name, limit = APART[precision]
    assert difference(precision)[name] < limit / 5
    assert difference(precision, norm=1.3)[name] > limit
    alarms = PolicyAlarms(precision)
    assert look(alarms, **difference(precision)) == ()
    (said,) = look(alarms, **difference(precision, norm=1.3))
    assert said.startswith("engine and trainer differ by") and said.endswith(f"({name})")


def test_what_is_rounding_in_bfloat16_would_ring_in_float32() -> None:
    assert len(look(PolicyAlarms("float32"), **difference("bfloat16"))) == 1


def training(precision: Precision) -> TrainConfig:
    return TrainConfig(steps=1, rows=64, precision=precision, device="cpu", evaluate_every=0, sample_every=0)


def grpo_stage(precision: Precision) -> GRPOStage:
    settings = GRPOConfig(train=replace(training(precision), rows=128), max_tokens=8, mask_truncated=False)
    return GRPOStage(
        "grpo", settings, policy(), tokenizer(), problems(200), [], [Reward("copied", share_copied, 1.0)], (), ""
    )


def ppo_stage(precision: Precision) -> PPOStage:
    settings = PPOConfig(train=training(precision), prompts=128, minibatches=2, epochs=1, max_tokens=8)
    critic = ScalarModel.from_parent(policy(), torch.Generator().manual_seed(0))
    prompts = [problem.prompt for problem in problems(200)]
    return PPOStage(settings, policy(), critic, lambda ids, lengths: torch.zeros(len(ids)), tokenizer(), prompts)


@pytest.mark.parametrize("precision", APART)
@pytest.mark.parametrize("stage", [grpo_stage, ppo_stage])
def test_stages_log_the_difference_in_their_own_precision(tmp_path: Path, stage: Any, precision: Precision) -> None:
    made = stage(precision)
    assert made.alarms.precision == precision
    with Run.open("one-step", recipe={}, root=tmp_path) as run:
        train(made, made.config.train, run)
    events = read_events(tmp_path / "one-step")
    (logged,) = [event["values"] for event in events if "logprob_difference" in event["values"]]
    name, limit = APART[precision]
    assert 0 < logged[name] < limit / 5
    assert (logged["logprob_difference"] > 1e-3) == (precision == "bfloat16")
    assert not [event for event in events if event["kind"] == "alarm" and "differ by" in event["values"]["message"]]


def test_the_first_update_of_ppo_sees_that_difference_and_no_other() -> None:
    """Its ratios would all be 1 where nothing is rounded: what the metric measures is what training meets."""
    for precision in ("float32", "bfloat16"):
        made = ppo_stage(precision)  # type: ignore[arg-type]
        batch = made.next_rollout()[0]
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            _, metrics = made.loss(made.models, batch, made.denominators(batch))
        root_mean_square = math.sqrt(2 * metrics["policy/approxkl"].item())
        mean, largest = batch.metrics["logprob_difference/mean"], batch.metrics["logprob_difference"]
        assert mean * 0.7 < root_mean_square < max(3 * mean, 1.5 * largest)
