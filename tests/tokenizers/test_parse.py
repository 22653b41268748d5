"""What an assistant wrote becomes a message; what is malformed stays text."""

import pytest

from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.parse import parse_assistant
from orrery.tokenizers.special import RESERVED

CALL = '<tool_call>{"name": "calculator", "arguments": {"expression": "12*7"}}</tool_call>'
PARSED = {"type": "function", "function": {"name": "calculator", "arguments": {"expression": "12*7"}}}


def ids_of(tokenizer: BPE, text: str) -> list[int]:
    """Encode with reserved strings as tokens, as a model writes them."""
    ids: list[int] = []
    while text:
        start, reserved = min((text.find(r) if r in text else len(text), r) for r in RESERVED)
        ids += tokenizer.encode(text[:start])
        if start < len(text):
            ids.append(tokenizer.id_of(reserved))
        text = text[start + len(reserved) :]
    return ids


@pytest.mark.parametrize(
    ("written", "content", "calls"),
    [
        ("It is 84.<|im_end|>\n", "It is 84.", 0),
        ("It is 84.", "It is 84.", 0),
        ("It is 84.<|endoftext|>more", "It is 84.", 0),
        ("", "", 0),
        (CALL + "<|im_end|>", "", 1),
        ("Let me see.\n" + CALL + "<|im_end|>", "Let me see.", 1),
        (CALL + "\n" + CALL, "", 2),
        (CALL + "\nDone.", "Done.", 1),
        ("a\n" + CALL + " b", "a\nb", 1),
        ("<tool_call>12*7</tool_call>", "<tool_call>12*7</tool_call>", 0),
        ('<tool_call>{"name": "f"}</tool_call>', '<tool_call>{"name": "f"}</tool_call>', 0),
        (
            '<tool_call>{"name": "", "arguments": {}}</tool_call>',
            '<tool_call>{"name": "", "arguments": {}}</tool_call>',
            0,
        ),
        (
            '<tool_call>{"name": 3, "arguments": {}}</tool_call>',
            '<tool_call>{"name": 3, "arguments": {}}</tool_call>',
            0,
        ),
        (
            '<tool_call>{"name": "f", "arguments": []}</tool_call>',
            '<tool_call>{"name": "f", "arguments": []}</tool_call>',
            0,
        ),
        ("<tool_call>[1]</tool_call>", "<tool_call>[1]</tool_call>", 0),
        ("<tool_call>" + "[" * 100_000 + "</tool_call>", "<tool_call>" + "[" * 100_000 + "</tool_call>", 0),
        ('<tool_call>{"name": "f", "arguments": {}}', '<tool_call>{"name": "f", "arguments": {}}', 0),
        ("</tool_call>" + CALL, "</tool_call>", 1),
        ("<tool_call>" + CALL, "<tool_call>", 1),
        ("<tool_call></tool_call>", "<tool_call></tool_call>", 0),
        ("<think>never ends", "<think>never ends", 0),
        ("a<think>late</think>", "a<think>late</think>", 0),
    ],
)
def test_content_and_calls(tokenizer: BPE, written: str, content: str, calls: int) -> None:
    for output in (written, ids_of(tokenizer, written)):
        message = parse_assistant(output, tokenizer)
        assert message["role"] == "assistant"
        assert message["content"] == content
        assert message.get("tool_calls", []) == [PARSED] * calls
        assert "reasoning_content" not in message


@pytest.mark.parametrize(
    ("written", "reasoning", "content"),
    [
        ("<think>\nHm.\n</think>\n\nYes.", "Hm.", "Yes."),
        ("<think>Hm.</think>Yes.", "Hm.", "Yes."),
        ("<think>\nHm.\n</think>\nYes.", "Hm.", "Yes."),
        ("<think>\n\nHm.\n\n</think>\n\n\nYes.", "\nHm.\n", "\nYes."),
        ("<think>a<tool_call>b</think>", "a<tool_call>b", ""),
    ],
)
def test_thinking(tokenizer: BPE, written: str, reasoning: str, content: str) -> None:
    for output in (written, ids_of(tokenizer, written)):
        message = parse_assistant(output, tokenizer)
        assert message == {"role": "assistant", "reasoning_content": reasoning, "content": content}


def test_thinking_and_calls(tokenizer: BPE) -> None:
    message = parse_assistant("<think>\nHm.\n</think>\n\n" + CALL, tokenizer)
    assert message == {"role": "assistant", "reasoning_content": "Hm.", "content": "", "tool_calls": [PARSED]}


def test_empty_thinking_is_none(tokenizer: BPE) -> None:
    assert parse_assistant("<think>\n\n</think>\n\nYes.", tokenizer) == {"role": "assistant", "content": "Yes."}


def test_in_ids_a_call_spelled_in_plain_text_is_text(tokenizer: BPE) -> None:
    """A model can quote a call without making it."""
    message = parse_assistant(tokenizer.encode(CALL), tokenizer)
    assert message == {"role": "assistant", "content": CALL}
