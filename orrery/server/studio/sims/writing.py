"""What a model writes after a text: the one that is likeliest word by word, or one that is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

from orrery.errors import ConfigError
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.server.studio.compute import Loaded

MOST = 128  # tokens: a page waits for them
RUN = 4  # tokens of a run that counts as a repetition


@dataclass(frozen=True)
class WritingRequest:
    """A text to go on with, how to choose, and the seed of the random numbers."""

    model: str
    text: str
    max_tokens: int = 40
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class WritingAnswer:
    """What was written, and the log-probability of each of its tokens in nats.

    `ended`: whether the model put an end to it. `repeated`: see `repetition`.
    """

    text: str
    ids: list[int]
    logprobs: list[float]
    ended: bool
    repeated: float


def writing(asked: WritingRequest, read: Loaded) -> WritingAnswer:
    """Go on with a text, as a document's beginning. Raises ConfigError for more tokens than a page waits for."""
    if not 1 <= asked.max_tokens <= MOST:
        raise ConfigError(f"{asked.max_tokens} tokens: ask for 1 to {MOST}")
    sampling = Sampling(asked.temperature, top_p=asked.top_p, max_tokens=asked.max_tokens, seed=asked.seed)
    engine = Engine(read.model, read.tokenizer, tools=())
    (made,) = engine.generate([[read.tokenizer.begin_id, *read.tokenizer.encode(asked.text)]], sampling)
    return WritingAnswer(
        made.text, made.ids, made.logprobs, ended=made.finish_reason == "stop", repeated=repetition(made.ids)
    )


def repetition(ids: Sequence[int]) -> float:
    """Of all runs of four tokens the share that stood there before (seq-rep-4 of arXiv 1908.04319).

    >>> round(repetition([1, 2, 3, 4, 1, 2, 3, 4]), 3)
    0.2
    """
    runs = [tuple(ids[i : i + RUN]) for i in range(len(ids) - RUN + 1)]
    return 1 - len(set(runs)) / len(runs) if runs else 0.0
