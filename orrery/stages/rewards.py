"""Rewards of completions: verifiers and functions of one's own, added up with weights.

    def shorter_is_better(prompt, completion, truth) -> float:
        return -len(completion) / 100

    orrery grpo --model runs/speedrun/sft --reward numeric --reward mine.py:shorter_is_better=0.1

A reward is a number, whichever; one of weight 0 is only logged. A group of completions with a reward that is no number
is dropped and counted.
"""

import importlib.util
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from orrery.config import nearest
from orrery.errors import ConfigError, RunError
from orrery.stages.problems import Problem
from orrery.stages.verifiers import VERIFIERS, RewardFunction

LARGEST = 3e38  # of a reward: beyond it float32 has no number


@dataclass(frozen=True)
class Reward:
    """One part of the reward: its name in the logs, the function, its weight in the sum."""

    name: str
    function: RewardFunction
    weight: float

    def __call__(self, prompt: str, completion: str, truth: Any) -> float:
        """The unweighted reward; NaN where the function raises or returns no finite number."""
        return self.judge(prompt, completion, truth)[0]

    def judge(self, prompt: str, completion: str, truth: Any) -> tuple[float, str]:
        """The unweighted reward and nothing, or NaN and what went wrong."""
        try:
            value = float(self.function(prompt, completion, truth))
        except Exception as error:  # a person's own function may raise anything; the group is dropped and counted
            return math.nan, f"'{self.name}' raised {repr(error)[:200]}"
        return (value, "") if abs(value) < LARGEST else (math.nan, f"'{self.name}' returned {value}")


def score_groups(
    rewards: Sequence[Reward], problems: Sequence[Problem], texts: Sequence[Sequence[str]]
) -> tuple[Tensor, dict[str, float], str]:
    """Total rewards of P problems' G completions [P G], NaN in groups with one that is no number; what to log; and
    why the last such group is one, empty where there is none.

    Raises:
        RunError: that is more than half of the groups.
    """
    judged = [
        [[reward.judge(problem.text, text, problem.truth) for reward in rewards] for text in group]
        for problem, group in zip(problems, texts, strict=True)
    ]
    wrong = [why for group in judged for each in group for _, why in each if why]
    problem = wrong[-1] if wrong else ""
    values = torch.tensor([[[value for value, _ in each] for each in group] for group in judged])  # P G F
    whole = ~values.isnan().any(-1).any(-1)  # P
    if whole.float().mean() < 0.5:
        raise RunError(
            f"more than half of the groups had a reward that is no number: look at the reward function: {problem}"
        )
    totals = values @ torch.tensor([reward.weight for reward in rewards])
    metrics = {"reward": totals[whole].mean().item(), "groups_dropped": float((~whole).sum())}
    for index, reward in enumerate(rewards):
        kept = values[whole][..., index]
        metrics[f"rewards/{reward.name}/mean"] = kept.mean().item()
        metrics[f"rewards/{reward.name}/std"] = kept.std().item() if kept.numel() > 1 else 0.0
    return torch.where(whole[:, None], totals, torch.nan), metrics, problem


def rewards_from(specifications: Sequence[str]) -> list[Reward]:
    """What ``--reward`` names: ``numeric``, ``steps=0.2``, ``mine.py:function=0.5``. A file's function goes by its own
    name in the logs.

    Raises:
        ConfigError: none is given, there is no such function, a file cannot be run, a weight is no number, or two
            have the same name.
    """
    if not specifications:
        raise ConfigError("no reward: give --reward, for instance --reward numeric")
    found: list[Reward] = []
    for specification in specifications:
        name, weight = specification, "1"
        if "=" in specification.rpartition(":")[2]:  # a file's path may hold one too
            name, _, weight = specification.rpartition("=")
        reward = Reward(name.rpartition(":")[2], _function(name), _weight(specification, weight))
        if reward.name in [other.name for other in found]:
            raise ConfigError(f"--reward {specification}: there is a reward '{reward.name}' already")
        found.append(reward)
    return found


def _weight(specification: str, weight: str) -> float:
    try:
        value = float(weight)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ConfigError(f"--reward {specification}: {weight!r} is no weight")
    return value


def _function(name: str) -> RewardFunction:
    file, colon, function = name.rpartition(":")
    if not colon:
        if name not in VERIFIERS:
            raise ConfigError(f"no reward '{name}'; {nearest(name, VERIFIERS)}, or FILE.py:FUNCTION")
        return VERIFIERS[name]
    path = Path(file)
    unique = f"orrery_reward_{path.stem}"  # no module of another name is replaced by it
    spec = importlib.util.spec_from_file_location(unique, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise ConfigError(f"--reward {name}: there is no Python file {file}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module  # dataclasses, for one, look their module up
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # the file is a person's own: whatever is wrong with it, say so
        raise ConfigError(f"--reward {name}: {file} cannot be run: {error!r}") from error
    found = getattr(module, function, None)
    if not callable(found):
        raise ConfigError(f"--reward {name}: {file} has no function {function}")
    return found
