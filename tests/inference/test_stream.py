"""A streamed reply is the same reply, in pieces that can be shown at once."""

import pytest

from orrery.inference.sampling import Sampling
from orrery.inference.stream import Done, Event, TextDelta, TextStream, ToolCallEvent, ToolResultEvent
from tests.inference.assistant import ANSWERS, BROKEN, MALFORMED, Assistant, user

LONG = Sampling(max_tokens=200)


def events_of(assistant: Assistant, question: str, sampling: Sampling = LONG) -> list[Event]:
    return list(assistant.engine().stream([user(question)], sampling))


@pytest.mark.parametrize("question", [*ANSWERS, BROKEN])
def test_a_streamed_reply_is_the_one_that_chat_gives(assistant: Assistant, question: str) -> None:
    *events, done = events_of(assistant, question)
    (turn,) = assistant.engine().turns([[user(question)]], LONG)
    assert done == Done(turn)
    texts = "".join(event.text for event in events if isinstance(event, TextDelta))
    said = [message["content"] for message in turn.messages if message["role"] == "assistant"]
    assert texts.replace("\n", "") == "".join(said).replace("\n", "")
    assert [event.content for event in events if isinstance(event, ToolResultEvent)] == [
        message["content"] for message in turn.messages if message["role"] == "tool"
    ]


def test_calls_are_events_in_their_place_and_never_text(assistant: Assistant) -> None:
    events = events_of(assistant, "Two sums")
    shown = [event for event in events if not isinstance(event, TextDelta | Done)]
    assert shown == [
        ToolCallEvent("calculator", {"expression": "1+2"}),
        ToolCallEvent("calculator", {"expression": "3+4"}),
        ToolResultEvent("3"),
        ToolResultEvent("7"),
    ]
    before = "".join(e.text for e in events[: events.index(shown[0])] if isinstance(e, TextDelta))
    after = "".join(e.text for e in events[events.index(shown[-1]) :] if isinstance(e, TextDelta))
    assert (before.strip(), after) == ("Let me see.", "They are 3 and 7.")


def test_a_malformed_call_is_shown_as_the_text_it_is(assistant: Assistant) -> None:
    *events, _ = events_of(assistant, BROKEN)
    assert events[:2] == [TextDelta("<tool_call>{oops</tool_call>"), ToolResultEvent(MALFORMED)]


def test_a_character_is_shown_when_its_last_byte_has_come(assistant: Assistant) -> None:
    deltas = [event.text for event in events_of(assistant, "Greet the world") if isinstance(event, TextDelta)]
    text = ANSWERS["Greet the world"][0]["content"]
    tokens = assistant.tokenizer.encode(text)
    assert any("\ufffd" in assistant.tokenizer.decode([token]) for token in tokens), "no token ends inside a character"
    assert "".join(deltas) == text and "\ufffd" not in text and 1 < len(deltas) < len(tokens)


def test_bytes_that_never_become_a_character_are_shown_as_replacements(assistant: Assistant) -> None:
    stream = TextStream(assistant.tokenizer)
    globe = assistant.tokenizer.encode("a🌍")
    shown = "".join(stream.push(token) for token in globe[:-1]) + stream.finish()
    assert shown == assistant.tokenizer.decode(globe[:-1]) and shown.endswith("\ufffd")


def test_text_arrives_while_it_is_written(assistant: Assistant) -> None:
    stream = assistant.engine().stream([user("Hi")], LONG)
    first = next(stream)
    assert isinstance(first, TextDelta) and "Hello.".startswith(first.text) and first.text != "Hello."
    stream.close()  # type: ignore[attr-defined]  # as Ctrl-C does


def test_a_reply_cut_by_max_tokens_says_so(assistant: Assistant) -> None:
    *_, done = events_of(assistant, "Hi", Sampling(max_tokens=1))
    assert isinstance(done, Done) and done.turn.finish_reason == "length"
