"""One answer to a conversation in the making: what the engine writes, read as it comes, with tools called in between.

Tools of the client's are called by the client: the answer ends with the calls. Where a request brings none, the
server runs its own, as `orrery chat` does: the model gets the results and writes on, and the client sees the text.
"""

import itertools
import json
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial

from orrery.inference.sampling import Sampling
from orrery.inference.scheduler import Update
from orrery.inference.turns import Reply
from orrery.server.answers import Call, FunctionCall
from orrery.server.names import ServedModel
from orrery.server.replies import MessageReader, Piece
from orrery.server.service import Service, TokenCount, in_thread
from orrery.tokenizers.messages import Message

STREAMS = 1024  # random streams between an answer's messages: more than there are answers in a request


@dataclass(frozen=True)
class Plan:
    """What is asked of a model.

    `forced`: ids that the answer begins with. `top`: likely tokens to report, None for no log-probabilities. `calls`:
    whether the client answers calls.
    """

    model: ServedModel
    prompt: Sequence[int]
    forced: Sequence[int]
    sampling: Sampling
    top: int | None
    calls: bool


class Answer:
    """Answer number `number` of a request; `count` are its tokens, as far as it is."""

    def __init__(self, service: Service, plan: Plan, number: int) -> None:
        self.service, self.plan, self.number = service, plan, number
        self.count = TokenCount(service.metrics, plan.model.name)

    async def pieces(self) -> AsyncGenerator[Piece, None]:
        """The answer, piece by piece. The texts of its messages, where there are several, are lines of one text."""
        plan, tokenizer = self.plan, self.plan.model.tokenizer
        tools = () if plan.calls else self.service.tools
        reply, prompt, forced, line = Reply(tokenizer, tools), list(plan.prompt), plan.forced, ""
        for turn in itertools.count():
            reader = MessageReader(tokenizer, plan.sampling.stop, calls=plan.calls or bool(tools), forced=forced)
            shown = False
            async with aclosing(self.updates([*prompt, *forced], turn)) as updates:
                async for update in updates:
                    piece = reader.take(update)
                    if piece.reasoning or piece.text:
                        piece = replace(piece, text=line + piece.text) if piece.text and not shown else piece
                        shown = shown or bool(piece.text)
                        yield piece
            message, rest = reader.finish()
            if tools:
                room = self.room(len(prompt) + len(reader.written.ids))
                feed = await in_thread(partial(reply.wrote, reader.written, room))
                if feed:
                    prompt, forced, line = [*prompt, *reader.written.ids, *feed], (), "\n" if shown else line
                    continue
            ended = reply.finish_reason == "stop" if tools else reader.written.stopped or bool(reader.written.stop)
            calls = client_calls(message) if plan.calls else ()
            yield replace(
                rest,
                text=line + rest.text if rest.text and not shown else rest.text,
                calls=calls,
                finish_reason="length" if not ended else "tool_calls" if calls else "stop",
            )
            return

    async def updates(self, prompt: Sequence[int], turn: int) -> AsyncGenerator[Update, None]:
        """What the engine writes behind the prompt, counted; each message draws from a random stream of its own."""
        plan = self.plan
        if not turn:
            self.service.admit(1)  # again: others may have come while the prompt was read
        sampling = replace(plan.sampling, max_tokens=plan.sampling.max_tokens - self.count.written)
        written = self.service.engine.generate(
            plan.model.name, prompt, sampling, number=self.number + turn * STREAMS, top=plan.top
        )
        async with aclosing(written):
            async for update in written:
                self.count.add(update)
                yield update

    def room(self, held: int) -> int:
        """How many tokens of tools' answers the model can read behind those, and then write on."""
        if self.count.written >= self.plan.sampling.max_tokens:
            return 0
        return max(0, self.service.context(self.plan.model) - 1 - held)


def client_calls(message: Message) -> tuple[Call, ...]:
    """The calls in a message, for the client."""
    functions = [call["function"] for call in message.get("tool_calls", ())]
    return tuple(
        Call(
            id=f"call_{secrets.token_hex(12)}",
            function=FunctionCall(
                name=function["name"], arguments=json.dumps(function["arguments"], ensure_ascii=False)
            ),
        )
        for function in functions
    )
