"""DPO's loss of one pair, as the stage computes it, with its gradients by autograd."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from orrery.errors import ConfigError
from orrery.stages.dpo import dpo_losses

MARGINS = np.linspace(-40, 40, 161)


@dataclass(frozen=True)
class DPORequest:
    """How much likelier than to the reference both completions are, in nats; beta; tokens of each, which ipo counts."""

    chosen: float
    rejected: float
    beta: float = 0.1
    loss: Literal["sigmoid", "ipo"] = "sigmoid"
    tokens: int = 20


@dataclass(frozen=True)
class DPOAnswer:
    """The pair's loss, its gradients by both log-probabilities, the rewards that the policy implies; and the loss and
    its gradient at each of `margins`, the difference of the two."""

    value: float
    by_chosen: float
    by_rejected: float
    rewards: tuple[float, float]
    margins: NDArray[np.float64]  # M
    losses: NDArray[np.float64]  # M
    slopes: NDArray[np.float64]  # M


def dpo_loss(asked: DPORequest) -> DPOAnswer:
    """One pair, and the whole curve. Raises ConfigError for a beta that is not above 0, or no tokens."""
    if not asked.beta > 0 or asked.tokens < 1:
        raise ConfigError(f"beta is {asked.beta:g} and tokens {asked.tokens}: beta must be above 0, tokens at least 1")
    given = np.array([[asked.chosen, asked.rejected], *([margin, 0.0] for margin in MARGINS)])
    ratios = torch.tensor(given, requires_grad=True)  # R 2
    lengths = torch.full(ratios.shape, asked.tokens)
    losses = dpo_losses(ratios, torch.zeros_like(ratios), lengths, asked.loss, asked.beta)
    (slopes,) = torch.autograd.grad(losses.sum(), ratios)
    return DPOAnswer(
        value=losses[0].item(),
        by_chosen=slopes[0, 0].item(),
        by_rejected=slopes[0, 1].item(),
        rewards=(asked.beta * asked.chosen, asked.beta * asked.rejected),
        margins=MARGINS,
        losses=losses[1:].detach().numpy(),
        slopes=slopes[1:, 0].numpy(),
    )
