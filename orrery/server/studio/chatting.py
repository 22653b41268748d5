"""Chats of the database that models answer in: what is asked is saved at once, the reply when it ends, however it does.

    chatting = Chatting(talk)
    async for event in chatting.ask(7, "What is 12 times 7?", after=None, order=Order(model, None, Sampling(), top=5)):
        ...                                       # QuestionSaved, Token and ToolResult, Done

In a chat one reply at a time is written. A page that goes away ends it, as `stop` does; what it has said is kept.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Literal

from anyio import CancelScope
from pydantic import BaseModel

from orrery.errors import ConfigError
from orrery.inference.chat_history import ChatMessage, Origin, add_messages, replies_in, update_chat
from orrery.inference.chat_session import opening
from orrery.inference.chat_tree import ChatTree, read_tree
from orrery.inference.sampling import Sampling
from orrery.server.errors import Problem
from orrery.server.names import ServedModel
from orrery.server.service import in_thread
from orrery.server.studio.talk import Talk
from orrery.server.studio.writing import Token, ToolResult, Writing
from orrery.tokenizers.messages import Message


class MessageView(BaseModel):
    """A message as pages show it.

    `model`, `temperature` and `seed` are of a reply's messages, `finish_reason` of its last. `beside`: the numbers of
    all messages in its place, its own among them.
    """

    id: int
    role: str
    content: str
    reasoning: str | None
    calls: list[dict[str, Any]]
    model: str | None
    finish_reason: str | None
    temperature: float | None
    seed: int | None
    beside: list[int]


class ChatView(BaseModel):
    """A chat with its present branch."""

    id: int
    model: str | None
    system: str | None
    messages: list[MessageView]


class QuestionSaved(BaseModel):
    """What is asked is in the database, as this message, and is being answered. `forgotten`: without older turns."""

    type: Literal["question"]
    id: int
    forgotten: bool


class Done(BaseModel):
    """The reply has ended, and is saved as these messages."""

    type: Literal["done"]
    reason: str
    saved: list[int]
    tokens: int
    ms: float
    chat: ChatView


@dataclass(frozen=True)
class Order:
    """Who is to answer, with which system message, how, and how many alternatives to tell of with each token."""

    model: ServedModel
    system: str | None
    sampling: Sampling
    top: int


Event = QuestionSaved | Token | ToolResult | Done


class Chatting:
    """The replies that are being written, by their chats."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.under_way: dict[int, tuple[Writing, asyncio.Event]] = {}

    def check_idle(self, chat: int) -> None:
        """Raises Problem 409 while a reply is written in a chat."""
        if chat in self.under_way:
            raise Problem(409, f"a reply is being written in chat {chat}: stop it first, or wait", "busy")

    async def stop(self, chat: int) -> None:
        """End the reply that is written in a chat, if one is, and wait until it is saved."""
        if chat in self.under_way:
            writing, saved = self.under_way[chat]
            writing.stop()
            await saved.wait()

    async def ask(self, number: int, text: str, after: int | None, order: Order) -> AsyncGenerator[Event, None]:
        """Ask after a message of the chat, or (None) at its beginning; a base model always begins a document.

        Raises:
            ConfigError: there is no such chat or message.
            InferenceError: what is asked is too long; nothing is saved then.
            Problem: 409 while another reply is written.
        """
        tree = await self._tree(number)
        path = tree.path(after) if order.model.assistant else []
        question: Message = {"role": "user", "content": text}

        def save() -> ChatMessage:
            rows = add_messages(self.talk.database, number, [question], path[-1] if path else None)
            update_chat(self.talk.database, number, system=order.system, head=rows[-1].id)
            return rows[-1]

        before = [*(row.message for row in path), question]
        async with aclosing(self._write(number, order, before, [], [], save)) as events:
            async for event in events:
                yield event

    async def answer(
        self, number: int, question: int | None, instead: int | None, tokens: Sequence[int], order: Order
    ) -> AsyncGenerator[Event, None]:
        """Answer a question once more, or write `instead` of a message one that begins with these tokens.

        What the reply had said before that message, and what tools told it, it has said in the new branch, too.
        Raises as `ask`.
        """
        tree = await self._tree(number)
        if instead is not None:
            asked, reply = tree.reply(tree.message(instead))
        elif question is not None:
            asked, reply = tree.message(question), []
        else:
            raise ConfigError("say which question is to be answered, or which message is to be written anew")
        earlier = [row.message for row in reply[:-1]]

        def save() -> ChatMessage:
            update_chat(self.talk.database, number, system=order.system, head=asked.id)
            return asked

        before = [row.message for row in tree.path(asked.id)]
        async with aclosing(self._write(number, order, before, earlier, tokens, save)) as events:
            async for event in events:
                yield event

    async def _write(
        self, number: int, order: Order, before: Sequence[Message], earlier: Sequence[Message], forced: Sequence[int],
        save: Callable[[], ChatMessage],
    ) -> AsyncGenerator[Event, None]:  # fmt: skip
        """Write the reply to `before`, of which `earlier` is there already; `save` makes sure of the question."""
        talk = self.talk
        written_before = await in_thread(lambda: replies_in(talk.database, number))
        sampling = replace(order.sampling, seed=order.sampling.seed + written_before)
        conversation = [*opening(order.system), *before, *earlier]
        writing = await Writing.begin(talk.service, order.model, conversation, sampling, forced, order.top)
        self.check_idle(number)
        saved = asyncio.Event()
        self.under_way[number] = writing, saved
        question, rows = None, list[ChatMessage]()

        def keep(question: ChatMessage) -> list[ChatMessage]:
            if not writing.messages:
                return []
            origin = Origin(str(order.model.folder), order.system, sampling, writing.reason)
            return add_messages(talk.database, number, [*earlier, *writing.messages], question, origin)

        try:
            question = await in_thread(save)
            yield QuestionSaved(type="question", id=question.id, forgotten=writing.forgotten)
            async with aclosing(writing.events()) as events:
                async for event in events:
                    yield event
        finally:
            if question is not None:
                with CancelScope(shield=True):  # the page may be gone: what the model has said is kept
                    rows = await in_thread(lambda: keep(question))
            del self.under_way[number]
            saved.set()
        yield Done(
            type="done", reason=writing.reason, saved=[row.id for row in rows], tokens=writing.count.written,
            ms=round(writing.ms, 1), chat=view_of(talk, await self._tree(number)),
        )  # fmt: skip

    async def _tree(self, number: int) -> ChatTree:
        return await in_thread(lambda: read_tree(self.talk.database, number))


def view_of(talk: Talk, tree: ChatTree) -> ChatView:
    """A chat as pages show it."""
    messages = [message_view(talk, tree, row) for row in tree.path(tree.chat.head)]
    return ChatView(id=tree.chat.id, model=talk.name_of(tree.chat.model), system=tree.chat.system, messages=messages)


def message_view(talk: Talk, tree: ChatTree, row: ChatMessage) -> MessageView:
    """A message of a chat as pages show it."""
    message, sampling = row.message, row.sampling or {}
    return MessageView(
        id=row.id, role=message["role"], content=str(message.get("content") or ""),
        reasoning=message.get("reasoning_content"),
        calls=[call["function"] for call in message.get("tool_calls") or ()],
        model=talk.name_of(row.model), finish_reason=row.finish_reason,
        temperature=sampling.get("temperature"), seed=sampling.get("seed"),
        beside=[other.id for other in tree.beside(row)],
    )  # fmt: skip
