"""One conversation whose cache stays: the model writes a message, is told something, writes on.

    session = Session(engine, [{"role": "user", "content": "What is 12 times 7?"}], Sampling(max_tokens=64))
    said = session.write()                                   # calls the calculator
    session.feed([{"role": "tool", "content": "84"}])        # only this is computed: all before is in the cache
    said = session.write()                                   # "12 times 7 is 84."

An agent's loop stands between the two calls: it may ask a person, run a tool for minutes, or stop. (`Engine.turns`
calls tools by itself, for many conversations at once.)
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from orrery.errors import ContextFull
from orrery.inference.engine import Engine
from orrery.inference.row import Row, Written
from orrery.inference.sampling import Sampling, before
from orrery.inference.turns import MALFORMED
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import Message, following, render
from orrery.tokenizers.parse import parse_assistant
from orrery.tokenizers.special import TOOL_CALL
from orrery.tools.registry import Tool


@dataclass(frozen=True)
class Said:
    """A message of the assistant; what is wrong with a call in it that cannot be read; whether it was cut short."""

    message: Message
    malformed: str = ""
    cut: bool = False


class Session:
    """One row in a batch of its own, as long as the model's context; `sampling.max_tokens` counts for each message.

    Raises ContextFull for messages that leave no room in the context.
    """

    def __init__(
        self, engine: Engine, messages: Sequence[Message], sampling: Sampling, tools: Sequence[Tool] = ()
    ) -> None:
        self.tokenizer, self.most = engine.tokenizer, sampling.max_tokens
        schemas = [tool.schema for tool in tools] or None
        prompt = render(messages, self.tokenizer, add_generation_prompt=True, tools=schemas).ids
        whole = dataclasses.replace(sampling, max_tokens=engine.context)  # of all messages together
        self.batch = engine.batch([prompt], [whole], extra=0)
        self.banned, self.call = self.batch.banned, self.tokenizer.known_id(TOOL_CALL)
        self.row, self.stopped = Row(0, prompt, whole), False
        self.batch.add(self.row)

    @property
    def room(self) -> int:
        """How many tokens can still be fed so that the model can write."""
        return self.batch.room(self.row)

    def write(self, may_call: bool = True) -> Said:
        """The model's next message; it cannot call a tool unless it may."""
        refused = [] if may_call or self.call < 0 else [self.call]
        self.batch.banned = torch.cat([self.banned, torch.tensor(refused, dtype=torch.long, device=self.banned.device)])
        while not self.row.done and len(self.row.ids) - self.row.begun < self.most:
            self.batch.step()
        self.stopped = self.row.written.stopped
        return said_by(self.row.written, self.tokenizer)

    def feed(self, messages: Sequence[Message]) -> None:
        """Tell the model something before it writes on. Raises ContextFull when it does not fit."""
        ids = told(messages, self.tokenizer, self.stopped)
        if len(ids) > self.room:
            raise ContextFull(f"the model's context of {self.batch.length} tokens is full: {len(ids)} more do not fit")
        self.batch.go_on(self.row, ids)


def said_by(written: Written, tokenizer: BPE) -> Said:
    """The message that these tokens are."""
    message = parse_assistant(written.ids[: -1 if written.stopped else None], tokenizer)
    message["content"] = before(message["content"], written.stop)
    malformed = MALFORMED if tokenizer.known_id(TOOL_CALL) in written.ids and not message.get("tool_calls") else ""
    return Said(message, malformed, cut=not (written.stopped or written.stop))


def told(messages: Sequence[Message], tokenizer: BPE, stopped: bool) -> list[int]:
    """The ids that tell a model something behind its message, which it `stopped` by itself or which was cut."""
    return [*([] if stopped else [tokenizer.end_of_turn_id]), *following(messages, tokenizer)]
