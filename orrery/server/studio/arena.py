"""The arena: two models answer without their names, a person votes, and only then are the names told.

GET  /api/arena                     the table: ratings with intervals, and how many votes they rest on
POST /api/arena/battles             two of these models, drawn, answer a prompt; which is which stays here
POST /api/arena/battles/3/vote      "left", "right", "tie" or "bad" -> the names
"""

import asyncio
import secrets

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from orrery.database import database_exists
from orrery.errors import ConfigError
from orrery.evals.arena import Choice, add_battle, cast_vote, votes_in
from orrery.evals.ratings import Standing, Vote, standings
from orrery.inference.chat_views import shown
from orrery.server.names import ServedModel
from orrery.server.service import in_thread
from orrery.server.streams import while_connected
from orrery.server.studio.rankings import answer, user
from orrery.server.studio.talk import MOST_TEXT, Asked, Settings, Talk

MOST_MODELS = 64


class Table(BaseModel):
    """The standings, the best model first; `votes` in all."""

    votes: int
    standings: list[Standing]


class Challenge(Asked):
    """What two of these models are asked."""

    models: list[str] = Field(min_length=2, max_length=MOST_MODELS)
    prompt: str = Field(min_length=1, max_length=MOST_TEXT)
    sampling: Settings = Settings()


class Answers(BaseModel):
    """The two answers of a battle, nameless."""

    battle: int
    left: str
    right: str


class Cast(Asked):
    """A vote."""

    choice: Choice


class Revealed(BaseModel):
    """Who was who, and the table with this vote in it."""

    left: str
    right: str
    table: Table


def router(talk: Talk) -> APIRouter:
    """All of them."""
    router = APIRouter(prefix="/arena")

    @router.get("", summary="The table")
    async def table() -> Table:
        return await in_thread(lambda: table_of(talk))

    @router.post("/battles", summary="Let two models answer")
    async def battle(asked: Challenge, request: Request) -> Answers:
        if len(set(asked.models)) < 2:
            raise ConfigError("it takes two different models")
        pair = secrets.SystemRandom().sample(sorted(set(asked.models)), 2)
        left, right = [await talk.model(name) for name in pair]
        return await while_connected(request, fight(talk, left, right, asked))

    @router.post("/battles/{number}/vote", summary="Vote, and be told the names")
    async def vote(number: int, asked: Cast) -> Revealed:
        def write() -> Revealed:
            battle = cast_vote(talk.database, number, asked.choice)
            left, right = str(talk.name_of(battle.left)), str(talk.name_of(battle.right))
            return Revealed(left=left, right=right, table=table_of(talk))

        return await in_thread(write)

    return router


async def fight(talk: Talk, left: ServedModel, right: ServedModel, asked: Challenge) -> Answers:
    """Both answers, saved as a battle."""
    prompt, sampling = user(asked.prompt), asked.sampling.sampling
    replies = await asyncio.gather(*(answer(talk, model, prompt, sampling) for model in (left, right)))
    battle = await in_thread(
        lambda: add_battle(
            talk.database,
            prompt,
            left=(str(left.folder), replies[0]),
            right=(str(right.folder), replies[1]),
            seed=sampling.seed,
        )  # fmt: skip
    )
    return Answers(battle=battle.id, left=shown(replies[0]), right=shown(replies[1]))


def table_of(talk: Talk) -> Table:
    """The table by the studio's names; a look makes no database."""
    votes = votes_in(talk.database) if database_exists(talk.studio.root) else []
    named = [Vote(str(talk.name_of(vote.left)), str(talk.name_of(vote.right)), vote.score) for vote in votes]
    return Table(votes=len(votes), standings=standings(named))
