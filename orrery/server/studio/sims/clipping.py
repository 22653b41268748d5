"""The clipped objective of PPO and GRPO over the ratio of new to old probability, with its gradient by autograd."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from orrery.errors import ConfigError
from orrery.stages.policy_loss import clipped

RATIOS = np.linspace(0.4, 1.8, 141)


@dataclass(frozen=True)
class ClippingRequest:
    """A token's advantage, and how far below and above 1 its ratio counts."""

    advantage: float
    low: float = 0.2
    high: float = 0.2


@dataclass(frozen=True)
class ClippingAnswer:
    """At each ratio: the loss, and its gradient by the token's log-probability."""

    ratios: NDArray[np.float64]  # M
    losses: NDArray[np.float64]  # M
    slopes: NDArray[np.float64]  # M


def clipping(asked: ClippingRequest) -> ClippingAnswer:
    """The whole curve. Raises ConfigError for a clip that is negative."""
    if min(asked.low, asked.high) < 0:
        raise ConfigError("low and high cannot be negative: they say how far from 1 a ratio still counts")
    logprobs = torch.tensor(np.log(RATIOS), requires_grad=True)
    advantages = torch.full_like(logprobs, asked.advantage)
    losses, _ = clipped(logprobs, torch.zeros_like(logprobs), advantages, asked.low, asked.high)
    (slopes,) = torch.autograd.grad(losses.sum(), logprobs)
    return ClippingAnswer(RATIOS, losses.detach().numpy(), slopes.numpy())
