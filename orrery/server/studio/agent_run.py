"""One question to an agent, with every token in view and a stop before each call: `orrery agent --ask` for a page.

    run = AgentRun(talk.service, model, "What is 12 times 7?", sampling, ask=True)
    async for event in run.events():         # Fed, Token, StepMade, Waits …
        ...
    run.decide(Decision(call=1, decision="edit", arguments={"expression": "12*8"}))     # meanwhile, from elsewhere

The loop is `orrery.agents.loop.run_agent`. It waits for tools and for a person, so it has a thread of its own; the
model that speaks in it is one of the engine process's, and what comes of both is handed to the event loop in order.
"""

import asyncio
import queue
import threading
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel

from orrery.agents.loop import run_agent
from orrery.agents.steps import Action, to_json
from orrery.errors import ContextFull
from orrery.inference.row import TokenScore, Written
from orrery.inference.sampling import MOST_SHIFT, Sampling
from orrery.inference.scheduler import Update
from orrery.inference.session import Said, said_by, told
from orrery.inference.turns import cut
from orrery.server.errors import Problem
from orrery.server.names import ServedModel
from orrery.server.replying import STREAMS
from orrery.server.service import Service, TokenCount
from orrery.server.studio.talk import Asked, label
from orrery.server.studio.writing import Token, TokenReader
from orrery.tokenizers.chat import render
from orrery.tokenizers.messages import Message
from orrery.tokenizers.special import TOOL_CALL
from orrery.tools.registry import Tool


class Piece(BaseModel):
    """A token that the model did not write."""

    id: int
    text: str


class Fed(BaseModel):
    """What the model was given to read: the question at first, then what its calls returned; masked in training."""

    type: Literal["fed"]
    tokens: list[Piece]


class StepMade(BaseModel):
    """A step of the loop, as `orrery.agents.steps.to_json` has it."""

    type: Literal["step"]
    step: dict[str, Any]


class Waits(BaseModel):
    """The loop stands before its call of this number, until somebody decides."""

    type: Literal["waits"]
    call: int
    name: str
    arguments: Any


class Decision(Asked):
    """What becomes of a call: it is made, made with other arguments, or refused, and the model is told why."""

    call: int
    decision: Literal["approve", "edit", "deny"]
    arguments: Any = None
    why: str = ""


Event = Fed | Token | StepMade | Waits


class Left(Exception):
    """The page is gone: the thread ends."""


class AgentRun:
    """An agent that answers one question, as `orrery.agents.models.AgentModel` and as a stream of events.

    `ask`: stop before each call.
    """

    def __init__(self, service: Service, model: ServedModel, question: str, sampling: Sampling, ask: bool) -> None:
        self.service, self.model, self.question = service, model, question
        self.sampling, self.ask = sampling, ask
        self.waits: Waits | None = None
        self._calls, self._round = 0, 0
        self._decisions: queue.SimpleQueue[Decision | None] = queue.SimpleQueue()
        self._came: asyncio.Queue[Event | Exception | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._saying: Future[Said] | None = None
        self._left = False

    async def events(self) -> AsyncGenerator[Event, None]:
        """What happens, as it does. Closing it ends the run."""
        threading.Thread(target=self._run, daemon=True).start()
        try:
            while (event := await self._came.get()) is not None:
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            self._left, self.waits = True, None
            self._decisions.put(None)
            if self._saying is not None:
                self._saying.cancel()

    def decide(self, decision: Decision) -> None:
        """Let the loop go on. Raises Problem 409 where it does not wait before that call."""
        if self.waits is None or self.waits.call != decision.call:
            raise Problem(409, f"the agent does not wait before call {decision.call}", "not_waiting", "call")
        self.waits = None
        self._decisions.put(decision)

    def _run(self) -> None:
        """The loop, in its thread."""
        with suppress(Left, CancelledError):
            try:
                for step in run_agent(self, self.question, self.service.tools, approve=self._approve):
                    self._tell(StepMade(type="step", step=to_json(step)))
            except (Left, CancelledError):
                raise
            except Exception as error:  # raised again where the events are read
                self._tell(error)
            else:
                self._tell(None)

    def _tell(self, event: Event | Exception | None) -> None:
        if self._left:
            raise Left
        self._loop.call_soon_threadsafe(self._came.put_nowait, event)

    def _approve(self, action: Action) -> Action | str:
        """What `run_agent` asks before each call."""
        self._calls += 1
        if not self.ask:
            return action
        self.waits = Waits(type="waits", call=self._calls, name=action.name, arguments=action.arguments)
        self._tell(self.waits)
        decision = self._decisions.get()
        if decision is None:
            raise Left
        if decision.decision == "deny":
            return decision.why
        return action if decision.decision == "approve" else Action(action.name, decision.arguments)

    def begin(self, messages: Sequence[Message], tools: Sequence[Tool]) -> None:
        """Read the question. Models of ours know from training what their tools are called."""
        self.ids = self._fed(render(messages, self.model.tokenizer, add_generation_prompt=True).ids)

    def say(self, may_call: bool = True) -> Said:
        """The model's next message, whose tokens are told of as they come."""
        self._saying = asyncio.run_coroutine_threadsafe(self._say(may_call), self._loop)
        if self._left:
            self._saying.cancel()
            raise Left
        return self._saying.result()

    async def _say(self, may_call: bool) -> Said:
        tokenizer, engine = self.model.tokenizer, self.service.engine
        call = tokenizer.known_id(TOOL_CALL)
        refused = () if may_call or call < 0 else ((call, -MOST_SHIFT),)
        sampling = replace(self.sampling, logit_bias=refused)
        reader, count = TokenReader(tokenizer), TokenCount(self.service.metrics, self.model.name)
        written: list[TokenScore] = []
        last = Update(0)
        updates = engine.generate(self.model.name, self.ids, sampling, number=self._round * STREAMS)
        self._round += 1
        async with aclosing(updates):
            async for last in updates:
                count.add(last)
                for score in last.tokens:
                    written.append(score)
                    self._came.put_nowait(reader.read(score, ends=last.stopped))
        ids = [score.id for score in written]
        self.ids, self._stopped = [*self.ids, *ids], last.stopped
        return said_by(Written(ids, [score.logprob for score in written], last.stopped, last.stop), tokenizer)

    def tell(self, observations: Sequence[str]) -> None:
        """Give the model what its calls returned. Raises ContextFull when that does not fit."""
        tokenizer = self.model.tokenizer
        results: list[Message] = [{"role": "tool", "content": cut(text, tokenizer)} for text in observations]
        ids = told(results, tokenizer, self._stopped)
        if len(self.ids) + len(ids) >= self.service.context(self.model):
            raise ContextFull(f"the context of {self.model.name} is full: {len(ids)} more tokens do not fit")
        self.ids = [*self.ids, *self._fed(ids)]

    def _fed(self, ids: list[int]) -> list[int]:
        self._tell(Fed(type="fed", tokens=[Piece(id=id, text=label(self.model.tokenizer, id)) for id in ids]))
        return ids
