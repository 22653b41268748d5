"""A person ranks what a model says: the same table as `orrery rank`, so `orrery reward --people` learns from both.

GET  /api/rankings         how many there are, and a wish for a story that was ranked least so far
POST /api/rankings/draw    several answers of a model to one prompt, in an order that says nothing
POST /api/rankings         the same answers, the best first
"""

import asyncio
import random
from collections.abc import Sequence
from contextlib import aclosing
from functools import lru_cache
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from orrery.data.world.world import WorldConfig
from orrery.database import database_exists
from orrery.errors import ConfigError, InferenceError
from orrery.inference.chat_views import shown
from orrery.inference.sampling import Sampling
from orrery.server.names import ServedModel
from orrery.server.service import in_thread
from orrery.server.streams import while_connected
from orrery.server.studio.talk import MOST_TEXT, Asked, Settings, Talk
from orrery.server.studio.writing import Writing
from orrery.stages.conversations import Conversation
from orrery.stages.from_world import BY_PEOPLE, wishes
from orrery.stages.preferences import Ranking
from orrery.stages.rankings import add_ranking, comparable, least_ranked, rankings_of_people
from orrery.tokenizers.messages import Message

SOURCE = "orrery studio"
WISHES = 200  # more than anybody ranks before the first of them come again
MOST_COMPLETIONS = 16


class Rankings(BaseModel):
    """How many rankings people have made, what to ask next, and the folder of the runs, where they are kept."""

    count: int
    prompt: str
    root: str


class Drawing(Asked):
    """What is to be answered, by whom, and how often."""

    model: str
    prompt: str = Field(min_length=1, max_length=MOST_TEXT)
    completions: int = Field(5, ge=2, le=MOST_COMPLETIONS)
    sampling: Settings = Settings(temperature=1.0, max_tokens=128)


class Drawn(BaseModel):
    """An answer: as a person reads it, and its messages."""

    text: str
    messages: list[dict[str, Any]]


class Ordered(Asked):
    """Answers to a prompt, the best first, and the model that wrote them."""

    model: str
    prompt: str = Field(min_length=1, max_length=MOST_TEXT)
    completions: list[list[dict[str, Any]]] = Field(min_length=2, max_length=MOST_COMPLETIONS)


def router(talk: Talk) -> APIRouter:
    """All of them."""
    router = APIRouter(prefix="/rankings")

    @router.get("", summary="Rankings of people")
    async def count() -> Rankings:
        return await in_thread(lambda: overview(talk))

    @router.post("/draw", summary="Draw answers to be ranked")
    async def draw(asked: Drawing, request: Request) -> list[Drawn]:
        model = await talk.model(asked.model)
        return await while_connected(request, drawn(talk, model, asked))

    @router.post("", summary="Save a ranking")
    async def save(asked: Ordered) -> Rankings:
        model = await talk.model(asked.model)

        def write() -> Rankings:
            ranking = Ranking(user(asked.prompt), asked.completions)
            add_ranking(talk.database, ranking, model=str(model.folder), source=SOURCE)
            return overview(talk)

        return await in_thread(write)

    return router


async def drawn(talk: Talk, model: ServedModel, asked: Drawing) -> list[Drawn]:
    """Answers that look different and can be trained on, in an order drawn by the seed.

    Raises ConfigError for a base model, InferenceError for a temperature of 0.
    """
    if not model.assistant:
        raise ConfigError(f"{model.name} is a base model, which answers nobody: take an assistant")
    if asked.sampling.temperature == 0:
        raise InferenceError("at temperature 0 all answers are equal; it must be above 0")
    prompt, sampling = user(asked.prompt), asked.sampling.sampling
    numbers = range(asked.completions)
    replies = await asyncio.gather(*(answer(talk, model, prompt, sampling, number) for number in numbers))
    context = talk.service.context(model)
    answers = await in_thread(lambda: comparable(prompt, replies, model.tokenizer, context))
    random.Random(sampling.seed).shuffle(answers)
    return [Drawn(text=shown(messages).strip(), messages=messages) for messages in answers]


async def answer(
    talk: Talk, model: ServedModel, prompt: Conversation, sampling: Sampling, number: int = 0
) -> list[Message]:
    """A whole reply; `number` tells those apart that have the same seed."""
    writing = await Writing.begin(talk.service, model, prompt, sampling, number=number)
    async with aclosing(writing.events()) as events:
        async for _ in events:
            pass
    return writing.messages


def overview(talk: Talk) -> Rankings:
    """The rankings so far; a look makes no database."""
    made: Sequence[Ranking] = rankings_of_people(talk.database) if database_exists(talk.studio.root) else ()
    asked = least_ranked(story_wishes(), made)[0]
    return Rankings(count=len(made), prompt=str(asked[-1]["content"]), root=str(talk.studio.root))


@lru_cache(maxsize=1)
def story_wishes() -> list[list[Message]]:
    """Wishes for stories, those that `orrery rank` asks about."""
    return wishes(WorldConfig(), WISHES, BY_PEOPLE)


def user(text: str) -> list[Message]:
    """A conversation in which one thing has been said."""
    return [{"role": "user", "content": text}]
