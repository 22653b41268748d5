"""Somebody who talks with a model in the terminal: types lines, presses Ctrl-C, and sees what is shown."""

import io
from collections.abc import Iterator
from typing import Any

from rich.console import Console

from orrery.database import Database
from orrery.inference.chat_history import ChatMessage
from orrery.inference.chat_session import ChatSession
from orrery.inference.chat_terminal import Terminal
from orrery.inference.engine import Engine, Sampling
from orrery.inference.speaker import Speaker
from orrery.inference.stream import Event, TextDelta
from tests.inference.assistant import Assistant, says

Typed = str | type[BaseException]


class Keyboard:
    """Gives lines one by one, raises the exceptions among them, then Ctrl-D; notes the texts that it could edit."""

    def __init__(self, *lines: Typed) -> None:
        self.waiting = iter([*lines, EOFError])
        self.offered: list[str] = []

    def __call__(self, prompt: str, text: str) -> str:
        self.offered += [text] if text else []
        line = next(self.waiting)
        if isinstance(line, str):
            return line
        raise line


class Talk:
    """Chats with an engine; each call types lines and gives what they made the screen show."""

    def __init__(
        self, engine: Engine, database: Database, *, system: str | None = None, assistant: bool = True, **sampling: Any
    ) -> None:
        speaker = Speaker(engine, "runs/test/sft", assistant)
        self.session = ChatSession(speaker, database, Sampling(**{"max_tokens": 100, **sampling}), system)

    def __call__(self, *lines: Typed, width: int = 80) -> str:
        screen = io.StringIO()
        self.keyboard = Keyboard(*lines)
        Terminal(self.session, Console(file=screen, highlight=False, width=width), self.keyboard).run()
        return screen.getvalue()

    @property
    def rows(self) -> list[int]:
        return [row.id for row in self.session.branch]

    @property
    def said(self) -> list[str]:
        return [message["content"] for message in self.session.messages]


class Watched(Engine):
    """Notes the conversations that it is asked to answer, and with which seeds."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.seen: list[list[dict[str, Any]]] = []
        self.seeds: list[int] = []

    def stream(self, messages: Any, sampling: Sampling) -> Iterator[Event]:
        self.seen.append(list(messages))
        self.seeds.append(sampling.seed)
        return super().stream(messages, sampling)


def watched(assistant: Assistant) -> Watched:
    return Watched(assistant.model, assistant.tokenizer)


class Interrupted(Watched):
    """Ctrl-C comes after the first piece of the first reply."""

    def stream(self, messages: Any, sampling: Sampling) -> Iterator[Event]:
        for event in super().stream(messages, sampling):
            yield event
            if len(self.seen) == 1 and isinstance(event, TextDelta):
                raise KeyboardInterrupt


class Impatient(Watched):
    """Ctrl-C comes before the first piece of the first reply."""

    def stream(self, messages: Any, sampling: Sampling) -> Iterator[Event]:
        events = super().stream(messages, sampling)
        if len(self.seen) == 1:
            raise KeyboardInterrupt
        yield from events


def rows(database: Database) -> list[ChatMessage]:
    """All messages in the database."""
    with database.session() as session:
        return session.query(ChatMessage).order_by(ChatMessage.id).all()


def continuation(assistant: Assistant, text: str, tokens: int) -> dict[str, Any]:
    """What the model goes on with greedily, as a message."""
    prompt = [assistant.tokenizer.eos_id, *assistant.tokenizer.encode(text)]
    return says(assistant.engine().generate([prompt], Sampling(max_tokens=tokens))[0].text)
