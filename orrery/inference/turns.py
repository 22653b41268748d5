"""One reply of the assistant: what it wrote, the tools it called, what they answered, until it is done.

    assistant  <tool_call>{"name": "calculator", "arguments": {"expression": "12*7"}}</tool_call><|im_end|>
    tool       84<|im_end|>
    assistant  12 times 7 is 84.<|im_end|>

The engine writes; whenever a message has ended it asks `Reply.wrote` what to feed next. A message that calls tools
gets their answers and another assistant header, with the very ids that `render` gives; any other ends the reply.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from orrery.errors import InferenceError
from orrery.inference.row import Written
from orrery.inference.sampling import before
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import Message, following, render
from orrery.tokenizers.parse import parse_assistant
from orrery.tokenizers.special import END_TOOL_CALL, TOOL_CALL
from orrery.tools.registry import Tool, call_tool

MAX_CALLS = 4  # tool calls in one reply
RESULT_TOKENS = 256  # a tool's answer is cut to these, lest it fill the context
MALFORMED = f'error: malformed tool call; it must be {TOOL_CALL}{{"name": …, "arguments": {{…}}}}{END_TOOL_CALL}'

FinishReason = Literal["stop", "length", "calls"]


@dataclass(frozen=True)
class Turn:
    """A finished reply.

    `messages` are the new ones: assistant, and for each round of calls tool … and assistant again. `finish_reason`:
    "stop", the assistant ended its turn; "length", it ran out of tokens or context; "calls", it called tools more than
    MAX_CALLS times. `ids` are all tokens after the prompt; `mask` is True for those that the model wrote, and
    `logprobs` holds their log-probabilities (0.0 for tokens that it was fed).
    """

    messages: list[Message]
    finish_reason: FinishReason
    ids: list[int]
    mask: list[bool]
    logprobs: list[float]


class Reply:
    """A reply in the making: `turn` grows as the model writes and tools answer."""

    def __init__(self, tokenizer: BPE, tools: Sequence[Tool]) -> None:
        self.tokenizer, self.tools = tokenizer, tools
        self.end, self.call_token = tokenizer.end_of_turn_id, tokenizer.known_id(TOOL_CALL)
        self.messages: list[Message] = []
        self.finish_reason: FinishReason = "length"  # until it ends otherwise
        self.calls = 0
        self.ids: list[int] = []
        self.mask: list[bool] = []
        self.logprobs: list[float] = []

    @property
    def turn(self) -> Turn:
        """The reply so far."""
        return Turn(self.messages, self.finish_reason, self.ids, self.mask, self.logprobs)

    def wrote(self, written: Written, room: int) -> list[int]:
        """Take in one message of the model -> the ids to feed before it goes on; none when the reply is done.

        Only a message that the model itself ended, by <|im_end|>, calls tools. Their answers are fed as long as they
        fit into `room` tokens.
        """
        self.note(written.ids, written.logprobs)
        message = parse_assistant(written.ids[: -1 if written.stopped else None], self.tokenizer)
        message["content"] = before(message["content"], written.stop)
        self.messages.append(message)
        results: list[Message] = []
        if written.ids[-1] == self.end and self.call_token in written.ids:
            results = self.answer(message)
        self.messages += results
        if self.calls > MAX_CALLS:
            self.finish_reason = "calls"
        elif results:
            feed = following(results, self.tokenizer)
            if len(feed) <= room:
                self.note(feed)
                return feed
        elif written.stopped or written.stop:
            self.finish_reason = "stop"
        return []

    def note(self, ids: list[int], logprobs: list[float] | None = None) -> None:
        """Add to the record: tokens that the model wrote, with their log-probabilities, or was fed."""
        self.ids += ids
        self.mask += [logprobs is not None] * len(ids)
        self.logprobs += [0.0] * len(ids) if logprobs is None else logprobs

    def answer(self, message: Message) -> list[Message]:
        """A tool message for every call in `message`; one error when there is none that can be read."""
        calls = message.get("tool_calls", [])
        if not calls:
            self.calls += 1
            return [{"role": "tool", "content": MALFORMED}]
        return [{"role": "tool", "content": self.call(**call["function"])} for call in calls]

    def call(self, name: str, arguments: object) -> str:
        """What a tool answers, cut to RESULT_TOKENS; an error once there were MAX_CALLS calls."""
        self.calls += 1
        if self.calls > MAX_CALLS:
            return f"error: at most {MAX_CALLS} tool calls in one reply"
        return cut(call_tool(self.tools, name, arguments), self.tokenizer)


def cut(result: str, tokenizer: BPE) -> str:
    """A tool's answer, at most RESULT_TOKENS of it."""
    ids = tokenizer.encode(result)
    return result if len(ids) <= RESULT_TOKENS else tokenizer.decode(ids[:RESULT_TOKENS]) + "… (cut)"


def fit_context(messages: Sequence[Message], tokenizer: BPE, room: int) -> list[Message]:
    """Drop the oldest turns until the rendered prompt has at most `room` tokens.

    A turn is a user's message with all that answered it. System messages always stay, and so does the last turn.
    Raises InferenceError, with both lengths, when even these are too long.
    """
    kept = list(messages)
    while True:
        length = len(render(kept, tokenizer, add_generation_prompt=True).ids)
        if length <= room:
            return kept
        users = [i for i, message in enumerate(kept) if message["role"] == "user"]
        if len(users) < 2:
            raise InferenceError(
                f"the last message, with the system message, has {length} tokens; there is room for {room}: shorten it"
            )
        kept = [message for i, message in enumerate(kept) if i >= users[1] or message["role"] == "system"]
