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
from typing import Any

from orrery.errors import DataError
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.messages import ROLES, Message, validate_messages
from orrery.tokenizers.parse import parse_assistant
from orrery.tokenizers.special import END_THINK, END_TOOL_CALL, IM_END, IM_START, RESERVED, THINK, TOOL_CALL
from orrery.tokenizers.template import CHAT_TEMPLATE, TOOLS_AFTER, TOOLS_BEFORE, ZERO_WIDTH_SPACE

__all__ = ["CHAT_TEMPLATE", "Message", "Rendered", "neutralise", "parse_assistant", "render", "validate_messages"]

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

    Args:
        messages: a valid conversation (`validate_messages` checks one that comes from outside).
        add_generation_prompt: end with the header of the assistant's next turn.
        tools: functions that the system turn describes, as {"type": "function", "function": {…}}. By default those
            under "tools" of a system message at the beginning.

    Raises:
        DataError: a role is none of the four.
        TokenizerError: the tokenizer lacks the reserved tokens.
    """
    writer = _Writer(tokenizer)
    first = messages[0] if messages and messages[0]["role"] == "system" else {}
    if tools := tools or first.get("tools"):
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
        self._before = ""  # the part of the run that is not trained on; it always comes first
        self._trained = ""

    def text(self, text: str, trained: bool = False) -> None:
        if trained:
            self._trained += text
        else:
            assert not self._trained, "a run of text is trained on from some place to its end"
            self._before += text

    def special(self, text: str, trained: bool = False) -> None:
        self._end_run()
        self._ids.append(self._tokenizer.id_of(text))
        self._mask.append(trained)

    def done(self) -> Rendered:
        self._end_run()
        return Rendered(self._ids, self._mask)

    def _end_run(self) -> None:
        run = self._before + self._trained
        if not run:
            return
        ids = self._tokenizer.encode(run)
        untrained = len(ids)
        if self._trained:
            # A token that holds both parts (the "\n" of the header and one of the content) is trained on.
            untrained = 0
            left = len(self._before.encode())
            while untrained < len(ids) and (left := left - len(self._tokenizer.token_bytes(ids[untrained]))) >= 0:
                untrained += 1
        self._ids += ids
        self._mask += [index >= untrained for index in range(len(ids))]
        self._before = self._trained = ""
