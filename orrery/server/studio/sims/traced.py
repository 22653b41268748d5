"""Traces of texts that simulations look through: made once, and kept while a reader looks at their parts."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from orrery.errors import ConfigError
from orrery.models.trace import Edit, Trace, trace
from orrery.server.studio.compute import Loaded

MOST_TOKENS = 96  # that a picture of tokens by tokens can show
TOP = 8  # next tokens named at each position
KEPT = 4  # traces in memory; one of edited weights holds a copy of the model


@dataclass(frozen=True)
class Text:
    """A text as a model reads it, as a document's beginning."""

    ids: tuple[int, ...]
    tokens: tuple[str, ...]


def read_text(read: Loaded, text: str) -> Text:
    """The tokens of a text. Raises ConfigError for more than can be shown."""
    ids = (read.tokenizer.begin_id, *read.tokenizer.encode(text))
    most = min(MOST_TOKENS, read.model.config.context)
    if len(ids) > most:
        raise ConfigError(f"the text has {len(ids)} tokens; at most {most} are shown here: shorten it")
    return Text(ids, tuple(read.tokenizer.decode([id]) for id in ids))


@lru_cache(maxsize=KEPT)
def traced(read: Loaded, ids: tuple[int, ...], edits: tuple[Edit, ...] = ()) -> Trace:
    """The trace of one row of ids. Raises ConfigError for an edit of what is not there."""
    return trace(read.model, torch.tensor([ids]), edits)


@dataclass(frozen=True)
class Likely:
    """A next token, with its probability before a change and after it."""

    id: int
    text: str
    before: float
    after: float


def likely_next(read: Loaded, before: Tensor, after: Tensor) -> list[list[Likely]]:
    """For each position the next tokens that are likeliest before or after, of log-probabilities [T V] each."""
    top = torch.maximum(before, after).topk(min(TOP, before.shape[-1])).indices  # T TOP
    chances = (logprobs.gather(-1, top).exp().tolist() for logprobs in (before, after))
    return [
        [Likely(id, read.tokenizer.decode([id]), b, a) for id, b, a in zip(*row, strict=True)]
        for row in zip(top.tolist(), *chances, strict=True)
    ]


def check_within(name: str, index: int, size: int) -> None:
    """Raise ConfigError for an index that is not there."""
    if not 0 <= index < size:
        raise ConfigError(f"{name} is {index}; there are 0 to {size - 1}")
