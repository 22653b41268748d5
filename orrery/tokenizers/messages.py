"""What a conversation is, and checking one that comes from outside.

A conversation is a list of messages, dictionaries as the OpenAI API has them:

    {"role": "system", "content": "Answer briefly."}
    {"role": "user", "content": "What is 12 times 7?"}
    {"role": "assistant", "content": null,
     "tool_calls": [{"type": "function", "function": {"name": "calculator", "arguments": {"expression": "12*7"}}}]}
    {"role": "tool", "content": "84"}
    {"role": "assistant", "reasoning_content": "The tool says 84.", "content": "It is 84."}

Other keys are allowed and not looked at.
"""

import json
from typing import Any

from orrery.errors import DataError

Message = dict[str, Any]
ROLES = ("system", "user", "assistant", "tool")


def validate_messages(messages: Any, where: str, *, training: bool = False) -> None:
    """Check that ``messages`` is a conversation that can be rendered.

    Args:
        where: what the error calls it, such as "chats.jsonl line 3".
        training: ask for at least one assistant message, since nothing else is trained on.

    Raises:
        DataError: naming ``where``, the message and the field.
    """
    if not isinstance(messages, list):
        raise DataError(f"{where}: messages must be a list, not {_kind(messages)}")
    if not messages:
        raise DataError(f"{where}: messages is empty; give at least one message")
    unanswered = 0  # tool calls that still wait for a result
    for index, message in enumerate(messages):
        at = f"{where}: messages[{index}]"
        if not isinstance(message, dict):
            raise DataError(f"{at} must be an object with role and content, not {_kind(message)}")
        role = message.get("role")
        if role not in ROLES:
            found = f"is {role!r}" if "role" in message else "is missing"
            raise DataError(f"{at}.role {found}; it must be one of {', '.join(ROLES)}")
        calls = message.get("tool_calls")
        if role == "assistant":
            _check_calls(calls, at)
        elif calls:
            raise DataError(f"{at}.tool_calls: only an assistant calls tools, not {role}")
        if message.get("weight", 1) not in (0, 1):
            raise DataError(f"{at}.weight is {message['weight']!r}; it must be 0 (not trained on) or 1")
        reasoning = message.get("reasoning_content")
        if reasoning is not None:
            if role != "assistant":
                raise DataError(f"{at}.reasoning_content: only an assistant thinks, not {role}")
            _check_text(reasoning, f"{at}.reasoning_content")
        if message.get("content") is not None:
            _check_text(message["content"], f"{at}.content")
        elif not calls:
            raise DataError(f"{at}.content is missing (of a message by {role}); only a message of tool calls has none")
        if role == "tool":
            if not unanswered:
                raise DataError(f"{at} is a tool's result, but no tool call before it waits for one")
            unanswered -= 1
        else:
            unanswered = len(calls or ())
    said = [message for message in messages if message["role"] == "assistant"]
    if training and not said:
        raise DataError(f"{where}: no message has the role assistant, so there is nothing to train on")
    if training and not any(message.get("weight", 1) for message in said):
        raise DataError(f"{where}: all messages of the assistant have weight 0, so there is nothing to train on")


def _check_calls(calls: Any, at: str) -> None:
    if calls is None:
        return
    if not isinstance(calls, list):
        raise DataError(f"{at}.tool_calls must be a list, not {_kind(calls)}")
    for index, call in enumerate(calls):
        here = f"{at}.tool_calls[{index}]"
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict):
            raise DataError(f'{here} must be {{"type": "function", "function": {{"name": …, "arguments": {{…}}}}}}')
        name = function.get("name")
        if not isinstance(name, str) or not name:
            raise DataError(f"{here}.function.name must be a string that is not empty")
        _check_text(name, f"{here}.function.name")
        arguments = function.get("arguments")
        if not isinstance(arguments, dict):
            hint = "; parse the JSON in it first" if isinstance(arguments, str) else ""
            raise DataError(f"{here}.function.arguments must be an object, not {_kind(arguments)}{hint}")
        try:
            _check_text(json.dumps(arguments, ensure_ascii=False), f"{here}.function.arguments")
        except (TypeError, ValueError, RecursionError) as error:
            raise DataError(f"{here}.function.arguments cannot be written as JSON: {error}") from error


def _check_text(text: Any, at: str) -> None:
    if not isinstance(text, str):
        raise DataError(f"{at} must be a string, not {_kind(text)}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{at} holds {text[error.start]!r}, half of a surrogate pair, which is no character") from error


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "true or false", int: "a number"}
    return "nothing" if value is None else kinds.get(type(value), type(value).__name__)
