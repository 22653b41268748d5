"""What is sent of a message while it is written is, joined, what the finished message says."""

from typing import Any

import pytest

from orrery.inference.row import TokenScore
from orrery.inference.scheduler import Update
from orrery.server.logprobs import CompletionScores, chat_logprobs
from orrery.server.replies import MessageReader
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.parse import parse_assistant
from orrery.tokenizers.special import RESERVED

CALL = '<tool_call>{"name": "f", "arguments": {}}</tool_call>'


@pytest.fixture(scope="module")
def tokenizer() -> BPE:
    return BPE.from_tokens([b"\n\n", b"He"])


def ids_of(text: str, tokenizer: BPE) -> list[int]:
    """Ids of what an assistant writes: reserved strings are reserved tokens."""
    ids: list[int] = []
    while text:
        places = {text.find(name): name for name in RESERVED if name in text}
        first = min(places, default=len(text))
        ids += tokenizer.encode(text[:first])
        if not places:
            break
        ids.append(tokenizer.id_of(places[first]))
        text = text[first + len(places[first]) :]
    return ids


def read(text: str, tokenizer: BPE, calls: bool = True, stop: str = "", **last: Any) -> tuple[str, str, Any, int]:
    """Reasoning and text as they are sent, the message, and how many scores came with them."""
    stops = (stop,) if stop else ()
    reader, ids = MessageReader(tokenizer, stops, calls=calls), ids_of(text, tokenizer)
    reasoning = words = ""
    scores = 0
    for place, id in enumerate(ids):
        ended = place == len(ids) - 1
        piece = reader.take(Update(0, (TokenScore(id, -1.0),), **(last if ended else {}), stop=stops if ended else ()))
        reasoning, words, scores = reasoning + piece.reasoning, words + piece.text, scores + len(piece.scores)
    message, rest = reader.finish()
    assert reader.written.ids == ids
    return reasoning + rest.reasoning, words + rest.text, message, scores + len(rest.scores)


@pytest.mark.parametrize("calls", [True, False])
@pytest.mark.parametrize(
    "text",
    [
        "Hello\n", "\nHello", "a\n\n", "\n\n\n", "Hé 🌍 你",
        "<think>\nHm.\nWell.\n</think>\n\nHello", "<think>\n\n\n\n</think>\n\n\n\nHello\n", "<think></think>Hello",
        "<think>x</think>\nHello", "<think>x<tool_call>y</think>z", "Hello <think>x</think>", "</think>x",
        CALL, f"Let me see.\n{CALL}", f"a\n\n{CALL}\n{CALL}", f"{CALL} behind", f"<think>\nx\n</think>\n\n{CALL}",
        "<tool_call>{oops</tool_call>", "<tool_call>{oops", f"{CALL}<tool_call>", "a<tool_call></tool_call>b",
    ],
)  # fmt: skip
def test_what_is_sent_is_what_the_message_says(tokenizer: BPE, text: str, calls: bool) -> None:
    reasoning, words, message, scores = read(text + "<|im_end|>", tokenizer, calls, finished="stop", stopped=True)
    expected = parse_assistant(ids_of(text, tokenizer), tokenizer)
    assert (reasoning, words) == (message.get("reasoning_content", ""), message["content"])
    assert reasoning == expected.get("reasoning_content", "")
    assert scores == len(ids_of(text, tokenizer))
    if calls:
        assert message == expected
    else:
        assert "tool_calls" not in message and words.count("<tool_call>") == text.split("</think>")[-1].count(
            "<tool_call>"
        )


def test_thinking_that_is_cut_is_reasoning_and_no_text(tokenizer: BPE) -> None:
    reasoning, words, message, _ = read("<think>\nHm, 🌍\nand", tokenizer, finished="length")
    assert (reasoning, words) == ("Hm, 🌍\nand", "") and message["reasoning_content"] == reasoning
    assert read("<think>\nHm, END", tokenizer, stop="END", finished="stop")[:2] == ("Hm, ", "")


@pytest.mark.parametrize("text", ["Hello END", "<think>\nx\n</think>\n\nHello END", f"Hello \n{CALL} END", "HelloEND"])
def test_a_stop_text_is_sent_neither_in_pieces_nor_in_the_end(tokenizer: BPE, text: str) -> None:
    _, words, message, _ = read(text, tokenizer, stop="END", finished="stop")
    assert words == message["content"] and words.startswith("Hello") and "E" not in words


def test_a_call_that_ends_the_message_is_whole(tokenizer: BPE) -> None:
    _, words, message, scores = read(f"Hm.\n{CALL}", tokenizer, finished="stop", stopped=True)
    assert words == "Hm." and message["tool_calls"][0]["function"] == {"name": "f", "arguments": {}}
    assert scores == len(ids_of(f"Hm.\n{CALL}", tokenizer))


def test_scores_have_the_bytes_and_places_of_their_tokens(tokenizer: BPE) -> None:
    text = "Hé 🌍"
    ids = tokenizer.encode(text)
    scores = [TokenScore(id, -float("inf"), -0.5, ((ids[0], -1.0, -2.0),)) for id in ids]
    chat = chat_logprobs(scores, tokenizer).content
    assert b"".join(bytes(entry.bytes) for entry in chat) == text.encode()
    assert {(entry.logprob, entry.shaped_logprob) for entry in chat} == {(-9999.0, -0.5)}
    known = CompletionScores(tokenizer, 1).of(scores, first=tokenizer.eos_id)
    assert (known.tokens[:2], known.token_logprobs[0]) == (["<|endoftext|>", "H"], None)
    assert known.tokens[2] == "bytes:\\xc3" and known.text_offset == [0, 13, 14, 14, 15, 16, 16, 16, 16]
