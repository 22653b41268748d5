"""From what an assistant wrote back to a message: rendering, backwards."""

import json
import re
from collections.abc import Sequence
from typing import Any

from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.messages import Message
from orrery.tokenizers.special import END_OF_TEXT, END_THINK, END_TOOL_CALL, IM_END, THINK, TOOL_CALL

_MARKERS = (THINK, END_THINK, TOOL_CALL, END_TOOL_CALL)
_ENDS = (IM_END, END_OF_TEXT)
_Piece = tuple[str, bool]  # text, and whether it is a marker


def parse_assistant(output: str | Sequence[int], tokenizer: BPE) -> Message:
    """The message that an assistant's output is.

    In ids only the reserved tokens themselves count as structure, as far as the tokenizer has them; in a string,
    whatever looks like them. Output ends at the first ``<|im_end|>`` or ``<|endoftext|>``, or what else stops the
    model. Calls that are malformed (no JSON object with a "name" and an object of "arguments"), and thinking that does
    not end, stay text. Text behind calls is put with that before them.

    Returns:
        {"role": "assistant", "content": …}, with "reasoning_content" and "tool_calls" where there are any.
    """
    pieces = _cut_text(output) if isinstance(output, str) else _cut_ids(output, tokenizer)
    message: Message = {"role": "assistant", "content": ""}
    if pieces and pieces[0] == (THINK, True) and (END_THINK, True) in pieces:
        end = pieces.index((END_THINK, True))
        reasoning = "".join(text for text, _ in pieces[1:end]).removeprefix("\n").removesuffix("\n")
        if reasoning:
            message["reasoning_content"] = reasoning
        pieces = pieces[end + 1 :]
        if pieces and not pieces[0][1]:
            text = pieces[0][0]
            pieces[0] = (text.removeprefix("\n\n" if text.startswith("\n\n") else "\n"), False)

    before, behind = "", ""
    calls: list[dict[str, Any]] = []
    while pieces:
        call = _call(pieces)
        if call is not None:
            calls.append({"type": "function", "function": call})
            pieces = pieces[3:]
            continue
        if calls:
            behind += pieces[0][0]
        else:
            before += pieces[0][0]
        pieces = pieces[1:]
    if calls:
        message["tool_calls"] = calls
        before, behind = before.removesuffix("\n"), behind.strip()
    message["content"] = f"{before}\n{behind}" if before and behind else before + behind
    return message


def _call(pieces: Sequence[_Piece]) -> dict[str, Any] | None:
    """The function and arguments that ``pieces`` begin with a call of, if they do."""
    if len(pieces) < 3 or pieces[0] != (TOOL_CALL, True) or pieces[1][1] or pieces[2] != (END_TOOL_CALL, True):
        return None
    try:
        call = json.loads(pieces[1][0])
    except (ValueError, RecursionError):  # what a model writes need not be JSON
        return None
    if not isinstance(call, dict) or not isinstance(call.get("name"), str) or not call["name"]:
        return None
    if not isinstance(call.get("arguments"), dict):
        return None
    return {"name": call["name"], "arguments": call["arguments"]}


def _cut_text(text: str) -> list[_Piece]:
    text = re.split("|".join(map(re.escape, _ENDS)), text, maxsplit=1)[0]
    parts = re.split("(" + "|".join(map(re.escape, _MARKERS)) + ")", text)
    return [(part, part in _MARKERS) for part in parts if part]


def _cut_ids(ids: Sequence[int], tokenizer: BPE) -> list[_Piece]:
    ends = set(tokenizer.stop_ids)
    markers = {tokenizer.known_id(text): text for text in _MARKERS}
    pieces: list[_Piece] = []
    run: list[int] = []
    for id_ in ids:
        if id_ in ends:
            break
        if id_ not in markers:
            run.append(id_)
            continue
        if run:
            pieces.append((tokenizer.decode(run), False))
            run = []
        pieces.append((markers[id_], True))
    if run:
        pieces.append((tokenizer.decode(run), False))
    return pieces
