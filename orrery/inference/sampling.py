"""Choose the next token: from logits to ids, greedily or at random.

    logits → divide by the temperature → softmax → keep the top k → keep the nucleus (top p) → draw

The draw inverts the cumulative distribution: one uniform number a token, from a stream that belongs to the
request alone. What a request gets therefore depends on its seed and its own logits, never on its neighbours in the
batch, and all rows are drawn in one go.

    B rows   V vocabulary
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from orrery.errors import InferenceError

NUCLEUS_FIRST = 256  # tokens looked at first for the nucleus: sorting all of a vocabulary costs five times as much


@dataclass(frozen=True)
class Sampling:
    """How to choose tokens and when to stop. Raises InferenceError for values that make no sense."""

    temperature: float = 0.0
    """0 takes the likeliest token (greedy); 1 samples the model's own distribution; lower is safer, higher wilder."""
    top_k: int = 0
    """Keep only the k likeliest tokens; 0 keeps all."""
    top_p: float = 1.0
    """Keep only the likeliest tokens that together have this probability (nucleus sampling, arXiv 1904.09751)."""
    max_tokens: int = 64
    """Most tokens the model writes for one request; in a chat one reply with all its tool calls is a request."""
    stop_ids: tuple[int, ...] = ()
    """Tokens that end a request, besides the tokenizer's end of document and end of turn."""
    seed: int = 0
    """Request number i of a call draws from a stream of its own, made from (seed, i)."""

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise InferenceError(f"temperature is {self.temperature}; it must be 0 (greedy) or a positive number")
        if self.top_k < 0:
            raise InferenceError(f"top_k is {self.top_k}; it must be 0 (keep all) or a number of tokens")
        if not 0 < self.top_p <= 1:
            raise InferenceError(f"top_p is {self.top_p}; it must be above 0 and at most 1 (keep all)")
        if self.max_tokens < 1:
            raise InferenceError(f"max_tokens is {self.max_tokens}; it must be at least 1")


def uniform_stream(seed: int, request: int, count: int) -> Tensor:
    """The first `count` numbers in [0, 1) of a request's own stream -> [count], float32, on the CPU."""
    mixed = np.random.SeedSequence([abs(seed), int(seed < 0), request]).generate_state(1, np.uint64)
    generator = torch.Generator().manual_seed(int(mixed[0] >> np.uint64(1)))  # manual_seed takes 63 bits
    return torch.rand(count, generator=generator)


def sample(
    logits: Tensor, sampling: Sampling, uniforms: Tensor | None = None, banned: Sequence[int] | Tensor = ()
) -> tuple[Tensor, Tensor]:
    """Choose one token a row: logits [B V] -> ids [B], and their log-probabilities [B] in float32.

    `uniforms` [B] in [0, 1) decide the draw and are not needed when greedy; `banned` tokens are never chosen.
    The log-probability is the model's own (log-softmax of the raw logits): temperature, top-k, top-p and
    bans change what is chosen and not the number that is reported, so a trainer computes the same.
    """
    logits = logits.float()
    logprobs = logits.log_softmax(-1)
    if len(banned):
        logits = logits.index_fill(1, torch.as_tensor(banned, device=logits.device), -torch.inf)
    if sampling.temperature == 0:
        ids = logits.argmax(-1)
    else:
        assert uniforms is not None, "sampling at a temperature needs uniform numbers"
        ids = draw(filtered_probabilities(logits, sampling), uniforms)
    return ids, logprobs.gather(1, ids[:, None])[:, 0]


def filtered_probabilities(logits: Tensor, sampling: Sampling) -> Tensor:
    """Probabilities after temperature, top-k and top-p -> [B V]; rows do not add up to 1 again after the filters.

    Top-k keeps every token at least as likely as the k-th. Top-p then keeps the smallest set of likeliest tokens
    whose share of what top-k left is at least p: the token that crosses the boundary stays in, so one token
    always remains. Tokens exactly as likely as the last one kept stay too, so order never decides.
    """
    probabilities = (logits / sampling.temperature).softmax(-1)
    V = probabilities.shape[1]
    if 0 < sampling.top_k < V:
        least = probabilities.topk(sampling.top_k).values[:, -1:]
        probabilities = probabilities.masked_fill(probabilities < least, 0)
    if sampling.top_p < 1:
        mass = probabilities.sum(-1, keepdim=True) * sampling.top_p  # B 1
        likeliest = probabilities.topk(min(NUCLEUS_FIRST, V)).values  # B 256, falling
        wide = likeliest.sum(-1) < mass[:, 0]  # rows whose nucleus is larger
        least = _last_of_nucleus(likeliest, mass)
        if wide.any():
            least[wide] = _last_of_nucleus(probabilities[wide].sort(descending=True).values, mass[wide])
        probabilities = probabilities.masked_fill(probabilities < least, 0)
    return probabilities


def _last_of_nucleus(falling: Tensor, mass: Tensor) -> Tensor:
    """The smallest probability of the nucleus: where the sum of `falling` [B N] first reaches `mass` [B 1] -> [B 1]."""
    before = falling.cumsum(-1) - falling  # what the likelier tokens have
    last = (before < mass).sum(-1, keepdim=True) - 1
    return falling.gather(1, last.clamp(min=0))


def draw(probabilities: Tensor, uniforms: Tensor) -> Tensor:
    """Draw one index a row in proportion to `probabilities` [B V] (any positive sum) -> [B].

    The index is the first whose cumulative sum exceeds `uniforms` [B] times the row's sum; one of probability 0
    adds nothing to the sum and so is never it.
    """
    cumulative = probabilities.cumsum(-1)
    total = cumulative[:, -1]
    target = torch.minimum(uniforms * total, total.nextafter(torch.zeros_like(total)))  # rounding may reach the total
    return torch.searchsorted(cumulative, target[:, None], right=True)[:, 0]
