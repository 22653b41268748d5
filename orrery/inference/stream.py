"""What a terminal or a server sees of a reply while it is being written: events, and text that is safe to show."""

import codecs
from dataclasses import dataclass
from typing import Any

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

    A token may end in the middle of a character: its bytes wait for the rest. From <tool_call> on all text is held
    back, because what it says comes as a ToolCallEvent; `held` is that text.
    """

    def __init__(self, tokenizer: BPE) -> None:
        self.tokenizer = tokenizer
        self.call = tokenizer.id_of(TOOL_CALL)
        self.decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self.calling = False
        self.held = ""

    def push(self, token: int) -> str:
        """The text that can be shown now, perhaps none."""
        text = self.decoder.decode(self.tokenizer.token_bytes(token))
        self.calling |= token == self.call
        if not self.calling:
            return text
        self.held += text
        return ""

    def finish(self) -> str:
        """The message has ended: the bytes of an unfinished character become U+FFFD, as in `decode`."""
        return self.decoder.decode(b"", final=True)
