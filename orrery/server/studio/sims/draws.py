"""Tokens that a model's next-token distribution gives when it is really drawn from, many times, beside what it says."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from orrery.errors import ConfigError
from orrery.inference.sampling import Sampling, draw, filtered_probabilities, uniform_stream
from orrery.server.studio.compute import Loaded
from orrery.server.studio.sims.next_token import NextTokenRequest, next_token

MOST_DRAWS = 20_000
AT_ONCE = 1 << 22  # probabilities in memory: the draws take turns
FEW = 5  # expected draws below which a token is counted together with others: chi-square is no good for so few


@dataclass(frozen=True)
class DrawsRequest:
    """A text, how to choose the token that follows, how often to do so, and the seed of the random numbers."""

    model: str
    text: str
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    draws: int = 200
    seed: int = 0


@dataclass(frozen=True)
class DrawsAnswer:
    """How often each token was drawn, and the probability with which it should be.

    `chi_square`: the distance of the two, over `freedom` degrees of freedom; `chance`: how probable one at least as
    large is where nothing but luck is at work. Null where fewer than two groups of tokens can be compared.
    """

    counts: NDArray[np.int32]  # V
    expected: NDArray[np.float32]  # V
    chi_square: float
    freedom: int
    chance: float


def draws(asked: DrawsRequest, read: Loaded) -> DrawsAnswer:
    """Draw the next token many times. Raises ConfigError for no draws or too many, InferenceError for other values."""
    if not 1 <= asked.draws <= MOST_DRAWS:
        raise ConfigError(f"{asked.draws} draws: ask for 1 to {MOST_DRAWS:,}")
    sampling = Sampling(asked.temperature, asked.top_k, asked.top_p, asked.min_p, seed=asked.seed)
    logits = torch.from_numpy(next_token(NextTokenRequest(asked.model, asked.text, 1), read).logits)  # V
    if sampling.temperature == 0:
        kept = torch.nn.functional.one_hot(logits.argmax(), len(logits)).float()
    else:
        kept = filtered_probabilities(logits[None], sampling)[0]
    uniforms = uniform_stream(asked.seed, 0, asked.draws)
    ids = [draw(kept.expand(len(some), -1), some) for some in uniforms.split(max(1, AT_ONCE // len(kept)))]
    counts = torch.bincount(torch.cat(ids), minlength=len(kept))
    expected = kept / kept.sum()
    distance, freedom = chi_square(counts.double(), asked.draws * expected.double())
    half = torch.tensor([freedom / 2, distance / 2], dtype=torch.float64)
    chance = torch.special.gammaincc(half[0], half[1]).item() if freedom else float("nan")
    return DrawsAnswer(
        counts.numpy().astype(np.int32), expected.numpy(), distance if freedom else float("nan"), freedom, chance
    )


def chi_square(counts: torch.Tensor, expected: torch.Tensor) -> tuple[float, int]:
    """Pearson's statistic of `counts` [V] against `expected` [V], and its degrees of freedom.

    Tokens of which fewer than FEW are expected are one group together, which is left out where it is small itself.
    """
    often = expected >= FEW
    groups = [(counts[often], expected[often])]
    if expected[~often].sum() >= FEW:
        groups.append((counts[~often].sum()[None], expected[~often].sum()[None]))
    seen, due = (torch.cat(parts) for parts in zip(*groups, strict=True))
    return ((seen - due) ** 2 / due).sum().item(), max(0, len(due) - 1)
