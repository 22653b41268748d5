"""A conversation that outgrows its context: what leaves it is recalled when it is wanted, also in the next run."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from orrery.agents.conversation import HEADER, Conversation, meter
from orrery.database import open_database
from orrery.tokenizers.chat import Message


def count(messages: Sequence[Message]) -> int:
    """A token a word."""
    return sum(len(message["content"].split()) for message in messages)


def test_turns_stand_before_the_next_question(tmp_path: Path) -> None:
    with open_database(tmp_path) as database:
        talk = Conversation(database, 100, count)
        talk.add("I am Ada.", "Hello Ada.")
        ready = talk.prepare("Who am I?")
    assert [message["content"] for message in ready.messages] == ["I am Ada.", "Hello Ada."]
    assert (ready.tokens, ready.moved, ready.recalled) == (8, 0, 0)


def test_the_oldest_leave_when_the_budget_is_used_up_and_are_recalled_when_asked_about(tmp_path: Path) -> None:
    with open_database(tmp_path) as database:
        talk = Conversation(database, 28, count)
        talk.add("My cat is called Tess.", "A fine name.")
        talk.add("The weather was bad yesterday.", "So it was, all day long.")
        other = talk.prepare("And how will the day be tomorrow, what do you think?")
        assert (other.moved, other.recalled) == (1, 0) and other.tokens <= 28
        assert [message["content"] for message in other.messages][0] == "The weather was bad yesterday."
        ready = talk.prepare("Name my cat?")
    assert ready.recalled == 1 and ready.tokens <= 28
    [system, *_] = ready.messages
    assert system == {
        "role": "system",
        "content": f"{HEADER}\nUser: My cat is called Tess.\nAssistant: A fine name.",
    }


def test_later_conversations_recall_earlier_ones(tmp_path: Path) -> None:
    with open_database(tmp_path) as database:
        Conversation(database, 100, count).add("My cat is called Tess.", "A fine name.")
    with open_database(tmp_path) as database:
        talk = Conversation(database, 100, count)
        assert talk.prepare("What is my cat called?").recalled == 1
        assert talk.prepare("What is the sum of 1 and 2?").recalled == 0, "only words that say something count"
        talk.add("What is my cat called?", "Tess.")
        assert talk.forget() == 2
        assert talk.prepare("What is my cat called?").messages == []


def test_what_is_recalled_never_breaks_the_budget(tmp_path: Path) -> None:
    with open_database(tmp_path) as database:
        talk = Conversation(database, 12, count)
        for number in range(3):
            Conversation(database, 12, count).add(f"cat number {number} " + "word " * number * 6, "ok")
        ready = talk.prepare("the cat word?")
    assert ready.tokens <= 12


@pytest.mark.parametrize(("used", "full"), [(0, 0), (50, 10), (100, 20), (150, 20)])
def test_the_meter(used: int, full: int) -> None:
    assert meter(used, 100) == "█" * full + "░" * (20 - full) + f" {used} of 100 tokens"
