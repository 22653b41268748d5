"""Who answers in an agent's loop: a model of ours in the engine, or any server that speaks OpenAI's protocol.

Both keep the conversation: `begin` it, let the model `say` something, `tell` it what its calls returned.

    LocalModel    writes <tool_call>{"name": …, "arguments": {…}}</tool_call>; its cache stays between messages
    RemoteModel   POST {endpoint}/chat/completions with `tools`; each message sends the whole conversation

(`react.py` has the third, for models that know no tool calls.)
"""

import json
from collections.abc import Sequence
from typing import Any, Protocol

from orrery.agents.server import Server
from orrery.inference.engine import Engine
from orrery.inference.sampling import Sampling
from orrery.inference.session import Said, Session
from orrery.inference.turns import cut
from orrery.tokenizers.chat import Message
from orrery.tools.registry import Tool

RESULT_CHARS = 8_000  # of a tool's answer that a server is sent


class AgentModel(Protocol):
    """Who answers. Every method raises ContextFull when the conversation has outgrown the model's context."""

    def begin(self, messages: Sequence[Message], tools: Sequence[Tool]) -> None:
        """A conversation and the tools that may be called in it; forgets any earlier one."""

    def say(self, may_call: bool = True) -> Said:
        """The model's next message, which becomes part of the conversation."""

    def tell(self, observations: Sequence[str]) -> None:
        """What the calls of its last message returned, in their order; for a malformed one, what was wrong."""


class LocalModel:
    """A model in the engine.

    `describe`: write the tools' schemas into the system turn, as models that others have tuned expect (Qwen, Llama);
    ours learn in training what their tools are called.
    """

    def __init__(self, engine: Engine, sampling: Sampling, describe: bool = False) -> None:
        self.engine, self.sampling, self.describe = engine, sampling, describe

    def begin(self, messages: Sequence[Message], tools: Sequence[Tool]) -> None:
        """Read the conversation into the cache."""
        self.session = Session(self.engine, messages, self.sampling, tools if self.describe else ())

    def say(self, may_call: bool = True) -> Said:
        """Generate a message."""
        return self.session.write(may_call)

    def tell(self, observations: Sequence[str]) -> None:
        """Feed the tools' answers, each cut to RESULT_TOKENS."""
        self.session.feed([{"role": "tool", "content": cut(text, self.engine.tokenizer)} for text in observations])


class RemoteModel:
    """A model behind a server that speaks OpenAI's chat protocol; each message sends the whole conversation."""

    def __init__(self, server: Server, name: str, sampling: Sampling) -> None:
        self.server, self.name, self.sampling = server, name, sampling

    def begin(self, messages: Sequence[Message], tools: Sequence[Tool]) -> None:
        """Nothing is sent yet."""
        self.messages: list[Message] = list(messages)
        self.schemas = [tool.schema for tool in tools]
        self.calls: list[str] = []  # the ids of those that wait for an answer

    def say(self, may_call: bool = True) -> Said:
        """Ask for a message."""
        body: dict[str, Any] = {}
        if self.schemas:
            body = {"tools": self.schemas, "tool_choice": "auto" if may_call else "none"}
        choice = self.server.chat(self.name, self.messages, self.sampling, **body)
        message = choice["message"]
        kept = {key: message[key] for key in ("content", "tool_calls") if message.get(key)}
        self.messages.append({"role": "assistant", "content": None, **kept})
        calls = message.get("tool_calls") or []
        self.calls = [call["id"] for call in calls]
        said: Message = {"role": "assistant", "content": message.get("content") or ""}
        if reasoning := message.get("reasoning_content") or message.get("reasoning"):
            said["reasoning_content"] = reasoning
        if calls:
            said["tool_calls"] = [{"type": "function", "function": _parsed(call["function"])} for call in calls]
        return Said(said, cut=choice.get("finish_reason") == "length")

    def tell(self, observations: Sequence[str]) -> None:
        """Add the tools' answers, under the ids of their calls."""
        for call, text in zip(self.calls, observations, strict=True):
            content = text if len(text) <= RESULT_CHARS else text[:RESULT_CHARS] + "… (cut)"
            self.messages.append({"role": "tool", "tool_call_id": call, "content": content})


def _parsed(function: dict[str, Any]) -> dict[str, Any]:
    """A call with its arguments, which travel as text, as they are meant; text that is no JSON stays text."""
    arguments = function.get("arguments")
    try:
        read = json.loads(arguments) if isinstance(arguments, str) else arguments
    except ValueError:
        read = arguments
    return {"name": function["name"], "arguments": {} if read in (None, "") else read}
