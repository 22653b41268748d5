"""What a terminal or a server sees of a reply while it is being written: events, and text that is safe to show."""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orrery.inference.sampling import before
from orrery.inference.turns import Turn
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.special import TOOL_CALL


@dataclass(frozen=True)
class TextDelta:
    """The next piece of the assistant's text: whole characters, never empty."""

    text: str


@dataclass(frozen=True)
class ToolCallEvent:
    """The assistant calls a tool."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class ToolResultEvent:
    """What a tool answered, "error: …" included."""

    content: str


@dataclass(frozen=True)
class Done:
    """The reply is finished: its messages and why it ended."""

    turn: Turn


Event = TextDelta | ToolCallEvent | ToolResultEvent | Done


class TextStream:
    """Ids of one message, one by one → text.

    A token may end in the middle of a character: its bytes wait for the rest. So does text with which a stop may begin.
    From <tool_call> on all text is held back, because what it says comes as a ToolCallEvent; `held` is that text. Where
    nothing is called (`calls`), it is text like any other, and the tokenizer need not have it.
    """

    def __init__(self, tokenizer: BPE, stops: Sequence[str] = (), calls: bool = True) -> None:
        self.tokenizer, self.stops = tokenizer, stops
        self.waiting = ""  # text that may be the beginning of a stop
        self.call = tokenizer.known_id(TOOL_CALL) if calls else None
        self.decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self.calling = False
        self.held = ""

    def push(self, token: int) -> str:
        """The text that can be shown now, perhaps none."""
        text = self.decoder.decode(self.tokenizer.token_bytes(token))
        if not self.calling and token != self.call:
            return self.free(text)
        self.calling, self.held = True, self.held + text
        shown, self.waiting = self.waiting, ""  # no stop reaches into a call
        return shown

    def free(self, text: str) -> str:
        """What can be shown of the text that waits and of this: all in which no stop begins."""
        text = self.waiting + text
        shown = before(text, self.stops)
        if shown == text:
            ends = (count for count in range(len(text), 0, -1) for stop in self.stops if stop.startswith(text[-count:]))
            shown = text[: len(text) - next(ends, 0)]
        self.waiting = text[len(shown) :]
        return shown

    def finish(self) -> str:
        """The message has ended: what waits is shown, but for a stop; the bytes of an unfinished character become
        U+FFFD, as in `decode`."""
        return before(self.waiting, self.stops) + self.decoder.decode(b"", final=True)
