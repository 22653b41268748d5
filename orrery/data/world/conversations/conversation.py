"""What a kind of conversation writes, and the small parts that all kinds share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orrery.data.world.choice import Choice
from orrery.tokenizers.chat import Message

# Ways to put a question or a request. They do not change the answer; half of all questions stand alone.
GREETINGS = ("Hi! {}", "Hello! {}", "Hey! {}", "{} Thanks!", "{} Thank you!", "{} Thank you very much!")
OPENINGS = (
    *GREETINGS,
    "Tell me: {}",
    "Please tell me: {}",
    "Can you tell me this? {}",
    "Can you help me? {}",
    "I have a question. {}",
    "A quick question: {}",
    "One more question: {}",
    "I want to know this: {}",
    "Answer this, please: {}",
    "{} Please tell me.",
    "{} I would like to know.",
)


@dataclass(frozen=True)
class Conversation:
    """One conversation with what is known about it.

    Attributes:
        messages: as :func:`orrery.tokenizers.chat.render` takes them; the last one is the assistant's.
        kind: which file of this folder wrote it.
        provenance: what a reader may want to check (facts asked for, operands, names made up, topic).
        facts: indices into ``world.facts`` of the facts that the answers state.
    """

    messages: Sequence[Message]
    kind: str
    provenance: Mapping[str, Any] = field(default_factory=dict)
    facts: tuple[int, ...] = ()


def user(text: str) -> Message:
    """A message of the user."""
    return {"role": "user", "content": text}


def assistant(text: str) -> Message:
    """A message of the assistant."""
    return {"role": "assistant", "content": text}


def system(text: str) -> Message:
    """A system prompt."""
    return {"role": "system", "content": text}


def called(name: str, arguments: dict[str, str], said: str = "") -> Message:
    """A message of the assistant that calls a tool, with what it says before the call."""
    call = {"type": "function", "function": {"name": name, "arguments": arguments}}
    return {"role": "assistant", "content": said, "tool_calls": [call]}


def exchange(question: str, answer: str) -> list[Message]:
    """One question and its answer."""
    return [user(question), assistant(answer)]


def put(choice: Choice, question: str) -> str:
    """The question as somebody might type it: alone, or with a greeting, a "please", a "thanks" around it."""
    if choice.chance(0.5):
        return question
    return choice.pick(OPENINGS if question.endswith("?") else GREETINGS).replace("{}", question)
