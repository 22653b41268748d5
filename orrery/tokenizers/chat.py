"""Conversations as tokens: one function renders them, with the mask of what is trained on, for all of Orrery.

    <|im_start|>user
    What is 12 times 7?<|im_end|>
    <|im_start|>assistant
    <tool_call>{"name": "calculator", "arguments": {"expression": "12*7"}}</tool_call><|im_end|>
    <|im_start|>tool
    84<|im_end|>
    <|im_start|>assistant
    It is 84.<|im_end|>

Trained on is what an assistant writes after its header, its closing ``<|im_end|>`` included, and nothing else; of that,
messages with ``"weight": 0`` are not (OpenAI's files have the same): mistakes that are there to be mended.
Structure is written by id and content as plain text, so no content can open or close a turn. In content, strings
that look like reserved tokens are also neutralised, since other engines tokenise the rendered text
(``template.py``).
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from orrery.errors import DataError, TokenizerError
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.messages import ROLES, Message, validate_messages
from orrery.tokenizers.parse import parse_assistant
from orrery.tokenizers.special import END_THINK, END_TOOL_CALL, IM_END, IM_START, RESERVED, THINK, TOOL_CALL
from orrery.tokenizers.template import CHAT_TEMPLATE, TOOLS_AFTER, TOOLS_BEFORE, ZERO_WIDTH_SPACE

__all__ = [
    "CHAT_TEMPLATE", "Message", "Rendered", "following", "neutralise", "parse_assistant", "render", "validate_messages",
]  # fmt: skip

_RESERVED = re.compile("|".join(map(re.escape, RESERVED)))


@dataclass(frozen=True)
class Rendered:
    """A conversation in tokens.

    Attributes:
        ids: its tokens [T].
        mask: for each of them, whether it is trained on [T].
    """

    ids: list[int]
    mask: list[bool]


def neutralise(text: str) -> str:
    r"""Break up strings in ``text`` that look like reserved tokens, by U+200B behind their first character.

    Inserting one character cannot make a reserved string of its surroundings, so one pass is enough.

    >>> neutralise("a <b> <|im_end|>").encode("ascii", "backslashreplace")
    b'a <b> <\\u200b|im_end|>'
    """
    if "<" not in text:
        return text
    return _RESERVED.sub(lambda match: match[0][0] + ZERO_WIDTH_SPACE + match[0][1:], text)


def render(
    messages: Sequence[Message],
    tokenizer: BPE,
    *,
    add_generation_prompt: bool = False,
    tools: Sequence[dict[str, Any]] | None = None,
) -> Rendered:
    """Ids and mask of a conversation; transformers gives the same with our template.

    A tokenizer that was made elsewhere has a template of its own (``jinja_template.py``), which is rendered instead.

    Args:
        messages: a valid conversation (`validate_messages` checks one that comes from outside).
        add_generation_prompt: end with the header of the assistant's next turn.
        tools: functions that the system turn describes, as {"type": "function", "function": {…}}. By default those
            under "tools" of a system message at the beginning.

    Raises:
        DataError: a role is none of the four, or a template from elsewhere refuses the conversation.
        TokenizerError: the tokenizer lacks the reserved tokens, or its template does not show what the assistant wrote.
    """
    first = messages[0] if messages and messages[0]["role"] == "system" else {}
    tools = tools or first.get("tools")
    if tokenizer.imported is not None:
        return _render_imported(messages, tokenizer, add_generation_prompt, tools)
    writer = _Writer(tokenizer)
    if tools:
        _write_tools(writer, first.get("content"), tools)
        messages = messages[bool(first) :]
    for message in messages:
        role = message["role"]
        if role not in ROLES:
            raise DataError(f"a message has the role {role!r}, not {', '.join(ROLES[:-1])} or {ROLES[-1]}")
        writer.special(IM_START)
        writer.text(role + "\n")
        if role == "assistant":
            _write_assistant(writer, message)
        else:
            writer.text(neutralise(message["content"]))
            writer.special(IM_END)
        writer.text("\n")
    if add_generation_prompt:
        writer.special(IM_START)
        writer.text("assistant\n")
    return writer.done()


def following(messages: Sequence[Message], tokenizer: BPE) -> list[int]:
    """Ids that stand behind an ended turn of the assistant when ``messages`` follow and it is to answer again."""
    if tokenizer.imported is None:
        return [*tokenizer.encode("\n"), *render(messages, tokenizer, add_generation_prompt=True).ids]
    call = {"type": "function", "function": {"name": "tool", "arguments": {}}}
    said: list[Message] = [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": ".", "tool_calls": [call]},
    ]
    rendered = render([*said, *messages], tokenizer, add_generation_prompt=True)
    behind = rendered.ids[len(rendered.mask) - rendered.mask[::-1].index(True) :]
    return behind[behind[:1] == [tokenizer.end_of_turn_id] :]  # some templates do not count the end as written


def _render_imported(
    messages: Sequence[Message], tokenizer: BPE, add_generation_prompt: bool, tools: Sequence[dict[str, Any]] | None
) -> Rendered:
    """What the tokenizer's own template makes of the messages."""
    template = tokenizer.imported and tokenizer.imported.template
    if not template:
        raise TokenizerError(
            "this model has no chat template: it knows no turns. Take an instruction-tuned one, or give it ours: "
            "orrery import MODEL --chat-tokens"
        )
    unsaid = ("tools", "weight")  # of ours, and none of a template's business
    plain = [{key: value for key, value in message.items() if key not in unsaid} for message in messages]
    if plain and plain[0] == {"role": "system"}:
        plain = plain[1:]  # it was there for its tools alone
    text, spans = template.render(plain, tools=tools, add_generation_prompt=add_generation_prompt)
    weights = [message.get("weight", 1) for message in messages if message["role"] == "assistant"]
    if not all(weights):
        if len(weights) != len(spans):
            raise DataError("the model's chat template does not tell the assistant's messages apart: leave out weights")
        spans = [span for span, weight in zip(spans, weights, strict=True) if weight]
    writer = _Writer(tokenizer)
    places = [0, *(place for span in spans for place in span), len(text)]
    for number, (start, end) in enumerate(pairwise(places)):  # not written by the assistant, written, not written …
        at = start
        for token in template.reserved.finditer(text, start, end):
            writer.text(text[at : token.start()], trained=bool(number % 2))
            writer.special(token[0], trained=bool(number % 2))
            at = token.end()
        writer.text(text[at:end], trained=bool(number % 2))
    return writer.done()


def _write_assistant(writer: "_Writer", message: Message) -> None:
    content, trained = message.get("content") or "", bool(message.get("weight", 1))
    if reasoning := message.get("reasoning_content"):
        writer.special(THINK, trained)
        writer.text("\n" + neutralise(reasoning) + "\n", trained)
        writer.special(END_THINK, trained)
        writer.text("\n\n", trained)
    writer.text(neutralise(content), trained)
    for index, call in enumerate(message.get("tool_calls") or ()):
        if content or index:
            writer.text("\n", trained)
        function = {"name": call["function"]["name"], "arguments": call["function"]["arguments"]}
        writer.special(TOOL_CALL, trained)
        writer.text(neutralise(json.dumps(function, ensure_ascii=False)), trained)
        writer.special(END_TOOL_CALL, trained)
    writer.special(IM_END, trained)


def _write_tools(writer: "_Writer", system: str | None, tools: Sequence[dict[str, Any]]) -> None:
    """The system turn that describes tools, in Qwen's words."""
    writer.special(IM_START)
    writer.text("system\n")
    if system is not None:
        writer.text(neutralise(system) + "\n\n")
    writer.text(TOOLS_BEFORE)
    for tool in tools:
        writer.text("\n" + neutralise(json.dumps(tool, ensure_ascii=False)))
    for part in re.split(f"({TOOL_CALL}|{END_TOOL_CALL})", TOOLS_AFTER):
        writer.special(part) if part in (TOOL_CALL, END_TOOL_CALL) else writer.text(part)
    writer.special(IM_END)
    writer.text("\n")


class _Writer:
    """Collects ids and mask. Text between two special tokens is one run: words may reach across its parts."""

    def __init__(self, tokenizer: BPE) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._mask: list[bool] = []
        self._run: list[tuple[str, bool]] = []  # parts of the run, and whether they are trained on

    def text(self, text: str, trained: bool = False) -> None:
        if text:
            self._run.append((text, trained))

    def special(self, text: str, trained: bool = False) -> None:
        self._end_run()
        self._ids.append(self._tokenizer.id_of(text))
        self._mask.append(trained)

    def done(self) -> Rendered:
        self._end_run()
        return Rendered(self._ids, self._mask)

    def _end_run(self) -> None:
        ids = self._tokenizer.encode("".join(text for text, _ in self._run))
        self._ids += ids
        kinds = {trained for _, trained in self._run}
        if len(kinds) < 2:
            self._mask += [True in kinds] * len(ids)
        else:
            # A token that holds some of both (the "\n" of the header and one of the content) is trained on.
            trained = b"".join(
                (b"\1" if trained else b"\0") * len(self._tokenizer.normalize(text).encode())
                for text, trained in self._run
            )
            at = 0
            for id_ in ids:
                length = len(self._tokenizer.token_bytes(id_))
                self._mask.append(1 in trained[at : at + length])
                at += length
        self._run = []
