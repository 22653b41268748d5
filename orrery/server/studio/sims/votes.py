"""Answers that a model gives to one question, again and again; and what a vote among them is worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, factorial

from orrery.errors import ConfigError
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.server.studio.compute import Loaded
from orrery.stages.rollouts import roll_out
from orrery.stages.verifiers import answer_number

MOST_SAMPLES, MOST_VOTES = 32, 64
TOKENS = 96  # of an answer


@dataclass(frozen=True)
class VotesRequest:
    """A chance to be right, among how many wrong answers the rest is spread evenly, and sizes of votes."""

    right: float
    wrong: int
    sizes: Sequence[int]


@dataclass(frozen=True)
class VotesAnswer:
    """How often the vote is right at each size."""

    chances: list[float]


@dataclass(frozen=True)
class SamplesRequest:
    """A question to an assistant, and how many answers to sample at temperature 1."""

    model: str
    question: str
    count: int = 16
    seed: int = 0


@dataclass(frozen=True)
class SamplesAnswer:
    """What was written, and the number that each text comes to: None where it names none."""

    texts: list[str]
    numbers: list[float | None]


def votes(asked: VotesRequest) -> VotesAnswer:
    """The vote's chances, exactly. Raises ConfigError for what is no chance, or too many votes."""
    if not 0 <= asked.right <= 1 or asked.wrong < 1 or not all(1 <= size <= MOST_VOTES for size in asked.sizes):
        raise ConfigError(f"a chance is from 0 to 1, there is at least one wrong answer, and 1 to {MOST_VOTES} votes")
    return VotesAnswer([vote(asked.right, asked.wrong, size) for size in asked.sizes])


def vote(right: float, wrong: int, size: int) -> float:
    """The chance that the commonest of `size` answers is the right one; equally common ones share it.

    >>> round(vote(0.6, 1, 3), 3)
    0.648
    """
    found = 0.0
    for count in range(1, size + 1):
        share = comb(size, count) * right**count * (1 - right) ** (size - count)
        rest = size - count
        for tied in range(min(wrong, rest // count) + 1):
            ways = comb(wrong, tied) * below(rest - tied * count, wrong - tied, count) / factorial(count) ** tied
            found += share * ways * factorial(rest) / wrong**rest / (tied + 1)
    return found


def below(items: int, cells: int, limit: int) -> float:
    """Sum of 1 / (a! b! …) over all ways to put items into cells with fewer than `limit` in each."""
    sums = [1.0, *[0.0] * items]
    for _ in range(cells):
        sums = [sum(sums[n - j] / factorial(j) for j in range(min(n, limit - 1) + 1)) for n in range(items + 1)]
    return sums[items]


def samples(asked: SamplesRequest, read: Loaded) -> SamplesAnswer:
    """So many answers. Raises ConfigError for none or too many."""
    if not 1 <= asked.count <= MOST_SAMPLES:
        raise ConfigError(f"{asked.count} answers: ask for 1 to {MOST_SAMPLES}")
    engine = Engine(read.model, read.tokenizer, ())
    prompt = [{"role": "user", "content": asked.question}]
    texts = roll_out(engine, [prompt], asked.count, Sampling(1.0, max_tokens=TOKENS, seed=asked.seed)).texts[0]
    return SamplesAnswer(texts, [answer_number(text) for text in texts])
