"""What tests of chats share: events of a stream, and a long text that a base model does not end by itself."""

import json
from collections.abc import Iterator
from typing import Any

from tests.studio.conftest import Studio

Event = dict[str, Any]


def events(studio: Studio, path: str, **body: Any) -> Iterator[Event]:
    """What comes in answer to a POST, event by event; asserts that it is an answer, and that it ends as it should."""
    with studio.http.stream("POST", path, json=body) as response:
        lines = response.iter_lines()
        assert response.status_code == 200, "".join(lines)
        for line in lines:
            if line == "data: [DONE]":
                return
            if line:
                yield json.loads(line.removeprefix("data: "))
    raise AssertionError("the stream has no end")


def ask(studio: Studio, chat: int, text: str, after: int | None = None, **more: Any) -> list[Event]:
    """All events of a reply."""
    return list(events(studio, f"/api/chats/{chat}/ask", **{"model": "tiny/sft"} | more, text=text, after=after))


def begin(studio: Studio, model: str = "tiny/sft") -> int:
    """A new chat -> its number."""
    return int(studio.http.post("/api/chats", json={"model": model}).json()["id"])


def branch(studio: Studio, chat: int) -> list[Event]:
    """The messages of a chat's present branch."""
    found: list[Event] = studio.http.get(f"/api/chats/{chat}").json()["messages"]
    return found


def texts(messages: list[Event]) -> list[str]:
    """What they say."""
    return [message["content"] for message in messages]
