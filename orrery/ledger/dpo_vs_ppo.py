"""DPO or PPO: which makes the better stories at the same distance, and which in the same time?

Both start from the assistant of a full speedrun and the same rankings; PPO by way of the speedrun's reward model, whose
training counts as its time. Each is trained for several lengths, and every policy writes stories to wishes that it was
not trained on: the hidden rubric's score, nats from the assistant, seconds.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from orrery.ledger.claim import Claim, Measured, Row, Verdict
from orrery.ledger.lab import Lab, made_of
from orrery.ledger.plots import Point, lines
from orrery.ledger.stories import stories_of
from orrery.models.scalar import load_scalar_model
from orrery.stages.dpo import DPOConfig, dpo
from orrery.stages.from_world import TRAINED, wishes
from orrery.stages.ppo import PPOConfig, ppo
from orrery.stages.preferences import read_rankings
from orrery.training.events import read_events
from orrery.training.loop import TrainResult

DPO_STEPS, PPO_STEPS, PROMPTS = (50, 150, 450), (40, 120, 240), 1_500


def measure(lab: Lab) -> None:
    """A row for each policy."""
    speedrun = lab.speedrun("ppo")
    parent = speedrun / "sft"
    rankings = read_rankings([speedrun / "data" / "rankings.jsonl"])
    judge = load_scalar_model(speedrun / "reward")

    def log(who: str, result: TrainResult, before: float) -> None:
        written = stories_of(lab, result.folder, parent, judge)
        lab.log(who=who, steps=result.steps, seconds=before + result.seconds, kl=written.kl, gold=written.gold,
                proxy=written.proxy)  # fmt: skip

    for steps in DPO_STEPS:
        dpo_config = DPOConfig(seed=lab.seed)
        train = replace(dpo_config.train, steps=steps, evaluate_every=0, sample_every=0)
        with lab.training("dpo", {"parent": made_of(parent), "steps": steps}) as run:
            log("DPO", dpo(replace(dpo_config, train=train), run, parent=parent, rankings=rankings, resume="auto"), 0.0)
    judging = reward_seconds(speedrun)
    for steps in PPO_STEPS:
        ppo_config = PPOConfig(seed=lab.seed, replay=0.0)  # DPO reads nothing again either
        train = replace(ppo_config.train, steps=steps, evaluate_every=0, sample_every=0)
        with lab.training("ppo", {"judge": made_of(speedrun / "reward"), "steps": steps}) as run:
            result = ppo(replace(ppo_config, train=train), run, parent=parent, reward_model=speedrun / "reward",
                         prompts=wishes(lab.world, PROMPTS, TRAINED), resume="auto")  # fmt: skip
            log("PPO", result, judging)


def reward_seconds(speedrun: Path) -> float:
    """How long the speedrun's reward model was trained."""
    times = [event["time"] for event in read_events(speedrun) if event["stage"] == "reward"]
    return float(times[-1] - times[0])


def curve(rows: Sequence[Row], who: str, x: str) -> list[Point]:
    """(x, gold) of its policies, by x."""
    return sorted((row[x], row["gold"]) for row in rows if row["who"] == who)


def at(points: Sequence[Point], x: float) -> float:
    """The height at x of straight lines from point to point; the first and last height outside.

    >>> at([(0.0, 1.0), (2.0, 2.0)], 1.0)
    1.5
    """
    if x <= points[0][0]:
        return points[0][1]
    for (left, low), (right, high) in zip(points, points[1:], strict=False):
        if x <= right:
            return low + (high - low) * (x - left) / (right - left)
    return points[-1][1]


def summarise(rows: Sequence[Row]) -> Measured:
    """Gold of both at the largest distance, and at the largest time, that both have come to."""
    found = {}
    for x, unit in (("kl", "nats"), ("seconds", "seconds")):
        both = {who: curve(rows, who, x) for who in ("DPO", "PPO")}
        where = min(points[-1][0] for points in both.values())
        found[f"the same {unit}"] = where
        found |= {f"{who} at the same {unit}": at(points, where) for who, points in both.items()}
    for who in ("DPO", "PPO"):
        found[f"{who}, best"] = max(row["gold"] for row in rows if row["who"] == who)
    return found


def judge(measured: Sequence[Measured]) -> Verdict:
    """The rule in code."""
    gains = [one[f"PPO at the same {unit}"] - one[f"DPO at the same {unit}"] for one in measured
             for unit in ("nats", "seconds")]  # fmt: skip
    if min(gains) >= 0.1:
        return "holds"
    return "refuted" if max(gains) <= -0.1 else "unclear"


CLAIM = Claim(
    name="dpo_vs_ppo",
    says="PPO makes better policies than DPO from the same preferences.",
    source="Xu et al. 2024, Is DPO Superior to PPO for LLM Alignment?, arXiv 2404.10719",
    refuted_by="at the same distance and in the same time DPO's stories are better",
    rule="Holds if in every seed PPO's gold score is at least 0.1 above DPO's both at the same distance and in the "
    "same time (the largest that both come to, straight lines between policies); refuted if it is 0.1 below in both.",
    minutes=10,
    measure=measure,
    summarise=summarise,
    judge=judge,
    plot=lines(lambda rows: {who: curve(rows, who, "seconds") for who in ("DPO", "PPO")}, "seconds",
               "gold score of stories"),
)  # fmt: skip
