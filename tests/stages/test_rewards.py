"""Rewards: named or a person's own, added up with weights, and what happens when one is no number."""

import functools
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from copying_task import LETTERS, policy, problems, share_copied, tokenizer

from orrery.errors import ConfigError, RunError
from orrery.stages.best_of_n import BestOfNConfig, BestOfNStage
from orrery.stages.grpo import GRPOConfig, GRPOStage
from orrery.stages.problems import Problem
from orrery.stages.rewards import Reward, rewards_from, score_groups
from orrery.stages.verifiers import exact, numeric
from orrery.training.events import read_events
from orrery.training.loop import train
from orrery.training.runs import Run
from orrery.training.stage import TrainConfig

NO = math.nan


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_named_rewards_come_with_their_weights() -> None:
    made = rewards_from(["numeric", "steps=0.2", "ended=-1e-1", "exact=0"])
    assert [(one.name, one.weight) for one in made] == [("numeric", 1), ("steps", 0.2), ("ended", -0.1), ("exact", 0)]
    assert made[0].function is numeric


def test_a_function_comes_from_a_file(tmp_path: Path) -> None:
    """Also from one with dataclasses, in a folder with an equals sign, and called like a module of Python's own."""
    (tmp_path / "a=b").mkdir()
    text = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass Length:\n    most: int\n"
        "def brief(prompt, completion, truth):\n    return len(completion) <= Length(5).most\n"
    )
    file = write(tmp_path / "a=b" / "math.py", text)
    (plain,), (half,) = rewards_from([f"{file}:brief"]), rewards_from([f"{file}:brief=0.5"])
    assert (plain.name, plain.weight, half.name, half.weight) == ("brief", 1.0, "brief", 0.5)
    assert plain("", "short", None) == 1 and plain("", "too long", None) == 0
    assert __import__("math").pi > 3


@pytest.mark.parametrize(
    ("specifications", "message"),
    [
        ([], "no reward: give --reward"),
        (["numerc"], "no reward 'numerc'; did you mean 'numeric'"),
        (["numeric=much"], "'much' is no weight"),
        (["numeric="], "'' is no weight"),
        (["numeric=nan"], "'nan' is no weight"),
        (["numeric=inf"], "'inf' is no weight"),
        (["numeric", "numeric=0.5"], "there is a reward 'numeric' already"),
        (["nowhere.py:brief"], "there is no Python file nowhere.py"),
        (["FOLDER:brief"], "there is no Python file"),
        (["FOLDER/good.txt:brief"], "there is no Python file"),
        (["FOLDER/good.py:breif"], "has no function breif"),
        (["FOLDER/good.py:WORDS"], "has no function WORDS"),
        (["FOLDER/good.py:"], "has no function"),
        (["FOLDER/broken.py:brief"], r"broken.py cannot be run: SyntaxError"),
        (["FOLDER/raises.py:brief"], r"raises.py cannot be run: ZeroDivisionError"),
        (["FOLDER/leaves.py:brief"], r"leaves.py cannot be run: SystemExit"),
        (["FOLDER/good.py:brief=x"], "'x' is no weight"),
    ],
)
def test_a_reward_that_cannot_be_is_refused(tmp_path: Path, specifications: list[str], message: str) -> None:
    write(tmp_path / "good.py", "WORDS = 3\ndef brief(prompt, completion, truth):\n    return 1.0\n")
    write(tmp_path / "good.txt", "def brief(prompt, completion, truth):\n    return 1.0\n")
    write(tmp_path / "broken.py", "def brief(\n")
    write(tmp_path / "raises.py", "1 / 0\n")
    write(tmp_path / "leaves.py", "import sys\nsys.exit(3)\n")
    with pytest.raises(ConfigError, match=message):
        rewards_from([one.replace("FOLDER", str(tmp_path)) for one in specifications])


def test_any_callable_is_a_reward_and_they_add_up_with_their_weights() -> None:
    class Length:
        def __call__(self, prompt: str, completion: str, truth: Any) -> float:
            return float(len(completion))

    rewards = [
        Reward("right", exact, 1.0),
        Reward("length", Length(), -0.5),
        Reward("near", functools.partial(numeric, tolerance=0.1), 2.0),
        Reward("tensor", lambda prompt, completion, truth: torch.tensor(prompt == "a"), 10.0),
    ]
    given = [Problem("a", 1.5), Problem([{"role": "user", "content": "b"}], "2.0")]
    totals, metrics, problem = score_groups(rewards, given, [["1.5", "1.6"], ["2.0", "no"]])
    torch.testing.assert_close(totals, torch.tensor([[1 - 1.5 + 2 + 10, -1.5 + 2 + 10], [1 - 1.5 + 2, -1.0]]))
    assert metrics["reward"] == pytest.approx(totals.mean().item())
    assert metrics["rewards/length/mean"] == pytest.approx(11 / 4)
    assert metrics["rewards/length/std"] == pytest.approx(0.5)
    assert (metrics["groups_dropped"], problem) == (0, "")


# Functions that fail


def fails(on: str, how: Callable[[], float]) -> Reward:
    return Reward("mine", lambda prompt, completion, truth: how() if completion == on else 1.0, 1.0)


def raises() -> float:
    raise KeyError("colour")


@pytest.mark.parametrize(
    ("how", "why"),
    [
        (raises, "'mine' raised KeyError('colour')"), (lambda: NO, "'mine' returned nan"),
        (lambda: math.inf, "'mine' returned inf"), (lambda: -math.inf, "'mine' returned -inf"),
        (lambda: 1e39, "'mine' returned 1e+39"), (lambda: None, "'mine' raised TypeError("),
        (lambda: "much", "'mine' raised ValueError("), (lambda: 10**400, "'mine' raised OverflowError("),
    ],
)  # fmt: skip
def test_a_group_with_a_reward_that_is_no_number_is_dropped_and_counted(how: Any, why: str) -> None:
    given = [Problem("a", None), Problem("b", None), Problem("c", None)]
    totals, metrics, problem = score_groups([fails("bad", how)], given, [["x", "x"], ["x", "bad"], ["x", "x"]])
    assert totals[[0, 2]].tolist() == [[1.0, 1.0]] * 2 and totals[1].isnan().all(), "the whole group, siblings too"
    assert metrics["groups_dropped"] == 1 and metrics["reward"] == metrics["rewards/mine/mean"] == 1
    assert problem.startswith(why) and len(problem) < 300


def test_half_of_the_groups_may_be_dropped_and_no_more() -> None:
    given = [Problem(letter, None) for letter in "abcd"]
    _, metrics, _ = score_groups([fails("bad", raises)], given, [["x"], ["bad"], ["x"], ["bad"]])
    assert metrics["groups_dropped"] == 2
    with pytest.raises(RunError, match=r"more than half of the groups.*'mine' raised KeyError\('colour'\)"):
        score_groups([fails("bad", raises)], given, [["x"], ["bad"], ["bad"], ["bad"]])


def test_one_completion_alone_has_a_spread_of_nothing() -> None:
    _, metrics, _ = score_groups([Reward("exact", exact, 1.0)], [Problem("a", "b")], [["b"]])
    assert metrics["rewards/exact/std"] == 0.0


def sometimes(prompt: str, completion: str, truth: Any) -> float:
    if truth[0] == LETTERS[0]:
        raise KeyError("colour")
    return share_copied(prompt, completion, truth)


def training(steps: int) -> TrainConfig:
    return TrainConfig(steps=steps, rows=16, precision="float32", device="cpu", evaluate_every=0, sample_every=0)


def grpo_stage(reward: Reward) -> GRPOStage:
    settings = GRPOConfig(train=replace(training(3), rows=128), max_tokens=8, mask_truncated=False)
    return GRPOStage("grpo", settings, policy(), tokenizer(), problems(200), [], [reward], (), "")


def best_of_n_stage(reward: Reward) -> BestOfNStage:
    settings = BestOfNConfig(train=training(3), problems=16, max_tokens=8, threshold=0.4)
    return BestOfNStage(settings, policy(), tokenizer(), problems(200), [], [reward], "")


@pytest.mark.parametrize("stage", [grpo_stage, best_of_n_stage])
def test_dropped_groups_raise_one_alarm_that_says_why(tmp_path: Path, stage: Any) -> None:
    made = stage(Reward("mine", sometimes, 1.0))
    with Run.open("dropping", recipe={}, root=tmp_path) as run:
        train(made, made.config.train, run)
    events = read_events(tmp_path / "dropping")
    dropped = [event["values"]["groups_dropped"] for event in events if "groups_dropped" in event["values"]]
    alarms = [event["values"]["message"] for event in events if event["kind"] == "alarm"]
    assert len(dropped) == 3 and min(dropped) > 0, "every step has some, and goes on with the rest"
    told = [message for message in alarms if "raised KeyError('colour')" in message]
    assert len(told) == 1 and told[0].startswith(f"{dropped[0]:.0f} groups had a reward that is no number")


@pytest.mark.parametrize("stage", [grpo_stage, best_of_n_stage])
def test_a_function_that_always_raises_ends_the_run_with_what_it_raised(tmp_path: Path, stage: Any) -> None:
    made = stage(Reward("mine", lambda prompt, completion, truth: raises(), 1.0))
    with (
        Run.open("failing", recipe={}, root=tmp_path) as run,
        pytest.raises(RunError, match=r"no number: look at the reward function: 'mine' raised KeyError\('colour'\)"),
    ):
        train(made, made.config.train, run)
    assert "colour" in read_events(tmp_path / "failing")[-1]["values"]["message"]
