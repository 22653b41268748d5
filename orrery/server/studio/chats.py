"""The chat page's addresses. Chats are those of `orrery chat`: either goes on with what the other has begun.

    GET    /api/chats                      all of them, the latest first
    POST   /api/chats                      begin one
    GET    /api/chats/7                    its present branch, with what lies beside each message
    DELETE /api/chats/7
    POST   /api/chats/7/ask                ask after a message; after an earlier one, the question is a branch
    POST   /api/chats/7/answer             another answer to a question, perhaps with its first tokens given
    POST   /api/chats/7/stop               end the reply that is being written; what it has said is kept
    POST   /api/chats/7/head               go on with another branch
    GET    /api/chats/7/tokens/12          the tokens of a saved message with their alternatives

Replies come as events (chatting.py): {"type": "question"}, then "token" and "tool", and "done" with the saved messages.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from orrery.database import database_exists
from orrery.inference.chat_history import add_chat, latest_chats, update_chat
from orrery.inference.chat_tree import read_tree, remove_chat
from orrery.server.service import in_thread
from orrery.server.streams import event_stream
from orrery.server.studio.chatting import Chatting, ChatView, Order, view_of
from orrery.server.studio.scoring import Scored, score_message
from orrery.server.studio.talk import MOST_TEXT, MOST_TOP, Asked, Settings, Talk

LISTED = 200


class Listing(BaseModel):
    """A chat in the list; `model`: with which it was begun; `latest`: when something was last said in it."""

    id: int
    title: str
    model: str | None
    messages: int
    latest: float


class NewChat(Asked):
    """With which model a chat begins."""

    model: str
    system: str | None = Field(None, max_length=MOST_TEXT)


class ToWrite(Asked):
    """Who answers, and how."""

    model: str
    system: str | None = Field(None, max_length=MOST_TEXT)
    sampling: Settings = Settings()
    top: int = Field(5, ge=0, le=MOST_TOP)


class Question(ToWrite):
    """A question, after a message or (none) at the beginning."""

    text: str = Field(min_length=1, max_length=MOST_TEXT)
    after: int | None = None


class Again(ToWrite):
    """Another answer to a question: to `question` itself, or in the place of the message `instead`, beginning with
    these tokens."""

    question: int | None = None
    instead: int | None = None
    tokens: list[int] = Field(default_factory=list)


class Head(Asked):
    """A message of the branch to go on with."""

    message: int


def router(talk: Talk) -> APIRouter:
    """All of them."""
    router = APIRouter(prefix="/chats")
    chatting = Chatting(talk)
    add_list(router, talk)
    add_chats(router, talk, chatting)
    add_replies(router, talk, chatting)
    return router


def add_list(router: APIRouter, talk: Talk) -> None:
    """Which chats there are."""

    @router.get("", summary="All chats, the latest first")
    async def list_chats() -> list[Listing]:
        def read() -> list[Listing]:
            if not database_exists(talk.studio.root):  # a look makes none
                return []
            found = latest_chats(talk.database, LISTED)
            return [
                Listing(
                    id=one.chat.id, title=one.first, model=talk.name_of(one.chat.model), messages=one.messages,
                    latest=one.latest,
                )
                for one in found
            ]  # fmt: skip

        return await in_thread(read)

    @router.post("", summary="Begin a chat")
    async def begin(asked: NewChat) -> ChatView:
        model = await talk.model(asked.model)

        def write() -> ChatView:
            number = add_chat(talk.database, model=str(model.folder), system=asked.system)
            return view_of(talk, read_tree(talk.database, number))

        return await in_thread(write)


def add_chats(router: APIRouter, talk: Talk, chatting: Chatting) -> None:
    """One chat."""

    @router.get("/{number}", summary="A chat's present branch")
    async def show(number: int) -> ChatView:
        return await in_thread(lambda: view_of(talk, read_tree(talk.database, number)))

    @router.delete("/{number}", summary="Delete a chat", status_code=204)
    async def remove(number: int) -> None:
        await chatting.stop(number)
        await in_thread(lambda: remove_chat(talk.database, number))

    @router.post("/{number}/head", summary="Go on with another branch")
    async def switch(number: int, asked: Head) -> ChatView:
        chatting.check_idle(number)

        def write() -> ChatView:
            tree = read_tree(talk.database, number)
            head = tree.newest_end(tree.message(asked.message))
            update_chat(talk.database, number, system=tree.chat.system, head=head.id)
            return view_of(talk, read_tree(talk.database, number))

        return await in_thread(write)

    @router.get("/{number}/tokens/{message}", summary="The tokens of a message and their alternatives")
    async def tokens(
        number: int,
        message: int,
        top: Annotated[int, Query(ge=0, le=MOST_TOP)] = 5,
    ) -> Scored:
        return await score_message(talk, number, message, top)


def add_replies(router: APIRouter, talk: Talk, chatting: Chatting) -> None:
    """What lets a model write."""

    @router.post("/{number}/ask", summary="Ask, and get the reply as it is written")
    async def ask(number: int, asked: Question, request: Request) -> Response:
        events = chatting.ask(number, asked.text, asked.after, await order_of(asked))
        return await event_stream(request, events)

    @router.post("/{number}/answer", summary="Get another reply to a question")
    async def answer(number: int, asked: Again, request: Request) -> Response:
        events = chatting.answer(number, asked.question, asked.instead, asked.tokens, await order_of(asked))
        return await event_stream(request, events)

    @router.post("/{number}/stop", summary="End the reply that is being written")
    async def stop(number: int) -> ChatView:
        await chatting.stop(number)
        return await in_thread(lambda: view_of(talk, read_tree(talk.database, number)))

    async def order_of(asked: ToWrite) -> Order:
        return Order(await talk.model(asked.model), asked.system or None, asked.sampling.sampling, asked.top)
