"""Chats in the database: a tree of messages, of which one branch is the conversation at present."""

from collections.abc import Sequence

import pytest

from orrery.database import Database
from orrery.errors import ConfigError
from orrery.inference.chat_history import (
    ChatMessage,
    Origin,
    add_chat,
    add_messages,
    answers_to,
    latest_chats,
    read_chat,
    replies_in,
    update_chat,
)
from orrery.inference.sampling import Sampling
from tests.inference.assistant import calls, says, tool, user


def ids(rows: Sequence[ChatMessage]) -> list[int]:
    return [row.id for row in rows]


ORIGIN = Origin("runs/x/sft", "Be brief.", Sampling(temperature=0.7, seed=3, stop=("###",)), "stop")


def test_messages_come_back_as_they_were_with_where_they_come_from(database: Database) -> None:
    chat = add_chat(database, model="runs/x/sft", system="Be brief.")
    messages = [calls("1+2"), tool("3"), says("Three 🌍.")]
    (asked,) = add_messages(database, chat, [user("Sum")], None)
    reply = add_messages(database, chat, messages, asked, ORIGIN)
    found, path = read_chat(database, chat)
    assert (found.model, found.system, found.head) == ("runs/x/sft", "Be brief.", reply[-1].id)
    assert [row.message for row in path] == [user("Sum"), *messages]
    assert [row.parent_id for row in path] == [None, asked.id, *ids(reply[:-1])]
    assert path[0].sampling is None and path[0].model is None
    for row in path[1:]:
        assert (row.model, row.system) == ("runs/x/sft", "Be brief.")
        assert (
            Sampling(**{**(row.sampling or {}), "stop": ("###",), "stop_ids": (), "logit_bias": ()}) == ORIGIN.sampling
        )
    assert [row.finish_reason for row in path] == [None, None, None, "stop"]


def test_answers_branch_and_the_head_says_which_branch_it_is(database: Database) -> None:
    chat = add_chat(database, model="m", system=None)
    (asked,) = add_messages(database, chat, [user("Sum")], None)
    first = add_messages(database, chat, [calls("1+2"), tool("3"), says("Three.")], asked, ORIGIN)
    add_messages(database, chat, [user("Why?")], first[-1])
    second = add_messages(database, chat, [says("3")], asked, ORIGIN)
    aside = add_messages(database, chat, [says("III")], asked, ORIGIN, aside=True)
    assert [[row.id for row in answer] for answer in answers_to(database, asked.id)] == [
        ids(first),
        ids(second),
        ids(aside),
    ]
    assert [row.id for row in read_chat(database, chat)[1]] == ids([asked, *second])
    update_chat(database, chat, system="Be brief.", head=first[1].id)
    found, path = read_chat(database, chat)
    assert [row.id for row in path] == ids([asked, *first[:2]]) and found.system == "Be brief."
    assert replies_in(database, chat) == 3


def test_the_list_is_of_chats_in_which_something_was_said(database: Database) -> None:
    one, two, _ = (add_chat(database, model=name, system=None) for name in "abc")
    add_messages(database, two, [user("Second")], None)
    add_messages(database, one, [user("First"), says("Hello.")], None)
    listed = latest_chats(database, 9)
    assert [(chat.chat.model, chat.first, chat.messages) for chat in listed] == [("a", "First", 2), ("b", "Second", 1)]
    assert listed[0].latest >= listed[1].latest and [chat.first for chat in latest_chats(database, 1)] == ["First"]


@pytest.mark.parametrize("number", [0, -1, 7, 2**63, -(2**70)])
def test_a_chat_that_is_not_there_is_an_error(database: Database, number: int) -> None:
    with pytest.raises(ConfigError, match=f"there is no chat {number}"):
        read_chat(database, number)
