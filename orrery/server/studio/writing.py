"""One reply as it is written, token by token: what a page shows of it, and the messages that it comes to.

    writing = await Writing.begin(service, model, messages, sampling, top=5)
    async for event in writing.events(): ...     # Token, and ToolResult for each tool that was called
    writing.messages, writing.reason             # "stop", "length", "calls" or "stopped", which `stop` makes it

It is the reply of `orrery chat`: an assistant is given the conversation and may call the server's tools, a base model
goes on with what was said last. The first tokens can be given (`forced`), as when somebody chose another one.
"""

import asyncio
import codecs
import itertools
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Literal

from anyio import CancelScope
from pydantic import BaseModel

from orrery.errors import InferenceError
from orrery.inference.chat_session import STOPPED
from orrery.inference.row import TokenScore, Written
from orrery.inference.sampling import Sampling, before
from orrery.inference.scheduler import Update
from orrery.inference.speaker import fit, prompt_ids
from orrery.inference.turns import Reply
from orrery.server.names import ServedModel
from orrery.server.replying import STREAMS
from orrery.server.service import Service, TokenCount, in_thread
from orrery.server.studio.talk import Likely, finite, likely
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.messages import Message
from orrery.tokenizers.parse import parse_assistant
from orrery.tokenizers.special import END_THINK, END_TOOL_CALL, THINK, TOOL_CALL

Kind = Literal["text", "think", "call", "end"]


class Token(BaseModel):
    """A token that the model wrote.

    `text`: what it adds to the text; nothing while a character is unfinished. `kind`: whether it is said, thought, part
    of a call, or the end. `logprob`: the model's own, `shaped`: after penalties and temperature; none where the token
    was given. `top`: the likeliest in its place.
    """

    type: Literal["token"]
    id: int
    text: str
    kind: Kind
    logprob: float | None
    shaped: float | None
    top: list[Likely]


class ToolResult(BaseModel):
    """What a tool answered."""

    type: Literal["tool"]
    text: str


class TokenReader:
    """Tells of each token of a message what it adds to the text, and what it is part of."""

    def __init__(self, tokenizer: BPE) -> None:
        self.tokenizer = tokenizer
        self.decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self.kind: Kind = "text"
        self.kinds = {tokenizer.known_id(THINK): "think", tokenizer.known_id(TOOL_CALL): "call"}
        self.closing = {tokenizer.known_id(END_THINK), tokenizer.known_id(END_TOOL_CALL)}
        self.ends = set(tokenizer.stop_ids)

    def read(self, score: TokenScore, ends: bool = False, given: bool = False) -> Token:
        """The next token; `ends`: it ends the message."""
        self.kind = self.kinds.get(score.id, self.kind)  # type: ignore[assignment]
        token = Token(
            type="token", id=score.id, text=self.decoder.decode(self.tokenizer.token_bytes(score.id)),
            kind="end" if ends else self.kind, logprob=None if given else finite(score.logprob),
            shaped=None if given else finite(score.shaped), top=likely(score, self.tokenizer),
        )  # fmt: skip
        if score.id in self.closing:
            self.kind = "text"
        return token

    def is_end(self, id: int) -> bool:
        """Whether a token ends a turn or a document."""
        return id in self.ends

    @property
    def whole(self) -> bool:
        """Whether the text ends with a whole character."""
        return not self.decoder.getstate()[0]


class Writing:
    """A reply. `ids` are all tokens after `prompt`, and `mask` says which of them the model wrote.

    `forgotten`: older turns were left out. `ms`: how long it took.
    """

    def __init__(
        self, service: Service, model: ServedModel, prompt: Sequence[int], sampling: Sampling, forced: Sequence[int],
        top: int, number: int,
    ) -> None:  # fmt: skip
        self.service, self.model, self.prompt, self.sampling = service, model, prompt, sampling
        self.forced, self.top, self.number = list(forced), top, number
        self.forgotten = False
        self.messages: list[Message] = []
        self.reason: str = STOPPED  # until it has ended otherwise
        self.ids: list[int] = []
        self.mask: list[bool] = []
        self.ms = 0.0
        self.count = TokenCount(service.metrics, model.name)
        self._stopping = asyncio.Event()
        self._open: list[int] = []  # the tokens of a message that has not ended
        self._shown = 0  # how many of them end with a whole character

    @classmethod
    async def begin(
        cls, service: Service, model: ServedModel, messages: Sequence[Message], sampling: Sampling,
        forced: Sequence[int] = (), top: int = 0, number: int = 0,
    ) -> "Writing":  # fmt: skip
        """A reply to `messages` that is about to be written; `number` tells those apart that have the same seed.

        Raises InferenceError where they are too long, or a forced token is none that a model writes.
        """
        tokenizer = model.tokenizer
        for id in forced:
            if not 0 <= id < tokenizer.vocab_size or id in tokenizer.never_written:
                raise InferenceError(f"token {id} is none that {model.name} writes")

        def read() -> tuple[list[int], bool]:
            given = fit(messages, tokenizer, model.assistant, service.context(model), sampling.max_tokens)
            return prompt_ids(given, tokenizer, model.assistant), model.assistant and len(given) < len(messages)

        service.admit(1)
        prompt, forgotten = await in_thread(read)
        writing = cls(service, model, prompt, sampling, forced, top, number)
        writing.forgotten = forgotten
        return writing

    def stop(self) -> None:
        """Let it end where it is; what was written so far is kept."""
        self._stopping.set()

    async def events(self) -> AsyncGenerator[Token | ToolResult, None]:
        """What is written, as it comes."""
        began = time.monotonic()
        self.service.metrics.prompt.labels(self.model.name).inc(len(self.prompt))
        try:
            async with aclosing(self._rounds()) as events:
                async for event in events:
                    yield event
        finally:
            self.ms = 1000 * (time.monotonic() - began)
            if self._open:
                self._keep_partial()

    async def _rounds(self) -> AsyncGenerator[Token | ToolResult, None]:
        tokenizer, prompt = self.model.tokenizer, list(self.prompt)
        tools = self.service.tools if self.model.assistant else ()
        reply = Reply(tokenizer, tools) if self.model.assistant else None
        for round in itertools.count():
            reader, logprobs = TokenReader(tokenizer), [0.0] * len(self.forced)
            self._open, self.forced = self.forced, []
            for id in self._open:
                yield reader.read(TokenScore(id, 0.0), reader.is_end(id), given=True)
            self._shown = len(self._open)
            last = Update(0)
            if self._open and reader.is_end(self._open[-1]):  # somebody chose that it ends here
                last = Update(0, finished="stop", stopped=True)
            else:
                async with aclosing(self._updates([*prompt, *self._open], round)) as updates:
                    async for last in updates:
                        for score in last.tokens:
                            self._open.append(score.id)
                            logprobs.append(score.logprob)
                            token = reader.read(score, ends=last.stopped)
                            self._shown = len(self._open) if reader.whole and not last.stopped else self._shown
                            yield token
            if not last.finished:  # it was stopped
                return
            written, self._open = Written(self._open, logprobs, last.stopped, last.stop), []
            if reply is None:
                self._note(written.ids)
                said = tokenizer.decode(written.ids[: -1 if last.stopped else None], skip_special=True)
                self.messages = [{"role": "assistant", "content": before(said, last.stop)}]
                self.reason = last.finished
                return
            seen = len(reply.messages)
            feed = await in_thread(partial(reply.wrote, written, self._room(len(prompt) + len(written.ids))))
            self.messages, self.ids, self.mask = list(reply.messages), list(reply.ids), list(reply.mask)
            for message in reply.messages[seen + 1 :]:
                yield ToolResult(type="tool", text=str(message["content"]))
            if not feed:
                self.reason = reply.finish_reason
                return
            prompt += [*written.ids, *feed]

    async def _updates(self, prompt: Sequence[int], round: int) -> AsyncGenerator[Update, None]:
        """What the engine writes behind the prompt, until it is done or this is stopped."""
        sampling = replace(self.sampling, max_tokens=max(1, self.sampling.max_tokens - self.count.written))
        updates = self.service.engine.generate(
            self.model.name, prompt, sampling, number=self.number + round * STREAMS, top=self.top
        )
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            async with aclosing(updates):
                while not stopping.done():
                    coming = asyncio.ensure_future(anext(updates, None))
                    try:
                        await asyncio.wait((coming, stopping), return_when=asyncio.FIRST_COMPLETED)
                        if not coming.done() or (update := coming.result()) is None:
                            return
                    finally:
                        if not coming.done():
                            coming.cancel()
                            with CancelScope(shield=True):
                                await asyncio.wait((coming,))  # only then can the generator be closed
                    self.count.add(update)
                    yield update
        finally:
            stopping.cancel()

    def _room(self, held: int) -> int:
        """How many tokens of tools' answers the model can read behind those, and then write on."""
        if self.count.written >= self.sampling.max_tokens:
            return 0
        return max(0, self.service.context(self.model) - 1 - held)

    def _keep_partial(self) -> None:
        """Take in what a message that did not end has said: whole characters, and no unfinished call."""
        ids, tokenizer = self._open[: self._shown], self.model.tokenizer
        call, end = tokenizer.known_id(TOOL_CALL), tokenizer.known_id(END_TOOL_CALL)
        if call in ids and end not in ids[ids.index(call) :]:
            ids = ids[: ids.index(call)]
        self._open = []
        if not ids:
            return
        self._note(ids)
        think = tokenizer.known_id(THINK)
        message: Message = {"role": "assistant", "content": ""}
        if not self.model.assistant:
            message["content"] = tokenizer.decode(ids, skip_special=True)
        elif ids[0] == think and tokenizer.known_id(END_THINK) not in ids:
            message["reasoning_content"] = tokenizer.decode(ids[1:]).removeprefix("\n")
        else:
            message = parse_assistant(ids, tokenizer)
        self.messages.append(message)

    def _note(self, ids: Sequence[int]) -> None:
        self.ids, self.mask = [*self.ids, *ids], [*self.mask, *[True] * len(ids)]
