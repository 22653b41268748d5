"""The clipped policy objective that PPO and GRPO share, and how its tokens are averaged.

    rho = p_new(token) / p_old(token)
    loss = - min(rho A, clip(rho, 1 - low, 1 + high) A)

(PPO, arXiv 1707.06347, equation 7; a larger ``high`` lets unlikely tokens grow: DAPO, arXiv 2503.14476, section 3.1.)
"""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

Aggregation = Literal["dapo", "grpo", "dr_grpo"]


def clipped(
    logprobs: Tensor, old: Tensor, advantages: Tensor, low: float, high: float
) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of each token [N], and for each whether it was clipped: ``low`` (A < 0) and ``high`` (A > 0).

    At the first update after sampling rho is 1 and the gradient is that of REINFORCE; the value of the loss, the mean
    of -A, is then about 0 and says nothing.
    """
    ratio = (logprobs - old).clamp(-20, 20).exp()
    loss = -torch.minimum(ratio * advantages, ratio.clamp(1 - low, 1 + high) * advantages)
    with torch.no_grad():
        flags = {"low": (ratio < 1 - low) & (advantages < 0), "high": (ratio > 1 + high) & (advantages > 0)}
    return loss, flags


def token_weights(trained: Tensor, aggregation: Aggregation, totals: Mapping[str, float]) -> Tensor:
    """What each trained token's loss is multiplied by before all are added up -> [N].

        dapo      1 / tokens of the batch: every token counts alike (DAPO)
        grpo      1 / (rows x the row's own tokens): every completion counts alike, so tokens of long ones count less
        dr_grpo   1 / (rows x the longest that a completion may be): no length is favoured (Dr. GRPO)

    Args:
        trained: [R T] of a part of the batch.
        totals: ``tokens``, ``rows`` and ``max_tokens`` of the whole batch.
    """
    own = trained.sum(1)  # R
    if aggregation == "dapo":
        weights = torch.full(own.shape, 1 / totals["tokens"], device=trained.device)
    elif aggregation == "grpo":
        weights = 1 / (own * totals["rows"])
    else:
        weights = torch.full(own.shape, 1 / (totals["rows"] * totals["max_tokens"]), device=trained.device)
    return weights[:, None].expand_as(trained)[trained]
