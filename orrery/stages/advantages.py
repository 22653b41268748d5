"""How much better than expected: rewards to advantages, with a critic (GAE) or without (groups).

R rows, T tokens, P prompts, G completions of each
"""

from typing import Literal

import torch
from torch import Tensor

from orrery.errors import ConfigError

Normalise = Literal["group", "batch", "none"]
TINY = 1e-4  # added to standard deviations, as TRL does


def group_advantages(rewards: Tensor, normalise: Normalise = "group") -> Tensor:
    """Each completion against the mean of its group: rewards [P G] -> advantages [P G].

        A_i = (r_i - mean(r)) / (std(r) + 1e-4)

    GRPO (DeepSeekMath, arXiv 2402.03300, section 4.1.2). ``group`` divides by the group's standard deviation, ``batch``
    by that of all rewards (REINFORCE++), ``none`` not at all (Dr. GRPO, arXiv 2503.20783: dividing favours prompts that
    are nearly always or hardly ever solved).

    Raises:
        ConfigError: groups of one, whose advantage would be nothing.
    """
    if rewards.shape[1] < 2:
        raise ConfigError("a group of one completion has nothing to be compared with: take at least 2 for each prompt")
    centred = rewards - rewards.mean(1, keepdim=True)
    if normalise == "group":
        return centred / (rewards.std(1, keepdim=True) + TINY)
    if normalise == "batch":
        return centred / (rewards.std() + TINY)
    return centred


def gae(rewards: Tensor, values: Tensor, trained: Tensor, gamma: float, lam: float) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimation (arXiv 1506.02438, equation 16) -> (advantages [R T], returns [R T]).

        delta_t = r_t + gamma V_{t+1} - V_t          A_t = delta_t + gamma lam A_{t+1}          return_t = A_t + V_t

    A row's trained tokens are its steps, in order, whatever stands between them; after the last one nothing follows.

    Args:
        rewards: [R T], of each trained token.
        values: [R T], the critic's estimate before the token is written.
        trained: [R T], bool.
    """
    advantages = torch.zeros_like(rewards)
    following, value_after = torch.zeros_like(rewards[:, 0]), torch.zeros_like(rewards[:, 0])
    for t in reversed(range(rewards.shape[1])):
        here = trained[:, t]
        delta = rewards[:, t] + gamma * value_after - values[:, t]
        following = torch.where(here, delta + gamma * lam * following, following)
        value_after = torch.where(here, values[:, t], value_after)
        advantages[:, t] = torch.where(here, following, 0.0)
    return advantages, torch.where(trained, advantages + values, 0.0)


def whiten(values: Tensor, trained: Tensor) -> Tensor:
    """Mean 0 and variance 1 over the trained tokens [R T]; 0 elsewhere."""
    chosen = values[trained]
    scaled = (values - chosen.mean()) * (chosen.var(correction=0) + 1e-8).rsqrt()
    return torch.where(trained, scaled, 0.0)
