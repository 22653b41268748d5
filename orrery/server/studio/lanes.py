"""Several models on one prompt with one seed, side by side in one stream; and one's answer as another finds it.

    POST /api/lanes          events of all lanes: {"lane": 0, "event": {"type": "token", …}}, the last of each "done"
    POST /api/lanes/score    the answer of one lane, its tokens given, through another model

Every model is asked as it knows it: assistants in a conversation, a base model by the text alone.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from orrery.errors import InferenceError
from orrery.inference.chat_session import opening
from orrery.inference.speaker import fit, prompt_ids
from orrery.server.errors import problem_of
from orrery.server.names import ServedModel
from orrery.server.service import in_thread
from orrery.server.streams import event_stream, side_by_side
from orrery.server.studio.scoring import Scored, score
from orrery.server.studio.talk import MOST_TEXT, MOST_TOP, Asked, Settings, Talk
from orrery.server.studio.writing import Token, ToolResult, Writing
from orrery.tokenizers.messages import Message

MOST_LANES = 8


class Race(Asked):
    """What all lanes are asked."""

    models: list[str] = Field(min_length=1, max_length=MOST_LANES)
    prompt: str = Field(min_length=1, max_length=MOST_TEXT)
    system: str | None = Field(None, max_length=MOST_TEXT)
    sampling: Settings = Settings()
    top: int = Field(5, ge=0, le=MOST_TOP)


class Other(Asked):
    """An answer (all its tokens, and which of them were written) of one model, for another one to read."""

    model: str
    writer: str
    prompt: str = Field(min_length=1, max_length=MOST_TEXT)
    system: str | None = Field(None, max_length=MOST_TEXT)
    ids: list[int] = Field(min_length=1)
    mask: list[bool]
    top: int = Field(0, ge=0, le=MOST_TOP)


class LaneDone(BaseModel):
    """A lane has ended: why, all its tokens with those that tools answered, and which of them the model wrote."""

    type: Literal["done"]
    reason: str
    ids: list[int]
    mask: list[bool]
    tokens: int
    ms: float


class LaneFailed(BaseModel):
    """A lane cannot answer, and why; the others go on."""

    type: Literal["failed"]
    message: str


class LaneEvent(BaseModel):
    """Something has happened in one of the lanes."""

    lane: int
    event: Token | ToolResult | LaneDone | LaneFailed


def router(talk: Talk) -> APIRouter:
    """Both addresses."""
    router = APIRouter(prefix="/lanes")

    @router.post("", summary="Ask several models at once")
    async def race(asked: Race, request: Request) -> Response:
        models = [await talk.model(name) for name in asked.models]
        asked.sampling.sampling  # noqa: B018 - refuses what makes no sense before anything is sent
        return await event_stream(request, run(talk, asked, models))

    @router.post("/score", summary="One model's answer as another finds it")
    async def score_other(asked: Other) -> Scored:
        return await score_answer(talk, asked)

    return router


async def run(talk: Talk, asked: Race, models: Sequence[ServedModel]) -> AsyncGenerator[LaneEvent, None]:
    """The events of all lanes, as they come; leaving ends them all."""
    async with aclosing(side_by_side([lane(talk, asked, model) for model in models])) as events:
        async for number, event in events:
            yield LaneEvent(lane=number, event=event)


async def lane(
    talk: Talk, asked: Race, model: ServedModel
) -> AsyncGenerator[Token | ToolResult | LaneDone | LaneFailed, None]:
    """One model's answer."""
    try:
        conversation = [*opening(asked.system), user(asked.prompt)]
        writing = await Writing.begin(talk.service, model, conversation, asked.sampling.sampling, top=asked.top)
        async with aclosing(writing.events()) as events:
            async for event in events:
                yield event
    except Exception as error:
        yield LaneFailed(type="failed", message=problem_of(error).message)
        return
    yield LaneDone(
        type="done", reason=writing.reason, ids=writing.ids, mask=writing.mask, tokens=writing.count.written,
        ms=round(writing.ms, 1),
    )  # fmt: skip


async def score_answer(talk: Talk, asked: Other) -> Scored:
    """An answer's tokens through a model that did not write them. Raises InferenceError where it has other tokens."""
    model, writer = await talk.model(asked.model), await talk.model(asked.writer)
    if model.tokenizer.ranks != writer.tokenizer.ranks:
        raise InferenceError(
            f"{model.name} and {writer.name} have different tokenizers: their tokens cannot be compared"
        )
    if len(asked.mask) != len(asked.ids):
        raise InferenceError(f"{len(asked.ids)} tokens, but {len(asked.mask)} marks of which were written")

    def read() -> list[int]:
        messages, context = [*opening(asked.system), user(asked.prompt)], talk.service.context(model)
        given = fit(messages, model.tokenizer, model.assistant, context, len(asked.ids))
        return prompt_ids(given, model.tokenizer, model.assistant)

    prompt = await in_thread(read)
    tokens = await score(talk.service, model, [*prompt, *asked.ids], [*[False] * len(prompt), *asked.mask], asked.top)
    return Scored(model=model.name, tokens=tokens)


def user(text: str) -> Message:
    """What a person says."""
    return {"role": "user", "content": text}
