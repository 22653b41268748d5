"""A conversation as fine-tuning sees it: its tokens, which of them are trained on, and how likely they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from orrery.config import nearest
from orrery.data.world.choice import Choice
from orrery.data.world.conversations import KINDS
from orrery.data.world.world import World
from orrery.errors import ConfigError, DataError
from orrery.server.studio.compute import Loaded
from orrery.server.studio.sims.tokenizer import Chip, chips
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import neutralise, render, validate_messages

MOST = 20_000  # characters of a conversation


@dataclass(frozen=True)
class ConversationRequest:
    """A conversation as the API has them, and the model that reads it."""

    model: str
    messages: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Turn:
    """From one <|im_start|> up to the next. `first`, `count`: its tokens."""

    role: str
    first: int
    count: int


@dataclass(frozen=True)
class ConversationAnswer:
    """Its tokens T, and the chips of whole characters that they are shown as.

    `reserved`: those placed by id, which no text can become. `logprobs`: of each token after those before it, in nats;
    0 for the first, which nothing comes before. `loss`: what fine-tuning would make smaller, the mean over the trained
    tokens. `neutralised`: strings in the messages that looked like reserved tokens and were broken up.
    """

    ids: list[int]  # T
    mask: list[bool]  # T
    reserved: list[bool]  # T
    logprobs: NDArray[np.float32]  # T
    chips: list[Chip]
    turns: list[Turn]
    trained: int
    loss: float | None
    neutralised: int


@dataclass(frozen=True)
class SampleRequest:
    """A kind of conversation that the world writes, and which one of them."""

    kind: str
    number: int = 0


@dataclass(frozen=True)
class SampleAnswer:
    """The conversation, and the kinds that there are."""

    messages: Sequence[Mapping[str, Any]]
    kinds: list[str]


@torch.inference_mode()
def conversation(asked: ConversationRequest, read: Loaded) -> ConversationAnswer:
    """Render a conversation with the function that training uses, and let the model judge every token.

    Raises DataError for what is no conversation, ConfigError for one that is longer than the model's context.
    """
    model, tokenizer = read.model, read.tokenizer
    messages = [dict(message) for message in asked.messages]
    validate_messages(messages, "the conversation")
    if len(str(messages)) > MOST:
        raise DataError(f"the conversation has more than {MOST:,} characters: shorten it")
    rendered = render(messages, tokenizer)
    ids, mask = rendered.ids, rendered.mask
    if len(ids) > model.config.context:
        raise ConfigError(f"the conversation has {len(ids)} tokens; the model reads {model.config.context}: shorten it")
    scores = model(torch.tensor([ids]))[0, :-1].float().log_softmax(-1)  # T-1 V
    told = scores.gather(1, torch.tensor(ids[1:])[:, None])[:, 0]  # T-1
    logprobs = np.concatenate([[0], told.numpy()]).astype(np.float32)  # T
    known = set(tokenizer.reserved.values())
    trained = np.array(mask)
    return ConversationAnswer(
        ids=ids,
        mask=mask,
        reserved=[id_ in known for id_ in ids],
        logprobs=logprobs,
        chips=chips([tokenizer.token_bytes(id_) for id_ in ids]),
        turns=turns(ids, tokenizer),
        trained=int(trained.sum()),
        loss=float(-logprobs[trained].mean()) if trained.any() else None,
        neutralised=sum(broken_up(value) for message in messages for value in texts_of(message)),
    )


def turns(ids: Sequence[int], tokenizer: BPE) -> list[Turn]:
    """Where each turn begins: no content can, so an <|im_start|>, or what another template has there, is always one."""
    starts = [index for index, id_ in enumerate(ids) if id_ == tokenizer.start_of_turn_id]
    ends = [*starts[1:], len(ids)]
    return [
        Turn(tokenizer.decode(ids[start + 1 : end]).split("\n")[0].split("<|")[0], start, end - start)
        for start, end in zip(starts, ends, strict=True)
    ]


def texts_of(value: Any) -> list[str]:
    """All texts in a message, wherever they stand."""
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return [text for part in parts for text in texts_of(part)]


def broken_up(text: str) -> int:
    """How many reserved strings `neutralise` finds in a text."""
    return len(neutralise(text)) - len(text)


def sample(asked: SampleRequest) -> SampleAnswer:
    """A conversation of the kind that assistants are tuned on. Raises ConfigError for a kind that there is none of."""
    if asked.kind not in KINDS:
        raise ConfigError(f"the world writes no conversations of the kind {asked.kind!r}; {nearest(asked.kind, KINDS)}")
    return SampleAnswer(KINDS[asked.kind](world(), Choice(asked.number)).messages, list(KINDS))


@lru_cache(maxsize=1)
def world() -> World:
    """The world as it is without settings."""
    return World()
