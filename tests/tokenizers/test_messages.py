"""Conversations from outside are checked; the error says where and which field."""

from typing import Any

import pytest

from orrery.errors import DataError
from orrery.tokenizers.messages import validate_messages

USER = {"role": "user", "content": "hi"}
CALL = {"type": "function", "function": {"name": "calculator", "arguments": {"expression": "1+1"}}}
CALLS = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "content": "2"}
ANSWER = {"role": "assistant", "content": "2", "reasoning_content": "easy"}


@pytest.mark.parametrize(
    "messages",
    [
        [USER],
        [{"role": "system", "content": ""}, USER, ANSWER],
        [USER, CALLS, RESULT, ANSWER],
        [USER, {"role": "assistant", "tool_calls": [CALL, CALL]}, RESULT, RESULT, ANSWER],
        [USER, CALLS],
        [USER | {"id": 3}, ANSWER | {"tool_calls": None}],
    ],
)
def test_conversations_that_can_be_rendered_pass(messages: list[dict[str, Any]]) -> None:
    validate_messages(messages, "here")


CALLED = r": messages\[0\].tool_calls\[0\].function."


def called(**function: Any) -> list[dict[str, Any]]:
    return [{"role": "assistant", "tool_calls": [{"function": function}]}]


@pytest.mark.parametrize(
    ("messages", "field"),
    [
        (None, ": messages must be a list, not nothing"),
        ({"role": "user"}, ": messages must be a list, not an object"),
        ([], ": messages is empty"),
        (["hi"], r": messages\[0\] must be an object with role and content, not a string"),
        ([{"content": "hi"}], r": messages\[0\].role is missing; it must be one of system, user, assistant, tool"),
        ([USER, {"role": "bot", "content": "hi"}], r": messages\[1\].role is 'bot'"),
        ([{"role": ["user"], "content": "hi"}], r": messages\[0\].role is \['user'\]"),
        ([{"role": "user"}], r": messages\[0\].content is missing"),
        ([{"role": "user", "content": None}], r": messages\[0\].content is missing"),
        ([{"role": "assistant", "content": None, "tool_calls": []}], r": messages\[0\].content is missing"),
        ([{"role": "user", "content": 3}], r": messages\[0\].content must be a string, not a number"),
        ([{"role": "user", "content": [{"type": "text"}]}], r": messages\[0\].content must be a string, not a list"),
        ([{"role": "user", "content": "\ud83d"}], r": messages\[0\].content holds '\\ud83d', half of a surrogate"),
        ([USER, RESULT], r": messages\[1\] is a tool's result, but no tool call"),
        ([USER, CALLS, RESULT, RESULT], r": messages\[3\] is a tool's result, but no tool call"),
        ([USER, CALLS, USER, RESULT], r": messages\[3\] is a tool's result, but no tool call"),
        ([USER | {"tool_calls": [CALL]}], r": messages\[0\].tool_calls: only an assistant"),
        ([USER | {"reasoning_content": "hm"}], r": messages\[0\].reasoning_content: only an assistant"),
        ([ANSWER | {"reasoning_content": 3}], r": messages\[0\].reasoning_content must be a string"),
        ([ANSWER | {"tool_calls": CALL}], r": messages\[0\].tool_calls must be a list, not an object"),
        ([ANSWER | {"tool_calls": ["f()"]}], r": messages\[0\].tool_calls\[0\] must be \{"),
        ([ANSWER | {"tool_calls": [{"name": "f"}]}], r": messages\[0\].tool_calls\[0\] must be \{"),
        (called(arguments={}), CALLED + r"name must be a string that is not empty"),
        (called(name="", arguments={}), CALLED + r"name must be a string that is not empty"),
        (called(name="f"), CALLED + r"arguments must be an object, not nothing"),
        (
            called(name="f", arguments='{"a": 1}'),
            CALLED + r"arguments must be an object, not a string; parse the JSON in it",
        ),
        (called(name="f", arguments={"a": {1}}), CALLED + r"arguments cannot be written as JSON"),
        (called(name="f", arguments={"a": "\ud83d"}), CALLED + r"arguments holds"),
    ],
)
def test_the_error_names_place_and_field(messages: Any, field: str) -> None:
    with pytest.raises(DataError, match="^chats.jsonl line 3" + field):
        validate_messages(messages, "chats.jsonl line 3")


def test_training_wants_an_assistant() -> None:
    with pytest.raises(DataError, match="^here: no message has the role assistant"):
        validate_messages([USER], "here", training=True)
    validate_messages([USER, ANSWER], "here", training=True)


def test_a_message_may_be_left_out_of_training_but_not_all() -> None:
    asked, wrong, right = {"role": "user", "content": "hi"}, {"role": "assistant", "content": "x", "weight": 0}, {
        "role": "assistant", "content": "y", "weight": 1}  # fmt: skip
    validate_messages([asked, wrong, right], "here", training=True)
    with pytest.raises(DataError, match="^here: all messages of the assistant have weight 0"):
        validate_messages([asked, wrong], "here", training=True)
    with pytest.raises(DataError, match=r"messages\[1\].weight is 0.5; it must be 0 \(not trained on\) or 1"):
        validate_messages([asked, {**wrong, "weight": 0.5}], "here")
