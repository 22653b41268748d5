"""GSM8K's form: calculator marks become calls, and nothing of a solution is lost."""

import json
from pathlib import Path

import pytest

from orrery.data.gsm8k import conversation, is_gsm8k, truth_of
from orrery.stages.conversations import read_conversations
from orrery.tokenizers.messages import Message, validate_messages

ANSWER = "Natalia sold 48/2 = <<48/2=24>>24 clips in May.\nNatalia sold 48+24 = <<48+24=72>>72 clips.\n#### 72"


def said(messages: list[Message]) -> str:
    return "".join(message["content"] for message in messages if message["role"] == "assistant")


def test_a_mark_becomes_a_call_at_its_place() -> None:
    messages = conversation("How many?", ANSWER)
    assert [message["role"] for message in messages] == ["user", *["assistant", "tool"] * 2, "assistant"]
    assert messages[1]["content"] == "Natalia sold 48/2 = "
    assert messages[1]["tool_calls"][0]["function"] == {"name": "calculator", "arguments": {"expression": "48/2"}}
    assert messages[2]["content"] == "24"
    assert messages[-1]["content"] == "72 clips.\n#### 72"
    validate_messages(messages, "here", training=True)


@pytest.mark.parametrize("mark", ["<<1/3=0.33>>", "<<2+2=5>>", "<<x*2=4>>", "<<9**9**9=1>>", "<<2+2=four>>"])
def test_a_mark_that_the_calculator_does_not_confirm_is_left_out(mark: str) -> None:
    messages = conversation("?", f"It is {mark}so much.\n#### 4")
    assert [message["role"] for message in messages] == ["user", "assistant"]
    assert messages[1]["content"] == "It is so much.\n#### 4"


def test_the_answer_is_what_the_last_mark_says() -> None:
    assert truth_of(ANSWER) == "72" and truth_of("#### 1\n#### 2,000 ") == "2,000"
    assert truth_of("72") is None and truth_of("so #### 72") is None
    assert is_gsm8k({"question": "?", "answer": "#### 1"}) and not is_gsm8k({"question": "?"}) and not is_gsm8k([1])


@pytest.mark.real_data
def test_every_solution_is_a_conversation(real_data: Path) -> None:
    path = real_data / "gsm8k_train.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    found = read_conversations([path])
    assert len(found) == len(rows)
    calls = sum(bool(message.get("tool_calls")) for messages in found for message in messages)
    marks = sum(row["answer"].count("<<") for row in rows)
    assert calls > 0.97 * marks, "nearly all marks are what the calculator says"
    for row, messages in zip(rows, found, strict=True):
        assert messages[0]["content"] == row["question"]
        assert said(messages).endswith(f"#### {truth_of(row['answer'])}") and "<<" not in said(messages)
