"""How surprised a model is by each token of a text, and texts of the world that no model has read."""

import codecs
import math
from dataclasses import dataclass
from functools import lru_cache

import torch

from orrery.data.world.generate import World, WorldConfig, document
from orrery.errors import ConfigError
from orrery.server.studio.compute import Loaded

EXCERPT = 240  # characters of a document that are shown


@dataclass(frozen=True)
class SurpriseRequest:
    """A text, and how many of the likeliest tokens to name at each of its places."""

    model: str
    text: str
    top: int = 5


@dataclass(frozen=True)
class Place:
    """One token of a text: its surprise in nats, -ln p, and its rank, 1 for the likeliest.

    `text`: the characters that end with it; none where it is the beginning of one, which the next tokens go on with.
    `word`: the number of the word that it is part of. `likeliest`: what the model expected there, falling.
    """

    id: int
    text: str
    surprise: float
    rank: int
    word: int
    likeliest: list[int]
    texts: list[str]
    probabilities: list[float]


@dataclass(frozen=True)
class SurpriseAnswer:
    """The text, token by token, each given all before it. `uniform`: the surprise of all tokens as equals, ln V."""

    places: list[Place]
    uniform: float
    bytes: int


@torch.inference_mode()
def surprise(asked: SurpriseRequest, read: Loaded) -> SurpriseAnswer:
    """Read a text as a document's beginning. Raises ConfigError for no text, or one longer than the model's context."""
    model, tokenizer = read.model, read.tokenizer
    ids = tokenizer.encode(asked.text)
    if not 1 <= len(ids) <= model.config.context:
        raise ConfigError(f"the text has {len(ids)} tokens; the model reads 1 to {model.config.context}")
    logits = model(torch.tensor([[tokenizer.begin_id, *ids[:-1]]]))[0].float()  # T V
    logprobs = logits.log_softmax(-1)
    found = logprobs.gather(1, torch.tensor(ids)[:, None])  # T 1
    ranks = (logprobs > found).sum(-1) + 1  # T
    top = logprobs.topk(min(asked.top, logprobs.shape[1]))
    places, word, before = [], 0, ""
    characters = codecs.getincrementaldecoder("utf-8")(errors="replace")
    for t, id in enumerate(ids):
        text = characters.decode(tokenizer.token_bytes(id), final=t + 1 == len(ids))
        if before and (text[:1].isspace() or before[-1:].isspace()):
            word += 1
        before = text
        likeliest = top.indices[t].tolist()
        places.append(
            Place(
                id=id,
                text=text,
                surprise=-found[t, 0].item(),
                rank=int(ranks[t]),
                word=word,
                likeliest=likeliest,
                texts=[tokenizer.decode([one]) for one in likeliest],
                probabilities=top.values[t].exp().tolist(),
            )
        )
    return SurpriseAnswer(places, math.log(logprobs.shape[1]), len(asked.text.encode()))


@dataclass(frozen=True)
class UnreadRequest:
    """Which of the texts, from 0; there is no end of them."""

    number: int = 0


@dataclass(frozen=True)
class UnreadAnswer:
    """A document's beginning, up to the end of a sentence where there is one, and its genre."""

    text: str
    genre: str


def unread(asked: UnreadRequest) -> UnreadAnswer:
    """A text of the world's validation split, on which no run trains. Raises ConfigError for a number below 0."""
    if asked.number < 0:
        raise ConfigError(f"there is no text {asked.number}: they begin with 0")
    found = document(_world(), asked.number, split="validation")
    text = found.text[:EXCERPT]
    if len(found.text) > EXCERPT:
        ends = [text.rfind(end) for end in (". ", ".\n", "? ", "?\n")]
        text = text[: max(ends) + 1] or text
    return UnreadAnswer(text.strip(), found.genre)


@lru_cache(maxsize=1)
def _world() -> World:
    return World(WorldConfig())
