"""Choose the next token: from logits to ids, greedily or at random.

    logits → penalties, bias → divide by the temperature → softmax → keep the top k → the nucleus (top p) → min p → draw

The draw inverts the cumulative distribution: one uniform number a token, from a stream that belongs to the
request alone. What a request gets therefore depends on its seed and its own logits, never on its neighbours in the
batch, and all rows are drawn in one go.

    B rows   V vocabulary
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from orrery.errors import InferenceError

COLDEST = 1e-5  # a temperature by which logits can still be divided; it is greedy already
MOST_SHIFT = 1e9  # of a logit: no logit makes up for it, and it can still be divided by the coldest temperature
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
    min_p: float = 0.0
    """Keep only tokens that are at least so likely as this share of the likeliest (arXiv 2407.01082); 0 keeps all."""
    repetition_penalty: float = 1.0
    """Logits of tokens that were read or written are divided by it where positive, multiplied where negative (CTRL,
    arXiv 1909.05858, section 4.1); 1 changes nothing."""
    presence_penalty: float = 0.0
    """Taken off the logit of each token that was written (as OpenAI has it)."""
    frequency_penalty: float = 0.0
    """Taken off the logit of each token for every time that it was written."""
    logit_bias: tuple[tuple[int, float], ...] = ()
    """(token, what is added to its logit)."""
    max_tokens: int = 64
    """Most tokens the model writes for one request; in a chat one reply with all its tool calls is a request."""
    stop_ids: tuple[int, ...] = ()
    """Tokens that end a request, besides the tokenizer's end of document and end of turn."""
    stop: tuple[str, ...] = ()
    """Texts that end a request, wherever tokens begin and end; what is returned ends before the first of them."""
    seed: int = 0
    """Request number i of a call draws from a stream of its own, made from (seed, i)."""

    def __post_init__(self) -> None:
        if self.temperature != 0 and not COLDEST <= self.temperature < float("inf"):
            raise InferenceError(
                f"temperature is {self.temperature}; it must be 0 (greedy) or a number from {COLDEST} on"
            )
        if self.top_k < 0:
            raise InferenceError(f"top_k is {self.top_k}; it must be 0 (keep all) or a number of tokens")
        if not 0 < self.top_p <= 1:
            raise InferenceError(f"top_p is {self.top_p}; it must be above 0 and at most 1 (keep all)")
        if not 0 <= self.min_p <= 1:
            raise InferenceError(f"min_p is {self.min_p}; it must be from 0 (keep all) to 1")
        if not 0.01 <= self.repetition_penalty <= 100:
            raise InferenceError(
                f"repetition_penalty is {self.repetition_penalty}; it must be from 0.01 to 100 (1: none)"
            )
        shifts = (self.presence_penalty, self.frequency_penalty, *(bias for _, bias in self.logit_bias))
        if not all(abs(shift) <= MOST_SHIFT for shift in shifts):
            raise InferenceError(f"penalties and biases must be numbers from {-MOST_SHIFT:g} to {MOST_SHIFT:g}")
        if not all(self.stop):
            raise InferenceError("an empty text cannot be a stop: it stands everywhere")
        if self.max_tokens < 1:
            raise InferenceError(f"max_tokens is {self.max_tokens}; it must be at least 1")

    @property
    def filters(self) -> tuple[float, int, float, float]:
        """What rows must share to be drawn in one go: temperature, top_k, top_p, min_p."""
        return self.temperature, self.top_k, self.top_p, self.min_p

    @property
    def shifts(self) -> bool:
        """Whether it changes logits before anything is drawn."""
        penalised = self.repetition_penalty != 1 or self.presence_penalty or self.frequency_penalty
        return bool(penalised or self.logit_bias)


def before(text: str, stops: Sequence[str]) -> str:
    """The text up to the first place where a stop begins.

    >>> before("one, two; three", ("; ", ", t"))
    'one'
    """
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    return text[: min(places)] if places else text


def uniform_stream(seed: int, request: int, count: int) -> Tensor:
    """The first `count` numbers in [0, 1) of a request's own stream -> [count], float32, on the CPU."""
    mixed = np.random.SeedSequence([abs(seed), int(seed < 0), request]).generate_state(1, np.uint64)
    generator = torch.Generator().manual_seed(int(mixed[0] >> np.uint64(1)))  # manual_seed takes 63 bits
    return torch.rand(count, generator=generator)


def shifted(logits: Tensor, sampling: Sampling, read: Sequence[int], written: Sequence[int]) -> Tensor:
    """One row's logits [V] after penalties for what it has `read` and `written`, and biases -> [V], float32.

    Raises InferenceError for a bias of a token that the model does not have.
    """
    logits = logits.float().clone()
    if sampling.repetition_penalty != 1:
        seen = torch.tensor(sorted({*read, *written}), dtype=torch.long, device=logits.device)
        penalty = sampling.repetition_penalty
        logits[seen] = torch.where(logits[seen] > 0, logits[seen] / penalty, logits[seen] * penalty)
    counts = Counter(written)
    if counts and (sampling.presence_penalty or sampling.frequency_penalty):
        ids = torch.tensor(list(counts), dtype=torch.long, device=logits.device)
        times = torch.tensor(list(counts.values()), dtype=torch.float32, device=logits.device)
        logits[ids] -= sampling.presence_penalty + sampling.frequency_penalty * times
    for token, bias in sampling.logit_bias:
        if not 0 <= token < len(logits):
            raise InferenceError(f"logit_bias names token {token}; the model's ids are 0 to {len(logits) - 1}")
        logits[token] += bias
    return logits


def sample(
    logits: Tensor,
    sampling: Sampling,
    uniforms: Tensor | None = None,
    banned: Sequence[int] | Tensor = (),
    shifted: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Choose one token a row: logits [B V] -> ids [B], and their log-probabilities [B] in float32.

    `uniforms` [B] in [0, 1) decide the draw and are not needed when greedy; `banned` tokens are never chosen;
    `shifted` are the logits to choose by where they are not the model's own. The log-probability is always the model's
    own (log-softmax of the raw logits): temperature, filters, penalties and bans change what is chosen and not the
    number that is reported, so a trainer computes the same.
    """
    logprobs = logits.float().log_softmax(-1)
    logits = (logits if shifted is None else shifted).float()
    if len(banned):
        logits = logits.index_fill(1, torch.as_tensor(banned, device=logits.device), -torch.inf)
    if sampling.temperature == 0:
        ids = logits.argmax(-1)
    else:
        assert uniforms is not None, "sampling at a temperature needs uniform numbers"
        ids = draw(filtered_probabilities(logits, sampling), uniforms)
    return ids, logprobs.gather(1, ids[:, None])[:, 0]


def filtered_probabilities(logits: Tensor, sampling: Sampling) -> Tensor:
    """Probabilities after temperature, top-k, top-p and min-p -> [B V]; rows do not add up to 1 again after that.

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
    if sampling.min_p:
        least = probabilities.amax(-1, keepdim=True) * sampling.min_p
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
