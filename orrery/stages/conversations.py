"""Conversations in: read from JSONL files, rendered to tokens and loss masks for packing."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from orrery.data.gsm8k import conversation, is_gsm8k
from orrery.data.packing import Sequences
from orrery.data.sources import decode
from orrery.errors import DataError
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import render
from orrery.tokenizers.messages import Message, validate_messages

Conversation = Sequence[Message]


def read_conversations(paths: Sequence[str | Path]) -> list[list[Message]]:
    """Read conversations from JSONL files, one ``{"messages": […]}`` a line; a folder stands for its .jsonl files.

    Lines in GSM8K's form become conversations with calls of the calculator (`orrery.data.gsm8k`). Where a line has
    "tools" too, as files for tuning at OpenAI have, the system turn describes them.

    Raises:
        DataError: a file is missing, not UTF-8 or not JSON, a conversation is malformed or has no assistant's message
            (the message names file, line and field), or there is no conversation at all.
    """
    conversations: list[list[Message]] = []
    for path in (file for given in paths for file in _files(Path(given))):
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    conversations.append(_read_conversation(line, f"{path} line {number}"))
    if not conversations:
        raise DataError(f"no conversation in {', '.join(map(str, paths))}: give --data a .jsonl file")
    return conversations


@dataclass(frozen=True)
class Rendered:
    """Conversations as token sequences, and how many were longer than the context or had nothing to train on."""

    sequences: Sequences
    cut: int
    dropped: int

    def warnings(self, context: int) -> list[str]:
        """What a person should know: how many conversations did not fit."""
        if not self.cut and not self.dropped:
            return []
        total = len(self.sequences.starts) + self.dropped
        return [
            f"of {total} conversations {self.cut} are longer than the context of {context} tokens and were cut; "
            f"{self.dropped} had no assistant's message within it and were dropped"
        ]


def render_all(conversations: Sequence[Conversation], tokenizer: BPE, context: int) -> Rendered:
    """Render conversations to tokens and masks for rows of ``context`` positions.

    Raises:
        DataError: none of them has an assistant's token within the context.
    """
    tokens: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    cut = 0
    for messages in conversations:
        rendered = render(messages, tokenizer)
        cut += len(rendered.ids) > context + 1
        mask = np.array(rendered.mask[: context + 1], dtype=bool)
        if mask[1:].any():  # the first token is only ever read
            tokens.append(np.array(rendered.ids[: context + 1], dtype=np.int64))
            masks.append(mask)
    if not tokens:
        raise DataError(
            f"none of the {len(conversations)} conversations has an assistant's message within {context} tokens: "
            "there is nothing to train on"
        )
    stops = np.cumsum([len(ids) for ids in tokens])
    starts = np.concatenate([[0], stops[:-1]])
    sequences = Sequences(np.concatenate(tokens), starts, stops, np.concatenate(masks))
    return Rendered(sequences, cut, len(conversations) - len(tokens))


def questions(conversations: Sequence[Conversation], tokenizer: BPE, *, most: int, tokens: int) -> list[Conversation]:
    """The first ``most`` beginnings, up to the user's first message, that fit into ``tokens``."""
    found: list[Conversation] = []
    for messages in conversations:
        users = [index for index, message in enumerate(messages) if message["role"] == "user"]
        asked = messages[: users[0] + 1] if users else []
        if asked and len(render(asked, tokenizer, add_generation_prompt=True).ids) <= tokens:
            found.append(asked)
        if len(found) == most:
            break
    return found


def _files(path: Path) -> list[Path]:
    files = sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise DataError(f"{path}: there is no such file" if not path.is_dir() else f"{path} holds no .jsonl file")
    return files


def _read_conversation(line: bytes, where: str) -> list[Message]:
    try:
        row = json.loads(decode(line, where))
    except json.JSONDecodeError as error:
        raise DataError(f"{where}: not JSON: {error.msg} at column {error.colno}") from error
    if is_gsm8k(row):
        row = {"messages": conversation(row["question"], row["answer"])}
    if not isinstance(row, dict) or not isinstance(row.get("messages"), list):
        raise DataError(f'{where}: field "messages" is missing or no list; expected {{"messages": [{{"role": …}}, …]}}')
    messages: list[Message] = row["messages"]
    validate_messages(messages, where, training=True)
    return messages if row.get("tools") is None else with_tools(messages, row["tools"], where)


def with_tools(messages: list[Message], tools: Any, where: str) -> list[Message]:
    """The conversation with these tools described in its system turn.

    Raises:
        DataError: they are no list of {"type": "function", "function": {"name": …}}.
    """
    functions = [tool.get("function") if isinstance(tool, dict) else None for tool in tools or [None]]
    if not all(isinstance(function, dict) and isinstance(function.get("name"), str) for function in functions):
        raise DataError(f'{where}: field "tools" must be a list of {{"type": "function", "function": {{"name": …}}}}')
    if messages[0]["role"] == "system":
        return [{**messages[0], "tools": tools}, *messages[1:]]
    return [{"role": "system", "tools": tools}, *messages]
