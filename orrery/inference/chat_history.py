"""Chats in the database: every message as it comes, and no answer is lost when another takes its place.

    chat 7    user ─┬─ assistant                          an answer, and beside it
                    └─ assistant ─┬─ user ── assistant    another one, on which the chat went on
                                  └─ user ── assistant    the same question, edited  ← head

A message's parent is the one before it, so a chat is a tree. The messages from its root to the head are the
conversation at present. What a base model goes on with is a root, every time.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import JSON, ForeignKey, func, select
from sqlalchemy.orm import Mapped, mapped_column

from orrery.database import Base, Database
from orrery.errors import ConfigError
from orrery.inference.sampling import Sampling
from orrery.tokenizers.messages import Message


class Chat(Base):
    """One chat.

    Attributes:
        made: seconds since 1970 (UTC).
        model: the folder of the model it was begun with.
        system: its system message at present.
        head: the message after which it goes on; none before the first. (No foreign key: the two tables would each
            need the other to be there first.)
    """

    __tablename__ = "chats"
    id: Mapped[int] = mapped_column(primary_key=True)
    made: Mapped[float] = mapped_column(default=time.time)
    model: Mapped[str]
    system: Mapped[str | None]
    head: Mapped[int | None]


class ChatMessage(Base):
    """One message of a chat.

    Attributes:
        parent_id: the message before it; none for the first.
        made: seconds since 1970 (UTC).
        message: as the OpenAI API has it: role, content, tool_calls, …
        model: the folder of the model that wrote it; like the following, only of a reply's messages.
        system: the system message with which it was written.
        sampling: the settings, seed included, with which it was written (`Sampling`).
        finish_reason: why the reply ended, in its last message: stop, length, calls, or stopped by the person.
    """

    __tablename__ = "chat_messages"
    id: Mapped[int] = mapped_column(primary_key=True)
    chat_id: Mapped[int] = mapped_column(ForeignKey("chats.id"), index=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("chat_messages.id"))
    made: Mapped[float] = mapped_column(default=time.time)
    message: Mapped[Message] = mapped_column(JSON)
    model: Mapped[str | None]
    system: Mapped[str | None]
    sampling: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    finish_reason: Mapped[str | None]


@dataclass(frozen=True)
class Origin:
    """Where a reply comes from: its model and system message, how it was sampled, and why it ended."""

    model: str
    system: str | None
    sampling: Sampling
    finish_reason: str


@dataclass(frozen=True)
class Listed:
    """A chat in a list: its first message, how many there are in all branches, and when the latest came."""

    chat: Chat
    first: str
    messages: int
    latest: float


def add_chat(database: Database, *, model: str, system: str | None) -> int:
    """Begin a chat -> its number."""
    chat = Chat(model=model, system=system)
    with database.session() as session:
        session.add(chat)
        session.flush()
        return chat.id


def add_messages(
    database: Database,
    chat: int,
    messages: Sequence[Message],
    parent: ChatMessage | None,
    origin: Origin | None = None,
    *,
    aside: bool = False,
) -> list[ChatMessage]:
    """Save messages that follow each other, the first after `parent` -> their rows.

    `origin` is of a reply's messages. The last one becomes the head, unless they stand `aside`.
    """
    rows = []
    with database.session() as session:
        for message in messages:
            row = ChatMessage(chat_id=chat, parent_id=parent.id if parent else None, message=message)
            if origin:
                row.model, row.system, row.sampling = origin.model, origin.system, asdict(origin.sampling)
            session.add(row)
            session.flush()
            rows.append(row)
            parent = row
        if origin and rows:
            rows[-1].finish_reason = origin.finish_reason
        if not aside:
            session.get_one(Chat, chat).head = parent.id if parent else None
    return rows


def update_chat(database: Database, chat: int, *, system: str | None, head: int | None) -> None:
    """Save where a chat goes on, and with which system message."""
    with database.session() as session:
        row = session.get_one(Chat, chat)
        row.system, row.head = system, head


def read_chat(database: Database, number: int) -> tuple[Chat, list[ChatMessage]]:
    """A chat, and its messages from the root to the head. Raises ConfigError where there is none of that number."""
    with database.session() as session:
        chat = session.get(Chat, number) if 0 < number < 2**63 else None  # a database has no others
        if chat is None:
            raise ConfigError(f"there is no chat {number}; `orrery chat --history` lists them")
        path, at = [], chat.head
        while at is not None:
            path.append(session.get_one(ChatMessage, at))
            at = path[-1].parent_id
    return chat, path[::-1]


def replies_in(database: Database, chat: int) -> int:
    """How many replies there are in all branches of a chat."""
    ended = select(func.count()).where(ChatMessage.chat_id == chat, ChatMessage.finish_reason.is_not(None))
    with database.session() as session:
        return session.scalar(ended) or 0


def answers_to(database: Database, question: int) -> list[list[ChatMessage]]:
    """All replies to a message, the oldest first; each as its messages, without what was said after it."""
    with database.session() as session:

        def after(number: int) -> Sequence[ChatMessage]:
            children = select(ChatMessage).where(ChatMessage.parent_id == number).order_by(ChatMessage.id)
            return session.scalars(children).all()

        replies = [[first] for first in after(question)]
        for reply in replies:
            # Within a reply each message has one child; its last one has a reason.
            while reply[-1].finish_reason is None and (following := after(reply[-1].id)):
                reply.append(following[0])
    return replies


def latest_chats(database: Database, count: int) -> list[Listed]:
    """The latest chats, first the one in which something was said last."""
    found = (
        select(
            ChatMessage.chat_id,
            func.min(ChatMessage.id).label("first"),
            func.max(ChatMessage.id).label("last"),
            func.count().label("messages"),
        )
        .group_by(ChatMessage.chat_id)
        .order_by(func.max(ChatMessage.id).desc())
        .limit(count)
    )
    with database.session() as session:
        return [
            Listed(
                session.get_one(Chat, row.chat_id),
                session.get_one(ChatMessage, row.first).message["content"],
                row.messages,
                session.get_one(ChatMessage, row.last).made,
            )
            for row in session.execute(found)
        ]
