"""Agents that a page watches and stops: the addresses of agent_run.py.

    POST /api/agents               a question; the events of its run, of which the first says its number
    POST /api/agents/3/decide      what becomes of the call that it waits with

Nothing is kept: when the page goes away, the run ends.
"""

import itertools
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from orrery.errors import InferenceError
from orrery.server.engine_process import EngineGone
from orrery.server.errors import Problem
from orrery.server.streams import event_stream
from orrery.server.studio.agent_run import AgentRun, Decision, Fed, StepMade, Waits
from orrery.server.studio.talk import MOST_TEXT, Asked, Settings, Talk
from orrery.server.studio.writing import Token

MOST_RUNS = 16  # at once: each has a thread


class AgentQuestion(Asked):
    """What is asked of an assistant that may call the server's tools. `ask`: it stops before each call."""

    model: str
    question: str = Field(min_length=1, max_length=MOST_TEXT)
    ask: bool = True
    sampling: Settings = Settings()


class Opened(BaseModel):
    """The run has begun. `tools`: what it may call."""

    type: Literal["opened"]
    run: int
    tools: list[str]


class AgentEvent(BaseModel):
    """Something has happened in the run."""

    event: Opened | Fed | Token | StepMade | Waits


class Told(BaseModel):
    """The run has been told, and goes on."""

    run: int


def router(talk: Talk) -> APIRouter:
    """Both addresses."""
    router = APIRouter(prefix="/agents")
    runs: dict[int, AgentRun] = {}
    numbers = itertools.count(1)

    @router.post("", summary="Ask an agent, and watch it")
    async def ask(asked: AgentQuestion, request: Request) -> Response:
        model = await talk.model(asked.model)
        if not model.assistant:
            raise InferenceError(f"{model.name} is a base model, which knows no calls: choose an assistant")
        if not talk.service.engine.ready:
            raise EngineGone("the engine is starting: try again in a few seconds")
        if len(runs) >= MOST_RUNS:
            raise Problem(429, f"{MOST_RUNS} agents are at work: end one of them first", "too_many_agents")
        run = AgentRun(talk.service, model, asked.question, asked.sampling.sampling, asked.ask)
        return await event_stream(request, events(next(numbers), run))

    async def events(number: int, run: AgentRun) -> AsyncGenerator[AgentEvent, None]:
        runs[number] = run
        try:
            yield AgentEvent(event=Opened(type="opened", run=number, tools=[tool.name for tool in talk.service.tools]))
            async with aclosing(run.events()) as happening:
                async for event in happening:
                    yield AgentEvent(event=event)
        finally:
            del runs[number]

    @router.post("/{number}/decide", summary="Approve, edit or deny the call that an agent waits with")
    async def decide(number: int, decision: Decision) -> Told:
        if number not in runs:
            raise Problem(404, f"no agent {number} is at work", "agent_not_found", "number")
        runs[number].decide(decision)
        return Told(run=number)

    return router
