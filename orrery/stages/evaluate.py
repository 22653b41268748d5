"""How a policy does on prompts that it is not trained on: the same ones every time, at temperature 1."""

import math
from collections.abc import Sequence
from typing import Any

from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.stages.problems import Problem
from orrery.stages.rewards import Reward
from orrery.stages.rollouts import Prompt, roll_out, words_of

SOME = 64  # problems of an evaluation on the way


def held_out_rewards(
    engine: Engine, problems: Sequence[Problem], rewards: Sequence[Reward], max_tokens: int, full: bool
) -> dict[str, float]:
    """Mean of each reward, and mean length; nothing without problems."""
    problems = problems if full else problems[:SOME]
    if not problems:
        return {}
    rollouts = roll_out(
        engine, [problem.prompt for problem in problems], 1, Sampling(1.0, max_tokens=max_tokens, seed=-1)
    )
    metrics = {"held_out/mean_length": rollouts.metrics()["completions/mean_length"]}
    for reward in rewards:
        scores = [reward(p.text, texts[0], p.truth) for p, texts in zip(problems, rollouts.texts, strict=True)]
        known = [score for score in scores if not math.isnan(score)]  # a person's own function may fail on some
        if known:
            metrics[f"held_out/{reward.name}"] = sum(known) / len(known)
    return metrics


def sample_answers(engine: Engine, prompts: Sequence[Prompt], max_tokens: int) -> list[dict[str, Any]]:
    """What the policy answers now, as values of ``sample`` events."""
    rollouts = roll_out(engine, prompts, 1, Sampling(1.0, max_tokens=max_tokens, seed=-2))
    return [
        {"prompt": words_of(prompt), "text": texts[0], "chat": not isinstance(prompt, str)}
        for prompt, texts in zip(prompts, rollouts.texts, strict=True)
    ]
